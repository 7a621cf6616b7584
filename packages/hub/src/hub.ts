import type { Session } from '@headwater/sse/server'
import { HubError } from './errors.ts'
import { positionId } from './event-id.ts'
import { type PublishInit, parsePublishInit } from './event-rules.ts'
import { FanOut, type FanOutOptions } from './fan-out.ts'
import { findStartingPoint, type StartingPoint } from './resume.ts'
import { Selection } from './selection.ts'
import type { EventStore } from './store/store.ts'
import type { TopicMatcher } from './topic-matcher.ts'

export interface HubOptions extends Partial<FanOutOptions> {
  /** Where the events are kept. The hub does not close it. */
  readonly store: EventStore
  /** Gets what went wrong without anybody to reject to; the hub goes on. Default: it goes to `console.error`. */
  readonly onError?: (error: unknown) => void
}

export interface SubscribeOptions {
  /** Which topics: an event is selected when any of these matches any of its topics. At least one. */
  readonly matchers: readonly TopicMatcher[]
  /** Which topics' private events as well. Default: none. */
  readonly rights?: readonly TopicMatcher[] | undefined
  /** What the client says it has: an ID, `earliest` for all that is kept, or nothing for what comes next. */
  readonly lastEventId?: string | undefined
}

/** A subscription that is ready to be served. Nothing is held for it until it is. */
export interface Subscription {
  /**
   * The ID of the event before the first one that will be sent: the one asked for if all after it follows. Any other, or
   * `earliest` for "all there is", means that the client may have missed something.
   */
  readonly precedingEventId: string
  /** Sends the subscription's events through a session, for as long as it is open. */
  deliverTo(session: Session): void
}

/** A hub: keeps what is published, and gives each subscriber exactly what it missed. Knows nothing of HTTP. */
export interface Hub {
  /**
   * Validates an event, stores it and resolves to its ID, when the store has it safe. Subscribers get it from the store.
   *
   * @throws HubError `INVALID_TOPIC`, `INVALID_DATA`, `INVALID_EVENT_ID`, `INVALID_EVENT_TYPE`, `INVALID_RETRY`, `TOO_LARGE`,
   * `HUB_CLOSED`; what the store throws.
   */
  publish(event: PublishInit): Promise<string>
  /**
   * Finds out where a subscription begins.
   *
   * @throws HubError `INVALID_MATCHER`, `HUB_CLOSED`; what the store throws.
   */
  subscribe(options: SubscribeOptions): Promise<Subscription>
  /** How many sessions are served now. */
  readonly subscriberCount: number
  /**
   * Takes nothing more, finishes the publishes under way, and ends every session so that its client comes back, spread over
   * time. Resolves when all of that is done; the store may be closed then. Idempotent.
   */
  close(): Promise<void>
}

/** Makes a hub over a store. Rejects with `INVALID_OPTION`, or as the store does. */
export async function createHub({ store, onError = console.error, ...options }: HubOptions): Promise<Hub> {
  if (typeof store?.follow !== 'function') {
    throw new HubError(
      'INVALID_OPTION',
      `store is ${String(store)}. Give the hub one: createHub({ store: createMemoryStore() }).`,
    )
  }
  const fanOut = await FanOut.start(store, { ...options, onError })
  const publishing = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  return {
    async publish(init) {
      assertOpen()
      const event = parsePublishInit(init, store.epoch)
      const appending = store.append(event)
      publishing.add(appending)
      try {
        const mark = await appending
        return event.id ?? positionId(store.epoch, mark)
      } finally {
        publishing.delete(appending)
      }
    },

    async subscribe({ matchers, rights, lastEventId }) {
      assertOpen()
      if (matchers.length === 0) {
        throw new HubError(
          'INVALID_MATCHER',
          'The subscription has no matcher, and would get nothing. Give at least one.',
        )
      }
      const selection = new Selection(matchers, rights)
      const start = await findStartingPoint(store, selection, lastEventId)
      // Another process may have told the client of an event that the tail has not brought here yet.
      if (start.name === 'after') await fanOut.reach(start.position)
      return {
        precedingEventId: precedingEventId(start, lastEventId),
        deliverTo(session) {
          if (closing) session.drain()
          else fanOut.add(session, selection, start)
        },
      }
    },

    get subscriberCount() {
      return fanOut.subscriberCount
    },

    close() {
      closing ??= finish()
      return closing
    },
  }

  function assertOpen(): void {
    if (closing) throw new HubError('HUB_CLOSED', 'The hub is shutting down. Try again when it, or another, is up.')
  }

  async function finish(): Promise<void> {
    await Promise.allSettled([...publishing, fanOut.drain()])
    fanOut.close()
  }

  function precedingEventId(start: StartingPoint, requested: string | undefined): string {
    if (start.name === 'after' && requested !== undefined) return requested
    if (start.name !== 'live' || fanOut.head.position === 0) return 'earliest'
    return positionId(store.epoch, fanOut.head)
  }
}
