import { parseEventId } from '@headwater/sse/internal'
import type { Matcher } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import type { EventStore, StoredEvent } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { HistoryReader } from './history-reader.ts'
import { type ObservedEvent, toObserved } from './observed-event.ts'
import { headersOf, isSampled, traceIdOf } from './trace-context.ts'

/** What a hub knows of the event with an ID. */
export interface TracedEvent {
  /** The ID that was asked for. */
  readonly id: string
  /**
   * `kept`; `trimmed`: it is older than what is kept; `other history`: the ID is of another epoch;
   * `unknown`: no kept event has this ID; `replaced`: another event is at its position now; `ahead`: its
   * position is after the head; `damaged`.
   */
  readonly state: 'kept' | 'trimmed' | 'other history' | 'unknown' | 'replaced' | 'ahead' | 'damaged'
  /** `null` if the ID says nothing of it, and no kept event has it. */
  readonly position: number | null
  /** The ID of its position, from which one resumes exactly; `null` if it is not kept. */
  readonly positionId: string | null
  readonly event: ObservedEvent | null
  /** The trace in which it was published, if there was one. */
  readonly trace: {
    readonly traceId: string
    readonly traceparent: string
    readonly tracestate?: string
    readonly isSampled: boolean
  } | null
  /** This hub's subscribers of now that select it: how many are past its position, and how many not yet. */
  readonly subscribers: { readonly past: number; readonly behind: number } | null
  readonly epoch: string
  /** The name of this hub among those that share the history; `null` if it is the only one. */
  readonly node: string | null
  readonly head: number
  /** The oldest position that is kept; `null` if nothing is. */
  readonly earliest: number | null
}

/** Looks for the event with an ID. Rejects as the store does, or with the signal's reason. */
export async function traceEvent(
  id: string,
  { store, history, rights, countSubscribers, signal }: TraceContext,
): Promise<TracedEvent> {
  const found = await find(id, store)
  const { head, earliest } = await store.bounds()
  const event = found.state === 'kept' ? await read(found.position, history, signal) : undefined
  // Between the two questions it may have been trimmed.
  const state = found.state === 'kept' && !event ? 'trimmed' : found.state
  const { traceContext } = event ?? {}
  return {
    id,
    state,
    position: found.position === 0 ? null : found.position,
    positionId: event ? positionId(store.epoch, event) : null,
    event: event ? toObserved(store.epoch, event, new MatcherSet(rights), 200) : null,
    trace:
      traceContext === undefined
        ? null
        : { traceId: traceIdOf(traceContext), ...headersOf(traceContext), isSampled: isSampled(traceContext) },
    subscribers: event ? countSubscribers(event) : null,
    epoch: store.epoch,
    node: store.nodes?.name ?? null,
    head: head.position,
    earliest: earliest?.position ?? null,
  }
}

interface TraceContext {
  readonly store: EventStore
  readonly history: HistoryReader
  /** The private events whose data is shown. */
  readonly rights: readonly Matcher[]
  readonly countSubscribers: (event: StoredEvent) => { readonly past: number; readonly behind: number }
  readonly signal?: AbortSignal | undefined
}

async function find(
  id: string,
  store: EventStore,
): Promise<{ readonly state: TracedEvent['state']; readonly position: number }> {
  const own = await store.find(id)
  if (own) return { state: 'kept', position: own.position }
  const parsed = parseEventId(id)
  if (!parsed) return { state: 'unknown', position: 0 }
  const { epoch, position, tag } = parsed
  if (epoch !== store.epoch) return { state: 'other history', position: 0 }
  const known = await store.inspect(position)
  if (known.name === 'vacant') return { state: 'unknown', position }
  const isOther = known.name === 'kept' && tag !== undefined && tag !== known.tag.toString(36)
  return { state: isOther ? 'replaced' : known.name, position }
}

async function read(position: number, history: HistoryReader, signal?: AbortSignal): Promise<StoredEvent | undefined> {
  const query = { after: position - 1, through: position, topics: undefined, maxEvents: 1, maxBytes: 1 }
  return (await history.readAll(query, signal)).events[0]
}
