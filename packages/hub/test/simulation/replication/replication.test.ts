import { expect, test } from 'vitest'
import { simulateReplication } from './replication.ts'

/** Few enough for a failure to be told soon. */
const perTest = 1000
const seeds = 10_000

for (let from = 1; from <= seeds; from += perTest) {
  const through = Math.min(from + perTest, seeds + 1) - 1
  test(`every node gets every event of its engine once and in order, with seeds ${from} to ${through}`, {
    timeout: 600_000,
  }, async () => {
    for (let seed = from; seed <= through; seed++) {
      const { failure } = await simulateReplication(seed)
      if (failure === undefined) continue
      const { trace } = await simulateReplication(seed, true)
      expect.fail(`Seed ${seed}: ${failure}\n${trace.slice(-60).join('\n')}`)
    }
  })
}
