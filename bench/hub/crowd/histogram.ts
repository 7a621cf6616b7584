/**
 * Counts times, to within 1/64 of each, from 1 µs to over half an hour. Adding one costs a few
 * nanoseconds.
 */
export class Histogram {
  readonly counts: Uint32Array
  count = 0

  constructor(counts: Uint32Array = new Uint32Array(bucketCount)) {
    this.counts = counts
    for (const each of counts) this.count += each
  }

  /** Adds a time in milliseconds, `times` times. A negative time counts as 0. */
  add(ms: number, times = 1): void {
    const us = ms <= 0 ? 0 : ms >= maxMs ? maxMs * 1000 : (ms * 1000) | 0
    const index = bucketOf(us)
    this.counts[index] = this.counts[index]! + times
    this.count += times
  }

  addAll(other: Histogram): void {
    for (const [index, count] of other.counts.entries()) this.counts[index] = this.counts[index]! + count
    this.count += other.count
  }

  clear(): void {
    this.counts.fill(0)
    this.count = 0
  }

  /**
   * The time in milliseconds that this share of them (0 to 1) did not exceed; `NaN` if there is
   * none.
   */
  percentile(share: number): number {
    if (this.count === 0) return Number.NaN
    const rank = Math.max(1, Math.ceil(this.count * share))
    let seen = 0
    for (const [index, count] of this.counts.entries()) {
      seen += count
      if (seen >= rank) return endOf(index) / 1000
    }
    return Number.NaN
  }
}

const precisionBits = 6
const linear = 2 ** (precisionBits + 1)
const maxMs = 2_000_000
const bucketCount = bucketOf(maxMs * 1000) + 1

function bucketOf(us: number): number {
  if (us < linear) return us
  const exponent = 31 - Math.clz32(us) - precisionBits
  return (exponent << precisionBits) + (us >>> exponent)
}

/** The largest time in microseconds in a bucket. */
function endOf(index: number): number {
  if (index < linear) return index
  const exponent = (index >>> precisionBits) - 1
  const mantissa = index - (exponent << precisionBits)
  return (mantissa + 1) * 2 ** exponent - 1
}
