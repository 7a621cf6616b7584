import { median } from '../median.ts'

/** One value at a time, in seconds. */
export interface Point {
  readonly at: number
  readonly value: number
}

export interface Limit {
  /** What may be growth that is none: how much memory lies where differs from minute to minute. Each hour, in the unit of the values. */
  readonly perHour: number
  /** From when on it counts, in seconds: before, caches and the history fill up. */
  readonly from: number
}

export interface Flatness {
  /** How much more there is each hour; `NaN` when there are too few points. */
  readonly perHour: number
  /** The medians of the first and of the last third of the time that counts. */
  readonly firstThird: number
  readonly lastThird: number
  readonly verdict: 'flat' | 'grows' | 'too short to tell'
}

/**
 * Whether a series stays where it is. Growth is the median of the slopes between all pairs of points (Theil and Sen): saws, spikes and a
 * third of points that are off do not move it, and a slow leak does, however small beside them.
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
