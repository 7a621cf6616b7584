import { setTimeout as wait } from 'node:timers/promises'
import { HubError } from '../../base/errors.ts'
import { type ClientCounts, createCounts } from './client-counts.ts'
import type { Limits } from './limits.ts'

/**
 * A client that opens an event stream. Without an address it is not counted by address, and without
 * a token not by holder.
 */
export interface Subscribing {
  readonly address: string | undefined
  readonly holder: string | undefined
}

/** Counts what each client uses, and throws if that exceeds a limit. */
export class ClientQuotas {
  readonly #limits: Readonly<Limits>
  readonly #counts: ClientCounts
  readonly #now: () => number
  readonly #bucketOf = new Map<string, Bucket>()

  /** `now` returns milliseconds. */
  constructor(limits: Readonly<Limits>, counts = createCounts(), now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#counts = counts
    this.#now = now
  }

  /**
   * Counts a subscriber until the returned function is called. Throws `HUB_FULL` or
   * `TOO_MANY_CONNECTIONS`.
   */
  subscribe({ address, holder }: Subscribing): () => void {
    const { maxSubscribers, maxSubscribersPerAddress, maxSubscribersPerToken } = this.#limits
    const { subscribers, subscribersOfAddress, subscribersOfHolder } = this.#counts
    if (subscribers.total >= maxSubscribers) {
      throw new HubError(
        'HUB_FULL',
        `The hub has ${maxSubscribers} subscribers, which is the most it accepts. Try again later.`,
      )
    }
    if (subscribersOfAddress.of(address) >= maxSubscribersPerAddress) {
      throw new HubError(
        'TOO_MANY_CONNECTIONS',
        `${maxSubscribersPerAddress} event streams are open from this address, which is the most the hub accepts. Close some first.`,
      )
    }
    if (subscribersOfHolder.of(holder) >= maxSubscribersPerToken) {
      throw new HubError(
        'TOO_MANY_CONNECTIONS',
        `${maxSubscribersPerToken} event streams are open with this token or others of the same holder, which is the most the hub accepts. Close some first.`,
      )
    }
    const leave = subscribers.add()
    const leaveAddress = subscribersOfAddress.add(address)
    const leaveHolder = subscribersOfHolder.add(holder)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      leave()
      leaveAddress()
      leaveHolder()
    }
  }

  /**
   * Counts events before they are published. Throws `RATE_LIMITED` if they are too many in too
   * short a time.
   */
  publish(address: string | undefined, events: number): void {
    const bucket = this.#bucket(address)
    // A publish of more than a second's worth needs only a full bucket: otherwise it would never be
    // possible.
    if (!bucket || bucket.tokens >= Math.min(events, this.#limits.maxPublishRate)) {
      if (bucket) bucket.tokens -= events
      return
    }
    throw new HubError(
      'RATE_LIMITED',
      `More than ${this.#limits.maxPublishRate} events in a second came from this address. Try again in a moment.`,
    )
  }

  /** Counts events before they are published, and waits for as long as they are too many. */
  async publishInTime(address: string | undefined, events: number): Promise<void> {
    const bucket = this.#bucket(address)
    if (!bucket) return
    bucket.tokens -= events
    if (bucket.tokens < 0) await wait((-bucket.tokens / this.#limits.maxPublishRate) * 1000)
  }

  #bucket(address: string | undefined): Bucket | undefined {
    if (address === undefined) return undefined
    const now = this.#now()
    const rate = this.#limits.maxPublishRate
    if (this.#bucketOf.size > maxBuckets) {
      // These buckets are full by now, so that deleting them changes nothing.
      for (const [each, { at }] of this.#bucketOf) if (now - at > 1000) this.#bucketOf.delete(each)
    }
    let bucket = this.#bucketOf.get(address)
    if (!bucket) {
      bucket = { tokens: rate, at: now }
      this.#bucketOf.set(address, bucket)
    }
    bucket.tokens = Math.min(rate, bucket.tokens + ((now - bucket.at) / 1000) * rate)
    bucket.at = now
    return bucket
  }
}

/** How many events an address may still publish, as of a moment. Below 0, it has to wait. */
interface Bucket {
  tokens: number
  at: number
}

const maxBuckets = 10_000
