import { expect, test } from 'vitest'
import { aims, judge } from '../hub/report/aims.ts'
import { plotOf } from '../hub/report/plot.ts'
import { publishPathAims } from '../hub/report/publish-path-aims.ts'
import { faultsOf, type Results, type Trial } from '../hub/report/results.ts'
import { tableOf } from '../hub/report/table.ts'
import { chooseScenarios, scenarios } from '../hub/scenarios/all.ts'

function trial(scenario: string, peer: string, measures: Record<string, number>, rest: Partial<Trial> = {}): Trial {
  return { scenario, peer, round: 0, measures, delivered: 100, faults: {}, ...rest }
}

const wide = (hub: number, nchan: number) => [
  trial('wide', 'hub', { cpuUsPerDelivery: hub }),
  trial('wide', 'nchan', { cpuUsPerDelivery: nchan }),
]

test('an aim is reached, or missed by a factor', () => {
  expect(judge(wide(0.5, 5))).toMatchObject([{ toReach: 'at most 0.100x', measured: '0.100x', verdict: 'reached' }])
  expect(judge(wide(1, 5))).toMatchObject([{ measured: '0.200x', verdict: 'not reached, by a factor of 2.00' }])
  expect(judge([trial('publish-64', 'hub', { publishesPerSecond: 4000 })])).toMatchObject([
    { toReach: 'at least 8,000', measured: '4,000', verdict: 'not reached, by a factor of 2.00' },
  ])
})

test('an aim within one peer compares its measures', () => {
  const trials = [trial('slow', 'hub', { p99WithMs: 6, p99WithoutMs: 5 })]
  expect(judge(trials)).toMatchObject([{ measured: '1.20x', verdict: 'reached' }])
})

test('is doubtful when most of the machine was busy with something else', () => {
  const busy = [...wide(0.5, 5), trial('wide', 'naive', { othersCpuPercent: 50 })]
  expect(judge(busy)).toMatchObject([{ verdict: 'reached; doubtful, others took 50 % of the CPU' }])
  const calm = [...wide(0.5, 5), trial('wide', 'naive', { othersCpuPercent: 5 })]
  expect(judge(calm)).toMatchObject([{ verdict: 'reached' }])
})

test('is judged by medians over the rounds', () => {
  const trials = [...wide(1, 5), ...wide(0.4, 5), ...wide(0.5, 500)]
  expect(judge(trials)).toMatchObject([{ measured: '0.100x', verdict: 'reached' }])
})

test('is not reached by a hub that lost events, or failed in a round', () => {
  const lossy = [...wide(0.1, 5), trial('wide', 'hub', { cpuUsPerDelivery: 0.1 }, { faults: { lost: 1 } })]
  expect(judge(lossy)[0]!.verdict).toContain('not reached: events were not delivered')
  const failed = [...wide(0.1, 5), trial('wide', 'hub', {}, { error: 'It did not start.' })]
  expect(judge(failed)[0]!.verdict).toContain('not reached')
})

test('nothing is judged without measures of both sides, nor by one that is no number', () => {
  expect(judge([trial('wide', 'hub', { cpuUsPerDelivery: 1 })])).toEqual([])
  expect(judge(wide(1, Number.NaN))[0]!.verdict).toContain('not reached')
})

test('every aim is of a scenario that its peers take part in', () => {
  for (const { scenario, peer = 'hub', by } of [...aims, ...publishPathAims]) {
    const { peers } = scenarios.find(({ name }) => name === scenario)!
    expect(peers).toContain(peer)
    if (by?.peer) expect(peers).toContain(by.peer)
  }
})

test('scenarios are chosen by name, and those that begin alike together', () => {
  expect(chooseScenarios(['wide', 'burst']).map(({ name }) => name)).toEqual(['wide', 'burst-1', 'burst-16'])
  expect(chooseScenarios([])).toBe(scenarios)
  expect(() => chooseScenarios(['fast'])).toThrow('There is no scenario fast. There are: burst-1,')
})

const results: Results = {
  startedAt: '2026-01-01T00:00',
  command: 'npm run bench:hub',
  machine: 'a machine',
  rounds: 1,
  scale: 1,
  trials: [...wide(0.5, 5), trial('wide', 'naive', {}, { error: 'It broke.' })],
}

test('the table has the aims, and for each scenario the medians of each peer and whether what came was right', () => {
  const table = tableOf(results, scenarios)
  expect(table).toContain('| wide | CPU per delivered event / nchan | at most 0.100x | 0.100x | reached |')
  expect(table).toContain('| hub | 0.50 | all, whole, in order |')
  expect(table).toContain('| naive |  | 1 of 1 rounds failed |')
  const silent = { ...results, trials: [trial('publish-1', 'hub', { publishesPerSecond: 1 }, { delivered: 0 })] }
  expect(tableOf(silent, scenarios)).toContain('| hub | 1.00 | nobody subscribes |')
  const lossy = { ...results, trials: [trial('wide', 'hub', {}, { faults: { lost: 2, closed: 1 } })] }
  expect(tableOf(lossy, scenarios)).toContain('| hub | lost 2, closed 1 |')
})

test('the version before stands beside the aims it would reach, and each hub is divided by all it is compared with', () => {
  const trials = [
    trial('crowd-50', 'hub', { cpuUsPerDelivery: 24 }),
    trial('crowd-50', 'hub-before', { cpuUsPerDelivery: 32 }),
    trial('crowd-50', 'naive', { cpuUsPerDelivery: 20 }),
  ]
  const aim = { before: '1.60x', measured: '1.20x', toReach: 'at most 1.20x', verdict: 'reached' }
  expect(judge(trials, publishPathAims)).toMatchObject([aim])
  const table = tableOf({ ...results, trials }, scenarios)
  expect(table).toContain(
    '| crowd-50 | CPU per delivery, durable / naive loop | at most 1.20x | 1.60x | 1.20x | reached |',
  )
  expect(table).toContain('| hub / hub-before | 0.75x |')
  expect(table).toContain('| hub / naive | 1.20x |')
  expect(table).not.toContain('hub / nchan')
})

test('the plot is an SVG with a bar for each peer', async () => {
  const svg = await plotOf(results)
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
  expect(svg).toContain('wide: CPU µs per delivery')
  expect(svg).toContain('nchan')
})

test('faults are added up, and only those there are', () => {
  const none = {
    extra: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    misdirected: 0,
    interleaved: 0,
    gaps: 0,
    broken: 0,
  }
  const group = {
    label: '',
    subscribers: 1,
    delivered: 1,
    heartbeats: 0,
    lastAt: 0,
    latencies: new Uint32Array(),
    lastEventId: '',
  }
  const reports = [
    { ...group, ...none, lost: 1, closed: 0 },
    { ...group, ...none, lost: 2, closed: 0 },
  ]
  expect(faultsOf(reports)).toEqual({ lost: 3 })
})
