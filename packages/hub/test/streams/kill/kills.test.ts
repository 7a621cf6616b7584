import { expect, test } from 'vitest'
import { runKills } from './kills.ts'

/** `npm run test:streams` asks for more. */
const kills = Number(process.env.HEADWATER_STREAM_KILLS ?? 8)
const seed = Number(process.env.HEADWATER_STREAM_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`200 token streams at once, and ${kills} times a SIGKILL of hub, producer or reader: what is read is what was written, and each ends once`, {
  timeout: 3_600_000,
}, async () => {
  const report = await runKills({ seed, kills, streams: 200 })
  console.log(
    [
      `seed ${seed}: 200 streams, ${report.tokens} tokens kept, ${report.readings} readings, ${report.seconds.toFixed(0)} s`,
      `killed: hub ${report.kills.hub}, producer ${report.kills.producer}, reader ${report.kills.reader}`,
      `ended: ${Object.entries(report.ended)
        .map(([how, count]) => `${how} ${count}`)
        .join(', ')}`,
      `slowest "lost": ${seconds(report.lostAfterMs.producer)} after its producer was killed, ${seconds(report.lostAfterMs.hub)} after the hub was up again`,
    ].join('\n'),
  )
  expect(report.findings.slice(0, 20), `HEADWATER_STREAM_SEED=${seed}`).toEqual([])
})

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
