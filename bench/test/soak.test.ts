import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { plotOf } from '../soak/plot.ts'
import { readMetric } from '../soak/sampler.ts'
import { type SoakResult, soak } from '../soak/soak.ts'
import { failuresOf, judge, summaryOf, tableOf } from '../soak/verdict.ts'

test('a short soak delivers everything, samples the hub, and comes to a table and a plot', {
  timeout: 240_000,
}, async () => {
  const result = await soak({
    ...{ seconds: 5, warmUpSeconds: 1, eventsPerSecond: 40, subscribers: 10, threads: 1, maxEvents: 10_000 },
    ...{ sampleSeconds: 0.5, collectSeconds: 2 },
  })
  expect(result.faults).toMatchObject({
    lost: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    misdirected: 0,
    refused: 0,
  })
  expect(result.delivered).toBeGreaterThan(0)
  expect(result.published).toBeGreaterThan(0)
  const last = result.samples.at(-1)!
  expect(last.isCollected).toBe(true)
  for (const name of ['rss', 'heapUsed', 'external', 'openFiles', 'storeBytes', 'subscribers', 'cpuMs'] as const) {
    expect(last[name], name).toBeGreaterThan(0)
  }
  expect(judge(result).map(({ verdict }) => verdict)).toContain('too short to tell')
  expect(tableOf(result)).toContain('| resident memory (RSS), MB |')
  expect(await plotOf(result)).toMatch(/^<svg[\s\S]*resident \(RSS\)[\s\S]*<\/svg>\n$/)
})

const flat = { rss: 100e6, heapUsed: 15e6, external: 6e6, storeBytes: 5e6, openFiles: 200, feeds: 30 }
const others = { heapTotal: 20e6, arrayBuffers: 5e6, subscribers: 1, connections: 1, majorCollections: 0 }

/** A sample each minute, for half an hour unless stated otherwise. */
function resultOf(change: (minute: number) => Partial<typeof flat>, faults = {}, minutes = 30): SoakResult {
  const samples = Array.from({ length: minutes + 1 }, (_, minute) => ({
    ...{ ...flat, ...others, ...change(minute) },
    ...{ at: minute * 60, eventLoopP99Ms: 1, cpuMs: 100, isCollected: minute % 2 === 0 },
  }))
  const none = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, misdirected: 0, gaps: 0, broken: 0, closed: 0 }
  return {
    ...{ startedAt: '2026-01-01T00:00', machine: 'a machine', published: 90_000, publishP50Ms: 2, publishP99Ms: 9 },
    options: {
      ...{ seconds: 1800, warmUpSeconds: 300, eventsPerSecond: 50, subscribers: 200, threads: 1, maxEvents: 6000 },
      ...{ sampleSeconds: 60, collectSeconds: 120 },
    },
    ...{ delivered: 1_000_000, topics: 4000, returned: 900, gone: 800, strays: 1800 },
    ...{ hubCpuSeconds: 100, clientCpuSeconds: 90, faults: { ...none, refused: 0, ...faults }, samples },
  }
}

test('a soak passes when nothing grew and all was delivered', () => {
  const result = resultOf(() => ({}))
  expect(failuresOf(result)).toEqual([])
  expect(summaryOf(result)).toContain('1,000,000 deliveries verified: none lost, duplicated, reordered or altered.')
})

test('a soak fails by whatever grew, and says how much', () => {
  expect(failuresOf(resultOf((minute) => ({ rss: 100e6 + minute * 1e6 })))).toEqual([
    'resident memory (RSS) grows by 60.0 MB an hour, 20 are allowed',
  ])
  expect(failuresOf(resultOf((minute) => ({ feeds: 30 + minute })))).toEqual([
    'feeds grows by 60.0 an hour, 10 are allowed',
  ])
})

test('the heap is judged by what is left after a collection, however much garbage there is between', () => {
  const garbage = resultOf((minute) => ({ heapUsed: minute % 2 === 0 ? 15e6 : 15e6 + minute * 1e6 }))
  expect(failuresOf(garbage)).toEqual([])
})

test('the store is judged when keys are an hour old, since until then it has more of them each minute', () => {
  const until = (end: number) => (minute: number) => ({ storeBytes: 5e6 + Math.min(minute, end) * 0.3e6 })
  const verdictOf = (result: SoakResult) => judge(result).find(({ title }) => title === 'store on disk')!.verdict
  expect(verdictOf(resultOf(until(60)))).toBe('too short to tell')
  expect(verdictOf(resultOf(until(60), {}, 120))).toBe('flat')
  expect(verdictOf(resultOf(until(120), {}, 120))).toBe('grows')
})

test('a soak fails by one event that was not delivered as it should be', () => {
  expect(failuresOf(resultOf(() => ({}), { lost: 1, reordered: 2 }))).toEqual(['1 lost', '2 reordered'])
})

test('a metric is read by its whole name', () => {
  const metrics = '# TYPE a gauge\na_total 5\na 3\nb{kind="major"} 7\n'
  expect([readMetric(metrics, 'a'), readMetric(metrics, 'b{kind="major"}'), readMetric(metrics, 'c')]).toEqual([
    3, 7, 0,
  ])
})

test.each([
  [['--minutes', 'x'], '--minutes is "x". Give a number above 0, such as --minutes 10. npm run test:soak -- --help'],
  [['--subscribers', '1.5'], '--subscribers is "1.5". Give a whole number, such as --subscribers 10.'],
  [['--warm-up', '30'], '--warm-up is not less than --minutes: nothing would count. Give it less.'],
  [['--plot', 'nowhere.json'], 'nowhere.json. Give the last-run.json of a soak.'],
  [['--minuts', '3'], "Unknown option '--minuts'"],
])('called with %j it says what to write instead, and ends with 2', (args, message) => {
  const main = fileURLToPath(new URL('../soak/main.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
  })
  expect(stderr).toContain(message)
  expect(status).toBe(2)
})
