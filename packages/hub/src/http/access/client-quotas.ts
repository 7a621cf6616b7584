import { setTimeout as wait } from 'node:timers/promises'
import { HubError } from '../../base/errors.ts'
import { type ClientCounts, createCounts } from './client-counts.ts'
import type { Limits } from './limits.ts'
import { RateByAddress } from './rate-by-address.ts'

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
  readonly #published: RateByAddress
  readonly #toldOf: RateByAddress

  /** `now` returns milliseconds. */
  constructor(limits: Readonly<Limits>, counts = createCounts(), now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#counts = counts
    this.#published = new RateByAddress({ perSecond: () => limits.maxPublishRate, burstSeconds: 1, now })
    this.#toldOf = new RateByAddress({
      perSecond: () => limits.maxPresenceRate,
      burstSeconds: presenceBurstSeconds,
      now,
    })
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
    if (this.#published.take(address, events)) return
    throw new HubError(
      'RATE_LIMITED',
      `More than ${this.#limits.maxPublishRate} events in a second came from this address. Try again in a moment.`,
    )
  }

  /** Counts events before they are published, and waits for as long as they are too many. */
  async publishInTime(address: string | undefined, events: number): Promise<void> {
    const waitMs = this.#published.takeLater(address, events)
    if (waitMs > 0) await wait(waitMs)
  }

  /**
   * Counts matchers whose subscriptions the hub reports by events, because such a subscriber writes
   * to the history. Throws `RATE_LIMITED` if there are too many in too short a time.
   */
  tellOfSubscription(address: string | undefined, matchers: number): void {
    if (this.#toldOf.take(address, matchers)) return
    throw new HubError(
      'RATE_LIMITED',
      `Subscriptions with more than ${this.#limits.maxPresenceRate} matchers in a second came from this address, for longer than ${presenceBurstSeconds} s. Try again in a moment.`,
    )
  }
}

/** After a restart, all clients that share an address come back within seconds. */
const presenceBurstSeconds = 30
