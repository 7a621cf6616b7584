import type { MatcherSet } from '../matching/matcher-set.ts'
import { toTopics } from '../matching/topic.ts'
import type { StoredEvent } from '../store/store.ts'
import { eventIdOf } from './event-id.ts'
import { headersOf } from './trace-context.ts'

/** An event as an operator sees it. */
export interface ObservedEvent {
  readonly position: number
  /** When this hub stored it, in milliseconds since 1970; `null` if the store does not know. */
  readonly at: number | null
  /** Tells the event from any other that had its position; see `HistoryPosition`. */
  readonly tag: number
  /** The ID with which subscribers get it. */
  readonly id: string
  /** The canonical topic, then the alternates. */
  readonly topics: readonly string[]
  readonly type: string
  readonly private: boolean
  /** The reconnection time that it sets, in milliseconds; `null` for none. */
  readonly retry: number | null
  /** The trace in which it was published, by W3C Trace Context; missing if there was none. */
  readonly traceparent?: string
  readonly tracestate?: string
  /** The length of its data in UTF-8. */
  readonly bytes: number
  /** Its data, or the beginning of it. Missing if the operator has no right to this private event. */
  readonly data?: string | undefined
  /** Whether `data` is only the beginning. */
  readonly isCut: boolean
}

/** How much of its data a list shows of each event, in characters. */
export const shownCharacters = 8192

/** Shows an event: a private one with its data only if `rights` select it. */
export function toObserved(
  epoch: string,
  event: StoredEvent,
  rights: MatcherSet,
  most = shownCharacters,
): ObservedEvent {
  const { position, tag, storedAt, topics, type = 'message', data, isPrivate, retryMs, traceContext } = event
  const isShown = !isPrivate || rights.selectsAny(toTopics(topics))
  return {
    position,
    at: storedAt ?? null,
    tag,
    id: eventIdOf(epoch, event),
    topics,
    type,
    private: isPrivate,
    retry: retryMs ?? null,
    ...(traceContext !== undefined && headersOf(traceContext)),
    bytes: Buffer.byteLength(data),
    ...(isShown && { data: data.length > most ? data.slice(0, most) : data }),
    isCut: isShown && data.length > most,
  }
}
