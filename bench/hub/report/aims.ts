import { median } from '../../median.ts'
import { medianOf, type Trial } from './results.ts'

/** An aim: a measure of the hub, as it is or divided by another. */
export interface Aim {
  readonly scenario: string
  readonly measure: string
  readonly title: string
  /** Default `hub`. */
  readonly peer?: string
  /** The divisor of the measure: that of another peer, or another measure. Default: none. */
  readonly by?: { readonly peer?: string; readonly measure?: string }
  /** The most or the least that it must be. */
  readonly limit: { readonly atMost: number } | { readonly atLeast: number }
}

const byNchan = { peer: 'nchan' }

/** The aims of the hub. Every event is synced to disk unless stated otherwise. */
export const aims: readonly Aim[] = [
  ...['burst-1', 'burst-16'].flatMap((scenario): Aim[] => [
    {
      scenario,
      measure: 'cpuUsPerDelivery',
      title: 'CPU per delivered event / nchan',
      by: byNchan,
      limit: { atMost: 1 / 7 },
    },
    { scenario, measure: 'p50Ms', title: 'p50 latency / nchan', by: byNchan, limit: { atMost: 1 } },
  ]),
  {
    scenario: 'paced',
    measure: 'cpuUsPerDelivery',
    title: 'CPU per delivered event / nchan',
    by: byNchan,
    limit: { atMost: 1 },
  },
  { scenario: 'paced', measure: 'p99Ms', title: 'p99 latency / nchan', by: byNchan, limit: { atMost: 1 } },
  {
    scenario: 'wide',
    measure: 'cpuUsPerDelivery',
    title: 'CPU per delivered event / nchan',
    by: byNchan,
    limit: { atMost: 1 / 10 },
  },
  {
    scenario: 'topics',
    peer: 'hub-memory',
    measure: 'cpuUsPerPublish',
    title: 'CPU per publish, `memory:` / nchan',
    by: byNchan,
    limit: { atMost: 1.5 },
  },
  {
    scenario: 'topics',
    measure: 'cpuUsPerPublish',
    title: 'CPU per publish, durable / nchan',
    by: byNchan,
    limit: { atMost: 2 },
  },
  {
    scenario: 'idle',
    measure: 'bytesPerConnection',
    title: 'memory per connection / nchan',
    by: byNchan,
    limit: { atMost: 1 },
  },
  {
    scenario: 'idle',
    measure: 'cpuUsPerHeartbeat',
    title: 'CPU per heartbeat / nchan',
    by: byNchan,
    limit: { atMost: 1.1 },
  },
  {
    scenario: 'storm',
    measure: 'seconds',
    title: 'time until all are caught up / nchan',
    by: byNchan,
    limit: { atMost: 1 / 8 },
  },
  {
    scenario: 'slow',
    measure: 'p99WithMs',
    title: 'p99 of the live ones / the same without the slow ones',
    by: { measure: 'p99WithoutMs' },
    limit: { atMost: 1.2 },
  },
  {
    scenario: 'publish-64',
    measure: 'publishesPerSecond',
    title: 'durable acknowledged events/s, 64 publishers',
    limit: { atLeast: 8000 },
  },
  {
    scenario: 'publish-ndjson',
    measure: 'publishesPerSecond',
    title: 'durable acknowledged events/s, NDJSON stream',
    limit: { atLeast: 25_000 },
  },
]

/** An aim compared with the measurement. */
export interface Judgement {
  readonly scenario: string
  readonly title: string
  readonly toReach: string
  readonly measured: string
  /** The same for the version before, if it took part. */
  readonly before?: string
  readonly verdict: string
}

/**
 * Judges every aim with measures. A fault in what the hub delivered is a failure, however fast it
 * was.
 */
export function judge(trials: readonly Trial[], toReach: readonly Aim[] = aims): Judgement[] {
  return toReach.flatMap((aim) => {
    const { scenario, title, peer = 'hub', by, limit } = aim
    const quotient = measuredOf(trials, aim, peer)
    if (quotient === undefined) return []
    const before = measuredOf(trials, aim, `${peer}-before`)
    const isFaulty = trials.some(
      (trial) =>
        trial.scenario === scenario && trial.peer === peer && (trial.error || Object.keys(trial.faults).length),
    )
    const unit = by ? 'x' : ''
    return [
      {
        scenario,
        title,
        toReach: `${'atMost' in limit ? `at most ${short(limit.atMost)}` : `at least ${short(limit.atLeast)}`}${unit}`,
        measured: `${short(quotient)}${unit}`,
        ...(before !== undefined && { before: `${short(before)}${unit}` }),
        verdict: isFaulty
          ? 'not reached: events were not delivered as they should'
          : `${verdictOf(quotient, limit)}${doubtAbout(trials, scenario)}`,
      },
    ]
  })
}

/** The measure of an aim, for this peer; `undefined` unless both sides have measures. */
function measuredOf(trials: readonly Trial[], { scenario, measure, by }: Aim, peer: string): number | undefined {
  const value = medianOf(trials, { scenario, peer, measure })
  const divisor = by ? medianOf(trials, { scenario, peer, measure, ...by }) : 1
  return value === undefined || divisor === undefined ? undefined : value / divisor
}

/**
 * With other work on the machine, a ratio of latencies says little: it compares waits for a
 * processor.
 */
function doubtAbout(trials: readonly Trial[], scenario: string): string {
  const own = trials.filter((trial) => trial.scenario === scenario)
  const percent = median(own.flatMap(({ measures }) => measures.othersCpuPercent ?? []))
  return percent > 20 ? `; doubtful, others took ${percent.toFixed(0)} % of the CPU` : ''
}

function verdictOf(quotient: number, limit: Aim['limit']): string {
  const factor = 'atMost' in limit ? quotient / limit.atMost : limit.atLeast / quotient
  return factor <= 1 ? 'reached' : `not reached, by a factor of ${factor.toFixed(2)}`
}

function short(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3)
}
