import { expect, test } from 'vitest'
import { replayCommand } from './replay-command.ts'
import { simulate } from './simulation.ts'

/** Seeds of one test: few enough for a failure to be told soon. */
const perTest = 250

/** Makes tests of some seeds. The same ones every time: `npm run simulate -- --seeds 1000000` looks at others. */
export function testSeeds(first: number, count: number): void {
  for (let from = first; from < first + count; from += perTest) {
    const through = Math.min(from + perTest, first + count) - 1
    // As long as it takes: how fast the machine is says nothing of the hub.
    test(`every subscriber gets every event once and in order, with seeds ${from} to ${through}`, {
      timeout: 600_000,
    }, async () => {
      for (let seed = from; seed <= through; seed++) {
        const { failure } = await simulate({ seed })
        if (failure !== undefined) expect.fail(`Seed ${seed}: ${failure}\nTo see it happen: ${replayCommand(seed)}`)
      }
    })
  }
}
