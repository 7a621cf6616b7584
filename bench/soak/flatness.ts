import { median } from '../median.ts'

/** A value at a time, in seconds. */
export interface Point {
  readonly at: number
  readonly value: number
}

export interface Limit {
  /**
   * Apparent growth per hour that is none, in the unit of the values: where memory is located
   * varies from minute to minute.
   */
  readonly perHour: number
  /** The time from which values count, in seconds: before that, caches and the history fill up. */
  readonly from: number
}

export interface Flatness {
  /** The growth per hour; `NaN` if there are too few points. */
  readonly perHour: number
  /** The medians of the first and of the last third of the time that counts. */
  readonly firstThird: number
  readonly lastThird: number
  readonly verdict: 'flat' | 'grows' | 'too short to tell'
}

/**
 * Determines whether a series stays flat. Growth is the median of the slopes between all pairs of
 * points (Theil and Sen). Sawtooth patterns, spikes and a third of points that are off do not
 * affect it; a slow leak does, however small beside them.
 */
export function judgeFlatness(points: readonly Point[], { perHour: allowance, from }: Limit): Flatness {
  const counted = points.filter(({ at }) => at >= from)
  const [first, last] = [counted[0], counted.at(-1)]
  const seconds = first && last ? last.at - first.at : 0
  const growth = medianSlope(counted) * 3600
  const isEnough = counted.length >= fewestPoints && seconds >= shortestSeconds
  const third = seconds / 3
  return {
    perHour: growth,
    firstThird: median(counted.filter(({ at }) => at <= from + third).map(({ value }) => value)),
    lastThird: median(counted.filter(({ at }) => last && at >= last.at - third).map(({ value }) => value)),
    verdict: !isEnough ? 'too short to tell' : growth <= allowance ? 'flat' : 'grows',
  }
}

const fewestPoints = 5
const shortestSeconds = 5 * 60

/** Units per second. */
function medianSlope(points: readonly Point[]): number {
  const slopes: number[] = []
  for (const [index, one] of points.entries()) {
    for (const other of points.slice(index + 1)) {
      if (other.at > one.at) slopes.push((other.value - one.value) / (other.at - one.at))
    }
  }
  return median(slopes)
}
