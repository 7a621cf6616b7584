import { formatEventId } from '@headwater/sse/internal'
import type { Append, EventRecord, HistoryPosition, StoredEvent } from '../store.ts'

// What a hub and the hubs that copy it send each other. The version is in the path: a change that the
// other side would not understand is another version.

export const replicationVersion = 1

/**
 * Where these are, below the path of a hub.
 *
 * - `all`: what is below it is of some version.
 * - `stream`: GET, an event stream of the whole history from the position in `Last-Event-ID` on.
 * - `head`: GET, the beginning and the end of the history, as {@link BoundsAnswer}.
 * - `tags`: POST, {@link TagsRequest}, answered by the tag at each position, or `null`.
 * - `events`: POST, {@link AppendRequest}, answered by one {@link AppendAnswer} for each group.
 * - `nodes`: POST, {@link VisitRequest}: says that a node is alive. Answered by the names of those that
 *   are, or `null`, as `NodeDirectory.alive` does for that node.
 */
export function replicationPathsBelow(hubPath: string) {
  const all = `${hubPath}/replication`
  const stream = `${all}/v${replicationVersion}`
  return {
    all,
    stream,
    head: `${stream}/head`,
    tags: `${stream}/tags`,
    events: `${stream}/events`,
    nodes: `${stream}/nodes`,
  } as const
}

/** The most positions in one {@link TagsRequest}. */
export const maxTagPositions = 4096
/** The largest body that the hub reads from one that copies it, in bytes. */
export const maxRequestBytes = 256 * 1024 ** 2

export type MarkTuple = readonly [position: number, tag: number]

/** A part of every message of the stream: the history as of that message. */
export interface BoundsMessage {
  readonly head: MarkTuple
  readonly trimmed: MarkTuple
}

/** `start`: the first message of each stream. The events after this position follow. */
export interface StartMessage extends BoundsMessage {
  readonly after: number
  /** The tag of the event there; `null` if there is none or it is not known. */
  readonly tagBefore: number | null
}

/** `events`: the next events. */
export interface EventsMessage extends BoundsMessage {
  readonly events: readonly EventTuple[]
}

/**
 * The messages of the stream, by event type. `bounds` comes when events were trimmed, and at least
 * every {@link boundsMs}.
 */
export interface StreamMessages {
  readonly start: StartMessage
  readonly events: EventsMessage
  readonly bounds: BoundsMessage
}

/** How often a stream says at least where the history ends, in milliseconds. */
export const boundsMs = 5000

export interface BoundsAnswer extends BoundsMessage {
  readonly version: number
  readonly epoch: string
}

export interface TagsRequest {
  readonly epoch: string
  readonly positions: readonly number[]
}

export interface AppendRequest {
  readonly epoch: string
  /** Events that are stored together, all or none of a group. */
  readonly groups: readonly (readonly AppendTuple[])[]
}

export interface VisitRequest {
  readonly epoch: string
  /** A UUID. */
  readonly name: string
}

/** The positions of a group, or why it was refused. */
export type AppendAnswer =
  | { readonly marks: readonly MarkTuple[] }
  | { readonly status: number; readonly code: string | undefined; readonly detail: string }

type RecordTuple = readonly [
  topics: readonly string[],
  data: string,
  isPrivate: boolean,
  id: string | null,
  type: string | null,
  retryMs: number | null,
  /** Missing from hubs that do not know it. */
  traceContext?: string | null,
]
export type EventTuple = readonly [position: number, tag: number, ...RecordTuple]
/** The key is the one under which the store knows the event. */
export type AppendTuple = readonly [key: string, ...RecordTuple]

export function toMarkTuple({ position, tag }: HistoryPosition): MarkTuple {
  return [position, tag]
}

export function toMark([position, tag]: MarkTuple): HistoryPosition {
  return { position, tag }
}

export function toEventTuple(event: StoredEvent): EventTuple {
  return [event.position, event.tag, ...toRecordTuple(event)]
}

export function toEvent([position, tag, ...record]: EventTuple): StoredEvent {
  return { ...toRecord(record), position, tag }
}

export function toAppendTuple({ event, idempotencyKey }: Append & { readonly idempotencyKey: string }): AppendTuple {
  return [idempotencyKey, ...toRecordTuple(event)]
}

export function toAppend([idempotencyKey, ...record]: AppendTuple) {
  return { event: toRecord(record), idempotencyKey }
}

/** The ID with which a stream is asked for from a position on. */
export function streamIdOf(epoch: string, { position, tag }: HistoryPosition): string {
  return formatEventId({ epoch, position, ...(position > 0 && { tag: tag.toString(36) }) })
}

function toRecordTuple({ topics, data, isPrivate, id, type, retryMs, traceContext }: EventRecord): RecordTuple {
  const record = [topics, data, isPrivate, id ?? null, type ?? null, retryMs ?? null] as const
  return traceContext === undefined ? record : [...record, traceContext]
}

function toRecord([topics, data, isPrivate, id, type, retryMs, traceContext]: RecordTuple): EventRecord {
  return {
    topics,
    data,
    isPrivate,
    id: id ?? undefined,
    type: type ?? undefined,
    retryMs: retryMs ?? undefined,
    traceContext: traceContext ?? undefined,
  }
}
