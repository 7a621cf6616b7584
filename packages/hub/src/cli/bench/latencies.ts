/** How many times are kept: of more, a random choice. */
const most = 100_000

/** Times of which one wants to know the middle and the end. In milliseconds. */
export class Latencies {
  readonly #times: number[] = []
  #count = 0
  #longest = 0

  add(ms: number): void {
    this.#count++
    this.#longest = Math.max(this.#longest, ms)
    if (this.#times.length < most) this.#times.push(ms)
    else {
      const place = Math.floor(Math.random() * this.#count)
      if (place < most) this.#times[place] = ms
    }
  }

  /** `null` where there are none. */
  read(): { readonly p50: number | null; readonly p99: number | null; readonly max: number | null } {
    const sorted = Float64Array.from(this.#times).sort()
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null
    return { p50: at(0.5), p99: at(0.99), max: this.#count > 0 ? this.#longest : null }
  }
}
