import { type EventRecord, streamEventPrefix } from '../store/store.ts'
import type { StreamTopics } from './stream-name.ts'

/** How a stream ended: whole, by its producer's failure, by order, or by its producer's silence. */
export type StreamEndKind = 'closed' | 'failed' | 'stopped' | 'lost'

/** What a record of a stream says. Readers are shown events, and ends that are not `closed`. */
export type StreamRecordKind = 'opened' | 'event' | 'renewed' | 'taken' | StreamEndKind

/** One entry of a stream, as the history keeps it. */
export interface StreamRecord {
  readonly kind: StreamRecordKind
  /** Its place: 0 for the beginning, then one more each. There are no holes. */
  readonly number: number
  /** Tells apart streams that had the same name in turn: the writer that opened it. */
  readonly run: string
  /** Who wrote it. */
  readonly writer: string
  /** How long the stream may be silent after it before it is lost, in milliseconds. */
  readonly leaseMs: number
  /** How long it can be read after its end, in milliseconds; `null` for as long as the history keeps it. */
  readonly retentionMs: number | null
  /** Whether reading the stream over HTTP takes a right. */
  readonly isPrivate: boolean
  /** The type of an event; `''` for none. */
  readonly type: string
  /** The data of an event; of an end, why, for readers. */
  readonly data: string
}

export function isEnd(kind: StreamRecordKind): kind is StreamEndKind {
  return kind === 'closed' || kind === 'failed' || kind === 'stopped' || kind === 'lost'
}

/**
 * The ID of a record. It is the cursor of readers and, as a store refuses an ID that is taken, what
 * lets one of several writers be the next. No publisher can choose it: `#` is reserved for hubs.
 */
export function recordId(name: string, run: string, number: number): string {
  return number === 0 ? beginningId(name) : `#${encodeURIComponent(name)}~${run}.${number}`
}

/** The ID of the beginning, which is known before the stream is. */
export function beginningId(name: string): string {
  return `#${encodeURIComponent(name)}~0`
}

/** The number in the ID of a record of a stream; `undefined` if it is not one. */
export function numberInId(name: string, id: string): number | undefined {
  if (id === beginningId(name)) return 0
  const prefix = `#${encodeURIComponent(name)}~`
  const [, digits] = id.startsWith(prefix) ? (/^[0-9a-z]+\.(\d{1,15})$/.exec(id.slice(prefix.length)) ?? []) : []
  return digits === undefined ? undefined : Number(digits)
}

/** A record as an event of the history: private, so that only the hub's streams show it. */
export function toEvent(topics: StreamTopics, name: string, record: StreamRecord): EventRecord {
  const { kind, number, run, writer, leaseMs, retentionMs, isPrivate, type, data } = record
  const own = topics.of(name)
  return {
    topics: kind === 'opened' || isEnd(kind) ? [own, topics.registry] : [own],
    data,
    isPrivate: true,
    id: recordId(name, run, number),
    // The run is in the ID of all records but the first, whose writer it is.
    type: `${streamEventPrefix}${kind}/${writer}/${isPrivate ? 'private' : 'public'}/${leaseMs}/${retentionMs ?? 'kept'}/${type}`,
    retryMs: undefined,
    traceContext: undefined,
  }
}

const typeForm = /^headwater-stream\/([a-z]+)\/([0-9a-z]+)\/(private|public)\/(\d+)\/(\d+|kept)\/(.*)$/s
const idForm = /~(?:0|([0-9a-z]+)\.(\d+))$/

/** Reads an event of the history as a record; `undefined` if it is none. */
export function readRecord(event: Pick<EventRecord, 'type' | 'id' | 'data'>): StreamRecord | undefined {
  if (!event.type || !isRecord(event)) return undefined
  const [, kind, writer = '', privacy, leaseMs, retentionMs, type = ''] = typeForm.exec(event.type) ?? []
  const found = idForm.exec(event.id ?? '')
  if (kind === undefined || !found) return undefined
  return {
    kind: kind as StreamRecordKind,
    number: Number(found[2] ?? 0),
    run: found[1] ?? writer,
    writer,
    leaseMs: Number(leaseMs),
    retentionMs: retentionMs === 'kept' ? null : Number(retentionMs),
    isPrivate: privacy === 'private',
    type,
    data: event.data,
  }
}

/** Why a stream ended, for readers; `undefined` if nobody said. */
export function reasonOf({ data }: StreamRecord): string | undefined {
  return data === '' ? undefined : data
}

/** Whether an event is a record of a stream. No publisher can make one. */
export function isRecord({ type }: Pick<EventRecord, 'type'>): boolean {
  return type?.startsWith(streamEventPrefix) ?? false
}

/** The name of the stream that an ID is of; `undefined` if it is of none. */
export function nameInId(id: string): string | undefined {
  const encoded = /^#(.+)~(?:0|[0-9a-z]+\.\d{1,15})$/.exec(id)?.[1]
  try {
    return encoded && decodeURIComponent(encoded)
  } catch {
    // An ID that a client made up.
    return undefined
  }
}
