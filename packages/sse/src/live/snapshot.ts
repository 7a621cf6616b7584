import type { StreamEvent } from '../client/events.ts'
import type { SseError } from '../protocol/errors.ts'
import type { Gap } from '../protocol/signals.ts'

/** A stream at one moment. It never changes: the next moment is another object. */
export interface LiveSnapshot<M extends object = Record<string, string>, T = undefined> {
  /**
   * `connecting` also while it waits to reconnect; `closed` once it is complete, has failed for good
   * or is not `enabled`.
   */
  readonly state: 'connecting' | 'open' | 'closed'
  /** The newest events, at most `keep`, the oldest first. */
  readonly events: readonly StreamEvent<M>[]
  /** The newest event. */
  readonly last: StreamEvent<M> | undefined
  /** What `reduce` has made of all events. */
  readonly value: T
  /**
   * Why the connection is not open: a lost one will be retried while the state is `connecting`. A
   * stream that is complete has none.
   */
  readonly error: SseError | undefined
  /** The newest gap: events that the server's history no longer had. */
  readonly gap: Gap | undefined
  /**
   * Connects now: cuts the wait for the next attempt short, or starts a closed stream again after its
   * last event. Does nothing while it is open, or while nobody is subscribed.
   */
  readonly reconnect: () => void
}
