import { median } from '../../median.ts'
import type { GroupReport } from '../crowd/crowd.ts'

/** All that a run found. */
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
  /** CPU time in milliseconds by the names of the server's threads. */
  readonly threadCpuMs?: Readonly<Record<string, number>>
  /** How many deliveries were verified while it was measured; 0 where nobody subscribes. */
  readonly delivered: number
  /** What was wrong with what the subscribers received; empty when all was well. */
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

/** Adds up what was wrong, over all subscribers; leaves out what was not. */
export function faultsOf(groups: readonly GroupReport[]): Trial['faults'] {
  const faults: Partial<Record<FaultName, number>> = {}
  for (const name of faultNames) {
    const count = groups.reduce((sum, group) => sum + group[name], 0)
    if (count > 0) faults[name] = count
  }
  return faults
}

/** The median of a measure over the rounds; `undefined` where there is none. Trials with faults count: a peer that loses events is not slower. */
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
