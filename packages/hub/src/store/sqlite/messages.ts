import { type EventFields, fieldsOf } from '../event-fields.ts'
import type { EventRow } from '../history/event-tuples.ts'
import type { Failure } from '../history/failure.ts'
import type { PageRange } from '../history/page.ts'
import type { Bounds, EventRecord, HistoryPosition, PositionState, StoredEvent, Tombstone } from '../store.ts'
import type { HistoryEnd } from './history-end.ts'

// The messages between the store and its worker thread. All waiting requests are sent in one
// message. Events are sent as tuples; see `EventFields`.

/** The options with which the worker is started. */
export interface WorkerOptions {
  readonly directory: string
  readonly durability: Durability
  readonly maxAgeMs: number
  readonly maxEvents: number
  readonly maxBytes: number
  readonly idempotencyMs: number
  /** The epoch of the history if it is a new one. */
  readonly newEpoch: string
  /** The time by the store's clock when the worker is started. */
  readonly openedAt: number
}

export type Durability = 'full' | 'fast'

/** All requests of one turn of the event loop. */
export interface Batch {
  /** The time by the store's clock. */
  readonly at: number
  readonly appends: readonly AppendTuple[]
  readonly questions: readonly Question[]
}

/** An event to sequence and store. */
export type AppendTuple = readonly [
  ...EventFields,
  idempotencyKey: string | undefined,
  /** Whether the next event is stored with this one or not at all. */
  isWithNext: boolean,
]

/** What became of several appends, in their order. */
export interface AppendResult {
  /**
   * Where each event is stored: if its idempotency key is known, an earlier position. 0 if it is
   * refused.
   */
  readonly positions: readonly number[]
  readonly tags: readonly number[]
  /** For the index of each append that is refused, the ID that is taken. */
  readonly taken: ReadonlyMap<number, string> | undefined
}

/** An event that was sequenced elsewhere, to be stored at its position. */
export type ApplyTuple = readonly [...EventFields, position: number, tag: number, storedAt: number | undefined]

export type Question = { readonly number: number } & (
  | ({ readonly name: 'read' } & PageRange)
  | ({ readonly name: 'readBack' } & BackQuery)
  | { readonly name: 'inspect'; readonly position: number }
  | { readonly name: 'find'; readonly id: string }
  | { readonly name: 'check' }
  | { readonly name: 'trim' }
  /** Stores events that were sequenced elsewhere, all or none of them. */
  | { readonly name: 'apply'; readonly events: readonly ApplyTuple[]; readonly previous: HistoryPosition | undefined }
  /** Trims all events up to a mark, which may be after the head; see `HistoryLog.askToTrim`. */
  | { readonly name: 'trim through'; readonly mark: HistoryPosition }
  /** Drops everything after a mark; see `HistoryLog.dropAfter`. */
  | { readonly name: 'drop after'; readonly mark: HistoryPosition }
  /** Time has passed: something may have expired. Not answered. */
  | { readonly name: 'tick' }
  | { readonly name: 'close' }
)

export interface PageRows {
  readonly rows: readonly EventRow[]
  readonly through: number
  readonly lost: readonly Tombstone[]
  readonly damaged: HistoryPosition | undefined
  readonly bounds: Bounds
}

export interface BackQuery {
  readonly before: number
  readonly topics: readonly string[] | undefined
  readonly maxEvents: number
  readonly maxBytes: number
}

export interface BackRows {
  readonly rows: readonly EventRow[]
  readonly from: number
}

/** The answer to each question. */
export interface Answers {
  read: PageRows
  readBack: BackRows
  check: undefined
  inspect: PositionState
  find: HistoryPosition | undefined
  trim: undefined
  apply: undefined
  'trim through': undefined
  'drop after': Bounds
  close: undefined
}

export type Reply =
  | {
      readonly name: 'opened'
      readonly epoch: string
      readonly bounds: Bounds
      readonly uncleanHolder: string | undefined
      readonly end: HistoryEnd
    }
  | { readonly name: 'not opened'; readonly failure: Failure }
  /**
   * The next appends, in the order of the requests, are stored or refused.
   */
  | ({ readonly name: 'appended' } & AppendResult)
  /** This many of the next appends are not stored. */
  | { readonly name: 'not appended'; readonly count: number; readonly failure: Failure }
  | { readonly name: 'answer'; readonly number: number; readonly answer: Answers[keyof Answers] }
  | { readonly name: 'no answer'; readonly number: number; readonly failure: Failure }
  /** Events were trimmed; the bounds are those after that. */
  | { readonly name: 'trimmed'; readonly bounds: Bounds }
  /** Something failed that no request asked for. */
  | { readonly name: 'trouble'; readonly failure: Failure }

export function toAppendTuple(
  event: EventRecord,
  idempotencyKey: string | undefined,
  isWithNext: boolean,
): AppendTuple {
  return [...fieldsOf(event), idempotencyKey, isWithNext]
}

/** `keepsTime`: the event is stored as of when it was first stored, not as of now. */
export function toApplyTuple(event: StoredEvent, keepsTime: boolean): ApplyTuple {
  return [...fieldsOf(event), event.position, event.tag, keepsTime ? event.storedAt : undefined]
}
