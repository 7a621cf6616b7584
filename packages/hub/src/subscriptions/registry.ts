import { randomUUID } from 'node:crypto'
import type { EventStore, HistoryPosition } from '../store/store.ts'
import type { ActiveSubscription, RequestedSubscription } from './active-subscription.ts'
import { findOrphanedSubscriptions } from './orphaned-subscriptions.ts'
import { type Announcement, Outbox, type OutboxOptions } from './outbox.ts'
import { emptyListEvent, subscriptionEvents } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

export interface RegistryOptions extends OutboxOptions {
  readonly store: EventStore
  /** Returns the event ID of a position in the history. */
  readonly idOf: (mark: HistoryPosition) => string
  /** Whether each event is also published in the form of Mercure 0.x. */
  readonly isCompat: boolean
  /** Where the subscriptions are, and the topics of their events. */
  readonly paths: SubscriptionPaths
}

/** The subscriptions at one moment. */
export interface SubscriptionList {
  readonly subscriptions: readonly ActiveSubscription[]
  /**
   * The event ID of that moment: the list includes every change up to it, and an event after it
   * reports every other change.
   */
  readonly lastEventId: string
}

/** How often to check that the history still contains all active subscriptions, in milliseconds. */
export const refreshMs = 60_000

/**
 * Keeps the list of subscriptions, and publishes events about it. A subscription is in the list
 * from when the event of its beginning is stored until that of its end is. So a list plus the
 * events after it always equals a later list.
 */
export class SubscriptionRegistry {
  readonly isCompat: boolean
  readonly paths: SubscriptionPaths
  readonly #store: EventStore
  readonly #idOf: (mark: HistoryPosition) => string
  readonly #outbox: Outbox
  readonly #onError: (error: unknown) => void
  readonly #refreshTimer: NodeJS.Timeout
  /** The active subscriptions by path, in the order of their newest events in the history. */
  readonly #active = new Map<string, Entry>()
  #isTooLarge = false

  /**
   * Ends the subscriptions that are active by the history, because their hub was killed. Rejects if
   * the store cannot be read. Events that cannot be stored now are stored later.
   */
  static async start(options: RegistryOptions): Promise<SubscriptionRegistry> {
    const { subscriptions, hasHistory } = await findOrphanedSubscriptions(options.store, options.paths)
    const registry = new SubscriptionRegistry(options)
    for (const subscription of subscriptions) registry.#outbox.add(registry.#departure(subscription))
    if (hasHistory) registry.#outbox.add({ events: () => [emptyListEvent(options.paths)], onStored: () => {} })
    await registry.#outbox.settled()
    return registry
  }

  private constructor({ store, idOf, isCompat, paths, ...options }: RegistryOptions) {
    this.isCompat = isCompat
    this.paths = paths
    this.#store = store
    this.#idOf = idOf
    this.#outbox = new Outbox(options)
    this.#onError = options.onError
    this.#refreshTimer = setInterval(() => this.refresh(), refreshMs)
    this.#refreshTimer.unref()
  }

  /** Adds the subscriptions of a connection. The returned function ends them. */
  connect(wanted: readonly RequestedSubscription[]): () => void {
    const subscriber = `urn:uuid:${randomUUID()}`
    const entries = wanted.map((each) => this.#entryOf({ ...each, subscriber }))
    for (const { arrival } of entries) this.#outbox.add(arrival)
    return () => {
      for (const entry of entries) {
        if (entry.isOver) continue
        entry.isOver = true
        // If the beginning was never published, the end need not be.
        const isUntold = this.#outbox.withdraw(entry.arrival) && entry.position === 0
        if (!isUntold) this.#outbox.add(this.#departure(entry.subscription))
      }
    }
  }

  /** Returns the current subscriptions, or the requested ones among them. */
  list(isWanted?: (subscription: ActiveSubscription) => boolean): SubscriptionList {
    const subscriptions: ActiveSubscription[] = []
    for (const { subscription } of this.#active.values()) {
      if (!isWanted || isWanted(subscription)) subscriptions.push(subscription)
    }
    return this.#asOfNow(subscriptions)
  }

  /** Looks up a subscription by its path. */
  find(path: string): SubscriptionList {
    const entry = this.#active.get(path)
    return this.#asOfNow(entry ? [entry.subscription] : [])
  }

  /**
   * Publishes again the subscriptions whose events will soon leave the history: a client that reads
   * the history from its beginning must learn about them, and so must the next hub, if this one is
   * killed.
   */
  async refresh(): Promise<void> {
    try {
      const { head, trimmed, count } = await this.#store.bounds()
      if (trimmed.position === 0) return
      if (this.#wouldFill(count)) return
      for (const entry of this.#active.values()) {
        // In the older half of the history, or already gone.
        if (entry.position > (trimmed.position + head.position) / 2) break
        if (!entry.isOver) this.#outbox.add(entry.arrival)
      }
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Resolves when all changes are published, as far as the store allows. */
  async close(): Promise<void> {
    clearInterval(this.#refreshTimer)
    await this.#outbox.close()
  }

  #asOfNow(subscriptions: readonly ActiveSubscription[]): SubscriptionList {
    return { subscriptions, lastEventId: this.#idOf(this.#outbox.asOf) }
  }

  /** Whether the repeated events would push much of the history out, and in the end themselves. */
  #wouldFill(keptEvents: number): boolean {
    const isTooLarge = this.#active.size * 4 > keptEvents
    if (isTooLarge && !this.#isTooLarge) this.#onError(tooManyError(this.#active.size, keptEvents))
    this.#isTooLarge = isTooLarge
    return isTooLarge
  }

  #entryOf(subscription: ActiveSubscription): Entry {
    const path = this.paths.of(subscription)
    const entry: Entry = {
      subscription,
      isOver: false,
      position: 0,
      arrival: {
        events: () => subscriptionEvents(subscription, true, this),
        onStored: ({ position }) => {
          entry.position = position
          // Moves it to the end, where its newest event now is.
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
        this.#active.delete(this.paths.of(subscription))
      },
    }
  }
}

/** The history is too short to refresh so many subscriptions. */
export function tooManyError(subscriptions: number, keptEvents: number): Error {
  return new Error(
    `There are ${subscriptions} subscriptions, but the history keeps only about ${keptEvents} events, too few to remember who is subscribed. Keep more (--max-events, --max-bytes, --max-age). Otherwise, if the hub is killed, its subscribers may seem to stay.`,
  )
}

interface Entry {
  readonly subscription: ActiveSubscription
  /** Publishes the beginning, at first and whenever that event is about to leave the history. */
  readonly arrival: Announcement
  /**
   * Whether its connection has ended. It stays in the list until the event of its end is stored.
   */
  isOver: boolean
  /** The position of its newest event; 0 if none is stored yet. */
  position: number
}
