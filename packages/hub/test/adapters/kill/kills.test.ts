import { expect, test } from 'vitest'
import { runAdapterKills } from './kills.ts'
import { kinds } from './kinds.ts'

/** `npm run test:streams` asks for more. */
const kills = Number(process.env.HEADWATER_STREAM_KILLS ?? 3)
const streams = Number(process.env.HEADWATER_STREAMS ?? 24)
const seed = Number(process.env.HEADWATER_STREAM_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`${streams} streams through the four adapters at once, and ${kills} times a SIGKILL of hub, application or reader`, {
  timeout: 3_600_000,
}, async () => {
  const report = await runAdapterKills({ seed, kills, streams })
  console.log(
    [
      `seed ${seed}: ${streams} streams, ${report.seconds.toFixed(0)} s`,
      `killed: hub ${report.kills.hub}, application ${report.kills.application}, reader ${report.kills.reader}`,
      ...kinds.map((kind) => {
        const { ended, tokens, readings } = report.of[kind]
        const ends = Object.entries(ended).map(([how, count]) => `${how} ${count}`)
        return `${kind}: ${tokens} tokens kept, ${readings} readings, ${ends.join(', ')}`
      }),
    ].join('\n'),
  )
  expect(report.findings.slice(0, 20), `HEADWATER_STREAM_SEED=${seed}`).toEqual([])
})
