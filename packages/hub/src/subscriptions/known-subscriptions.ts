import { beginning, type EventStore, type HistoryPosition, markOf, type StoredEvent } from '../store/store.ts'
import type { ActiveSubscription } from './active-subscription.ts'
import { readSubscriptionEvents } from './read-subscription-events.ts'
import { readSubscriptionEvent, type SubscriptionEvent } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

/** An active subscription, and where the history last said so. */
export interface KnownSubscription {
  readonly subscription: ActiveSubscription
  readonly position: number
}

export interface KnownSubscriptionsListener {
  /** Called with what new events have said, in order, when it is known. */
  onEvents(events: readonly SubscriptionEvent[]): void
  /** The history could not be read again after the tail had failed. It is tried once more. */
  onError(error: unknown): void
  /** The history was read: at first, or again after the tail had failed. It may have lost events. */
  onStart(): void
}

/** How long after a failure of the tail it starts again, in milliseconds. */
const retryMs = 1000

/**
 * The subscriptions that are active by the history: what it says up to its end, and what its tail
 * brings from then on, whoever published it. So what is known is always that of one position, and
 * what is known plus the events after that position is what is known later.
 */
export class KnownSubscriptions {
  readonly #store: EventStore
  readonly #paths: SubscriptionPaths
  readonly #listener: KnownSubscriptionsListener
  #known: Known = { subscriptions: new Map(), head: beginning }
  #stop = () => {}
  #retryTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(store: EventStore, paths: SubscriptionPaths, listener: KnownSubscriptionsListener) {
    this.#store = store
    this.#paths = paths
    this.#listener = listener
  }

  /** Resolves when the history was read. Rejects if it cannot be. */
  start(): Promise<void> {
    return this.#follow()
  }

  /** By path, in the order of their newest events. */
  get subscriptions(): ReadonlyMap<string, KnownSubscription> {
    return this.#known.subscriptions
  }

  /** The position of what is known. */
  get head(): HistoryPosition {
    return this.#known.head
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
    clearTimeout(this.#retryTimer)
  }

  /** What is known stays as it is until the history is read once more. */
  async #follow(): Promise<void> {
    const tail = new BufferedTail()
    const stop = await this.#store.follow({
      onStart: (bounds) => tail.start(bounds.head),
      onAppend: (events) => tail.push(events),
      onTrim: () => {},
      onFailure: (error) => tail.fail(error),
    })
    this.#stop = stop
    const known: Known = { subscriptions: new Map(), head: tail.head }
    for await (const told of readSubscriptionEvents(this.#store, this.#paths, 0, tail.head.position)) {
      if (this.#isClosed || tail.error) break
      this.#apply(known, told, told.position)
    }
    if (this.#isClosed) return stop()
    if (tail.error) return this.#retry()
    this.#known = known
    this.#listener.onStart()
    tail.drainTo({
      onEvents: (events) => this.#onAppend(known, events),
      // The hub follows the same tail, and reports it.
      onError: () => this.#retry(),
    })
  }

  #onAppend(known: Known, events: readonly StoredEvent[]): void {
    const told: SubscriptionEvent[] = []
    for (const event of events) {
      const each = readSubscriptionEvent(event, this.#paths)
      if (!each) continue
      this.#apply(known, each, event.position)
      told.push(each)
    }
    known.head = markOf(events.at(-1)!)
    this.#listener.onEvents(told)
  }

  #apply({ subscriptions }: Known, { subscription, isActive }: SubscriptionEvent, position: number): void {
    const path = this.#paths.of(subscription)
    // Moves it to the end, where its newest event is.
    subscriptions.delete(path)
    if (isActive) subscriptions.set(path, { subscription, position })
  }

  #retry(): void {
    if (this.#isClosed) return
    this.#stop()
    this.#retryTimer = setTimeout(() => {
      this.#follow().catch((error: unknown) => {
        if (this.#isClosed) return
        this.#listener.onError(error)
        this.#retry()
      })
    }, retryMs)
    this.#retryTimer.unref()
  }
}

interface Known {
  readonly subscriptions: Map<string, KnownSubscription>
  head: HistoryPosition
}

interface TailTarget {
  onEvents(events: readonly StoredEvent[]): void
  onError(error: Error): void
}

/** The tail of a history, kept until what was before is read. */
class BufferedTail {
  head: HistoryPosition = beginning
  error: Error | undefined
  #events: StoredEvent[] = []
  #target: TailTarget | undefined

  start(head: HistoryPosition): void {
    this.head = head
  }

  push(events: readonly StoredEvent[]): void {
    if (this.#target) this.#target.onEvents(events)
    else this.#events.push(...events)
  }

  fail(error: Error): void {
    this.error = error
    this.#target?.onError(error)
  }

  drainTo(target: TailTarget): void {
    this.#target = target
    if (this.#events.length > 0) target.onEvents(this.#events)
    this.#events = []
  }
}
