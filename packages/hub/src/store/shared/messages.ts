import type { MessagePort } from 'node:worker_threads'
import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type {
  Append,
  Bounds,
  EventRecord,
  HistoryPosition,
  PositionState,
  ReadBackQuery,
  ReadQuery,
  StoredEvent,
  Tombstone,
} from '../store.ts'
import type { SegmentMemory } from './shared-log.ts'

// Between a thread and the one that has the store. Each of them sends all that it has to say in a turn of the event loop as one
// message, and events go as tuples: cloning an object takes twice as long as cloning the array of its values.

/** What a thread needs to open the store of another. It goes to one thread, once; the port has to be transferred. */
export interface StoreConnection {
  readonly port: MessagePort
  readonly epoch: string
  /** See `SharedLog.wakeup`. */
  readonly wakeup: Int32Array
  /** How many bytes of segments the thread has done with, so that nothing piles up for one that does not read. */
  readonly progress: BigInt64Array
  /** Where the log is now. */
  readonly memory: SegmentMemory
  /** What the store can do that not every store can. */
  readonly can: { readonly appendAll: boolean; readonly readBack: boolean; readonly check: boolean }
}

export type Request = { readonly number: number } & (
  | { readonly name: 'append'; readonly appends: readonly AppendTuple[] }
  | { readonly name: 'read'; readonly query: ReadQuery }
  | { readonly name: 'readBack'; readonly query: ReadBackQuery }
  | { readonly name: 'inspect'; readonly position: number }
  | { readonly name: 'find'; readonly id: string }
  | { readonly name: 'bounds' | 'follow' | 'trim' | 'check' }
)

/** What each request is answered with. */
export interface Answers {
  append: readonly HistoryPosition[]
  read: {
    readonly events: readonly EventTuple[]
    readonly through: number
    readonly lost: readonly Tombstone[]
    readonly bounds: Bounds
  }
  readBack: { readonly events: readonly EventTuple[]; readonly from: number }
  inspect: PositionState
  find: HistoryPosition | undefined
  bounds: Bounds
  /** The tail begins there in the segment of which the thread was told last. */
  follow: { readonly bounds: Bounds; readonly offset: number }
  trim: undefined
  check: undefined
}

export type Notice =
  | { readonly name: 'answer'; readonly number: number; readonly answer: Answers[keyof Answers] }
  | { readonly name: 'no answer'; readonly number: number; readonly code: HubErrorCode; readonly message: string }
  /** The log goes on in another segment. */
  | { readonly name: 'segment'; readonly memory: SegmentMemory }
  /** The thread is so far behind that it is not told of further segments. Following anew gives it the one of then. */
  | { readonly name: 'cut off' }

type RecordTuple = readonly [
  topics: string | readonly string[],
  data: string,
  isPrivate: boolean,
  id: string | undefined,
  type: string | undefined,
  retryMs: number | undefined,
]
type AppendTuple = readonly [record: RecordTuple, idempotencyKey: string | undefined]
type EventTuple = readonly [record: RecordTuple, position: number, tag: number]

export function toAppendTuple({ event, idempotencyKey }: Append): AppendTuple {
  return [toTuple(event), idempotencyKey]
}

export function toAppend([record, idempotencyKey]: AppendTuple): Append {
  return { event: toRecord(record), idempotencyKey }
}

export function toEventTuple(event: StoredEvent): EventTuple {
  return [toTuple(event), event.position, event.tag]
}

export function toEvent([record, position, tag]: EventTuple): StoredEvent {
  return { ...toRecord(record), position, tag }
}

/** What went wrong, whatever it was, as something that threads can tell one another. */
export function toHubError(error: unknown): HubError {
  if (error instanceof HubError) return error
  return new HubError('STORE_FAILED', `The event store failed: ${String(error)}`, { cause: error })
}

function toTuple({ topics, data, isPrivate, id, type, retryMs }: EventRecord): RecordTuple {
  return [topics.length === 1 ? topics[0]! : topics, data, isPrivate, id, type, retryMs]
}

function toRecord([topics, data, isPrivate, id, type, retryMs]: RecordTuple): EventRecord {
  return { topics: typeof topics === 'string' ? [topics] : topics, data, isPrivate, id, type, retryMs }
}
