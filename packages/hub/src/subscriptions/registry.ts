import { randomUUID } from 'node:crypto'
import type { EventStore, HistoryPosition } from '../store/store.ts'
import { type ActiveSubscription, type RequestedSubscription, subscriptionPath } from './active-subscription.ts'
import { findOrphanedSubscriptions } from './orphaned-subscriptions.ts'
import { type Announcement, Outbox, type OutboxOptions } from './outbox.ts'
import { emptyListEvent, subscriptionEvents } from './subscription-events.ts'

export interface RegistryOptions extends OutboxOptions {
  readonly store: EventStore
  /** The ID by which a place in the history is known. */
  readonly idOf: (mark: HistoryPosition) => string
  /** Whether each event is also published in the form it had before Mercure 1.0. */
  readonly isCompat: boolean
}

/** Subscriptions as they were at one moment. */
export interface SubscriptionList {
  readonly subscriptions: readonly ActiveSubscription[]
  /** The moment, by its ID: every change up to there is in the list, and every other one is told by an event after it. */
  readonly lastEventId: string
}

/** How often it is looked whether the history still says who is subscribed, in milliseconds. */
const refreshMs = 60_000

/**
 * Knows who is subscribed, and tells of it by events. A subscription is in the list from when the event of its beginning is stored
 * until that of its end is: so whoever reads the list and the events after it always knows as much as whoever reads the list later.
 */
export class SubscriptionRegistry {
  readonly isCompat: boolean
  readonly #store: EventStore
  readonly #idOf: (mark: HistoryPosition) => string
  readonly #outbox: Outbox
  readonly #onError: (error: unknown) => void
  readonly #refreshTimer: NodeJS.Timeout
  /** By their path; in the order in which the history tells of them. */
  readonly #active = new Map<string, Entry>()
  #isTooLarge = false

  /**
   * Ends the subscriptions that the history says are active: their hub died. Rejects when the store cannot be read; what cannot be
   * stored is stored later.
   */
  static async start(options: RegistryOptions): Promise<SubscriptionRegistry> {
    const { subscriptions, hasHistory } = await findOrphanedSubscriptions(options.store)
    const registry = new SubscriptionRegistry(options)
    for (const subscription of subscriptions) registry.#outbox.add(registry.#departure(subscription))
    if (hasHistory) registry.#outbox.add({ events: () => [emptyListEvent], onStored: () => {} })
    await registry.#outbox.settled()
    return registry
  }

  private constructor({ store, idOf, isCompat, ...options }: RegistryOptions) {
    this.isCompat = isCompat
    this.#store = store
    this.#idOf = idOf
    this.#outbox = new Outbox(options)
    this.#onError = options.onError
    this.#refreshTimer = setInterval(() => this.refresh(), refreshMs)
    this.#refreshTimer.unref()
  }

  /** Somebody is subscribed now, until the function it returns is called. */
  connect(wanted: readonly RequestedSubscription[]): () => void {
    const subscriber = `urn:uuid:${randomUUID()}`
    const entries = wanted.map((each) => this.#entryOf({ ...each, subscriber }))
    for (const { arrival } of entries) this.#outbox.add(arrival)
    return () => {
      for (const entry of entries) {
        if (entry.isOver) continue
        entry.isOver = true
        // Of a subscription whose beginning could not be told, the end need not be.
        const isUntold = this.#outbox.withdraw(entry.arrival) && entry.position === 0
        if (!isUntold) this.#outbox.add(this.#departure(entry.subscription))
      }
    }
  }

  /** The subscriptions of now, or those of them that are wanted. */
  list(isWanted?: (subscription: ActiveSubscription) => boolean): SubscriptionList {
    const subscriptions: ActiveSubscription[] = []
    for (const { subscription } of this.#active.values()) {
      if (!isWanted || isWanted(subscription)) subscriptions.push(subscription)
    }
    return this.#asOfNow(subscriptions)
  }

  /** Looks a subscription up by its path. */
  find(path: string): SubscriptionList {
    const entry = this.#active.get(path)
    return this.#asOfNow(entry ? [entry.subscription] : [])
  }

  /**
   * Tells again of subscriptions that began so long ago that the history will soon have forgotten it: who reads it from the
   * beginning must find out that they are there, and so must the hub that comes after this one, should it die.
   */
  async refresh(): Promise<void> {
    try {
      const { head, trimmed, count } = await this.#store.bounds()
      if (trimmed.position === 0) return
      if (this.#wouldFill(count)) return
      for (const entry of this.#active.values()) {
        // In the older half, or gone already.
        if (entry.position > (trimmed.position + head.position) / 2) break
        if (!entry.isOver) this.#outbox.add(entry.arrival)
      }
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Resolves when all that has happened is told, as far as the store lets it. */
  async close(): Promise<void> {
    clearInterval(this.#refreshTimer)
    await this.#outbox.close()
  }

  #asOfNow(subscriptions: readonly ActiveSubscription[]): SubscriptionList {
    return { subscriptions, lastEventId: this.#idOf(this.#outbox.asOf) }
  }

  /** Whether what is told again would push much of the history out, and itself in the end. */
  #wouldFill(keptEvents: number): boolean {
    const isTooLarge = this.#active.size * 4 > keptEvents
    if (isTooLarge && !this.#isTooLarge) {
      this.#onError(
        new Error(
          `There are ${this.#active.size} subscriptions, and the history keeps only about ${keptEvents} events: it forgets who is subscribed. Keep more (--max-events, --max-bytes, --max-age), or subscribers whose hub is killed may seem to stay.`,
        ),
      )
    }
    this.#isTooLarge = isTooLarge
    return isTooLarge
  }

  #entryOf(subscription: ActiveSubscription): Entry {
    const path = subscriptionPath(subscription)
    const entry: Entry = {
      subscription,
      isOver: false,
      position: 0,
      arrival: {
        events: () => subscriptionEvents(subscription, true, this),
        onStored: ({ position }) => {
          entry.position = position
          // To the end: that is where the history tells of it now.
          this.#active.delete(path)
          this.#active.set(path, entry)
        },
      },
    }
    return entry
  }

  #departure(subscription: ActiveSubscription): Announcement {
    return {
      events: () => subscriptionEvents(subscription, false, this),
      onStored: () => {
        this.#active.delete(subscriptionPath(subscription))
      },
    }
  }
}

interface Entry {
  readonly subscription: ActiveSubscription
  /** Tells of it, at first and whenever that is about to be forgotten. */
  readonly arrival: Announcement
  /** Whether its connection is over. It is in the list until that is told. */
  isOver: boolean
  /** Where the history tells of it; 0 before it does. */
  position: number
}
