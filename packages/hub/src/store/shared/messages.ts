import type { MessagePort } from 'node:worker_threads'
import { HubError, type HubErrorCode } from '../../base/errors.ts'
import { type EventFields, fieldsOf, recordOf } from '../event-fields.ts'
import type {
  Append,
  Bounds,
  HistoryPosition,
  PositionState,
  ReadBackQuery,
  ReadQuery,
  StoredEvent,
  Tombstone,
  UpstreamStatus,
} from '../store.ts'
import type { SegmentMemory } from './shared-log.ts'

// The messages between a thread and the one that owns the store. Each of them sends everything of
// one turn of the event loop in one message. Events are sent as tuples; see
// `EventFields`.

/**
 * What a thread needs to open the store of another thread. It is sent to one thread, once; the port
 * must be transferred.
 */
export interface StoreConnection {
  readonly port: MessagePort
  readonly epoch: string
  /** See `SharedLog.wakeup`. */
  readonly wakeup: Int32Array
  /**
   * How many bytes of segments the thread has finished with, so that nothing piles up for a thread
   * that does not read.
   */
  readonly progress: BigInt64Array
  /** The current segment of the log. */
  readonly memory: SegmentMemory
  /** The optional methods that the store has. */
  readonly can: Readonly<Record<'appendAll' | 'readBack' | 'check' | 'upstream', boolean>>
  /** The name of this node, if several share the history. All threads of a process are one node. */
  readonly node: string | undefined
}

export type Request = { readonly number: number } & (
  | { readonly name: 'append'; readonly appends: readonly AppendTuple[] }
  | { readonly name: 'read'; readonly query: ReadQuery }
  | { readonly name: 'readBack'; readonly query: ReadBackQuery }
  | { readonly name: 'inspect'; readonly position: number }
  | { readonly name: 'find'; readonly id: string }
  | { readonly name: 'exchange'; readonly note: Uint8Array }
  | { readonly name: 'trim'; readonly through: number | undefined }
  | { readonly name: 'bounds' | 'follow' | 'check' | 'alive' | 'upstream' }
)

/** The answer to each request. */
export interface Answers {
  append: readonly HistoryPosition[]
  read: {
    readonly events: readonly EventTuple[]
    readonly through: number
    readonly lost: readonly Tombstone[]
    readonly damaged?: HistoryPosition | undefined
    readonly bounds: Bounds
  }
  readBack: { readonly events: readonly EventTuple[]; readonly from: number }
  inspect: PositionState
  find: HistoryPosition | undefined
  bounds: Bounds
  /** The tail begins at this offset in the last segment that was sent to the thread. */
  follow: { readonly bounds: Bounds; readonly offset: number }
  trim: undefined
  check: undefined
  alive: ReadonlySet<string> | undefined
  exchange: readonly Uint8Array[]
  upstream: UpstreamStatus | undefined
}

export type Notice =
  | { readonly name: 'answer'; readonly number: number; readonly answer: Answers[keyof Answers] }
  | { readonly name: 'no answer'; readonly number: number; readonly code: HubErrorCode; readonly message: string }
  /** The log continues in another segment. */
  | { readonly name: 'segment'; readonly memory: SegmentMemory }
  /**
   * The thread is so far behind that it receives no further segments. When it follows again, it
   * receives the current one.
   */
  | { readonly name: 'cut off' }

type AppendTuple = readonly [fields: EventFields, idempotencyKey: string | undefined]
type EventTuple = readonly [fields: EventFields, position: number, tag: number, storedAt: number | undefined]

export function toAppendTuple({ event, idempotencyKey }: Append): AppendTuple {
  return [fieldsOf(event), idempotencyKey]
}

export function toAppend([fields, idempotencyKey]: AppendTuple): Append {
  return { event: recordOf(fields), idempotencyKey }
}

export function toEventTuple(event: StoredEvent): EventTuple {
  return [fieldsOf(event), event.position, event.tag, event.storedAt]
}

export function toEvent([fields, position, tag, storedAt]: EventTuple): StoredEvent {
  return { ...recordOf(fields), position, tag, storedAt }
}

/** Any error as one that can be sent to another thread. */
export function toHubError(error: unknown): HubError {
  if (error instanceof HubError) return error
  return new HubError('STORE_FAILED', `The event store failed: ${String(error)}`, { cause: error })
}
