export interface RateOptions {
  /** How much there may be in a second. Read anew each time. */
  readonly perSecond: () => number
  /** How many seconds' worth may come at once. */
  readonly burstSeconds: number
  /** In milliseconds. */
  readonly now: () => number
}

/** Limits how much each address does in a time. Clients without an address are not counted. */
export class RateByAddress {
  readonly #options: RateOptions
  readonly #bucketOf = new Map<string, Bucket>()

  constructor(options: RateOptions) {
    this.#options = options
  }

  /** Counts what an address is about to do. Returns `false`, and counts nothing, if that is too much. */
  take(address: string | undefined, amount: number): boolean {
    const bucket = this.#bucket(address)
    if (!bucket) return true
    // More than there may be at once has to be possible at all.
    if (bucket.tokens < Math.min(amount, this.#most)) return false
    bucket.tokens -= amount
    return true
  }

  /** Counts what an address is about to do. Returns how long it has to wait, in milliseconds. */
  takeLater(address: string | undefined, amount: number): number {
    const bucket = this.#bucket(address)
    if (!bucket) return 0
    bucket.tokens -= amount
    return Math.max(0, (-bucket.tokens / this.#options.perSecond()) * 1000)
  }

  get #most(): number {
    return this.#options.perSecond() * this.#options.burstSeconds
  }

  #bucket(address: string | undefined): Bucket | undefined {
    if (address === undefined) return undefined
    const { perSecond, burstSeconds, now: clock } = this.#options
    const now = clock()
    const most = this.#most
    if (this.#bucketOf.size > maxBuckets) {
      // Full by now, so that forgetting them changes nothing.
      for (const [each, { at }] of this.#bucketOf) if (now - at > burstSeconds * 1000) this.#bucketOf.delete(each)
    }
    let bucket = this.#bucketOf.get(address)
    if (!bucket) {
      bucket = { tokens: most, at: now }
      this.#bucketOf.set(address, bucket)
    }
    bucket.tokens = Math.min(most, bucket.tokens + ((now - bucket.at) / 1000) * perSecond())
    bucket.at = now
    return bucket
  }
}

/** What an address may still do, as of a moment. Below 0 it has to wait. */
interface Bucket {
  tokens: number
  at: number
}

const maxBuckets = 10_000
