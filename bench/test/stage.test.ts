import { expect, test } from 'vitest'
import type { GroupReport } from '../hub/crowd/crowd.ts'
import { Histogram } from '../hub/crowd/histogram.ts'
import { deliveryMeasures, joined, type Measured } from '../hub/scenarios/stage.ts'

test('what was measured in parts adds up, and a fault that was counted once stays one', () => {
  const parts = [partOf([1, 1, 1], 0, 0.5), partOf([1, 1, 9], 1, 0.1)]
  const whole = joined(parts)
  expect(whole).toMatchObject({ cpuMs: 20, clientCpuMs: 10, workedMs: 2000, tookMs: 2000 })
  expect(whole.othersCpuShare).toBeCloseTo(0.3)
  expect(whole.groups).toMatchObject([{ label: 'subscribers', subscribers: 3, delivered: 6, lost: 1 }])
  const { cpuUsPerDelivery, p50Ms, p99Ms, othersCpuPercent } = deliveryMeasures(whole, 2)
  expect(cpuUsPerDelivery).toBeCloseTo(20_000 / 6)
  expect(p50Ms).toBeCloseTo(1, 1)
  expect(p99Ms).toBeGreaterThan(8)
  expect(othersCpuPercent).toBeCloseTo(30)
})

function partOf(latenciesMs: readonly number[], lostSoFar: number, othersCpuShare: number): Measured {
  const latencies = new Histogram()
  for (const ms of latenciesMs) latencies.add(ms)
  const group: GroupReport = {
    label: 'subscribers',
    subscribers: 3,
    delivered: latenciesMs.length,
    lost: lostSoFar,
    extra: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    misdirected: 0,
    gaps: 0,
    interleaved: 0,
    broken: 0,
    closed: 0,
    heartbeats: 0,
    lastAt: 0,
    latencies: latencies.counts,
    lastEventId: '',
  }
  return { groups: [group], cpuMs: 10, clientCpuMs: 5, othersCpuShare, workedMs: 1000, tookMs: 1000 }
}
