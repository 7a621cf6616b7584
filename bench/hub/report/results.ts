import { median } from '../../median.ts'
import type { GroupReport } from '../crowd/crowd.ts'

/** Everything that a run found. */
export interface Results {
  readonly startedAt: string
  readonly command: string
  readonly machine: string
  readonly rounds: number
  readonly scale: number
  readonly trials: readonly Trial[]
}

/** One scenario with one peer in one round. */
export interface Trial {
  readonly scenario: string
  readonly peer: string
  readonly note?: string
  readonly round: number
  readonly measures: Readonly<Record<string, number>>
  /** CPU time in milliseconds by name of the server's threads. */
  readonly threadCpuMs?: Readonly<Record<string, number>>
  /** The number of deliveries that were verified during the measurement; 0 if nobody subscribes. */
  readonly delivered: number
  /** The faults in what the subscribers received; empty if there were none. */
  readonly faults: Readonly<Partial<Record<FaultName, number>>>
  /** Why there are no measures. */
  readonly error?: string
}

export const faultNames = [
  'lost',
  'extra',
  'duplicated',
  'reordered',
  'corrupted',
  'misdirected',
  'interleaved',
  'gaps',
  'broken',
  'closed',
] as const
export type FaultName = (typeof faultNames)[number]

/** Sums the faults of all subscribers; omits those that did not occur. */
export function faultsOf(groups: readonly GroupReport[]): Trial['faults'] {
  const faults: Partial<Record<FaultName, number>> = {}
  for (const name of faultNames) {
    const count = groups.reduce((sum, group) => sum + group[name], 0)
    if (count > 0) faults[name] = count
  }
  return faults
}

/**
 * The median of a measure over the rounds; `undefined` if there is none. Trials with faults count:
 * a peer that loses events is not slower.
 */
export function medianOf(
  trials: readonly Trial[],
  { scenario, peer, measure }: { scenario: string; peer: string; measure: string },
): number | undefined {
  const values = trials
    .filter((trial) => trial.scenario === scenario && trial.peer === peer)
    .map((trial) => trial.measures[measure])
    .filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}
