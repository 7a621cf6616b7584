import type { HubErrorCode } from '../../base/errors.ts'
import type { Bounds, EventRecord, HistoryPosition, PositionState, Tombstone } from '../store.ts'

// What goes between the store and its worker thread. All that is waiting goes in one message, and events go as tuples: cloning an
// object takes twice as long as cloning the array of its values, most of it for the names.

/** What the worker is started with. */
export interface WorkerOptions {
  readonly directory: string
  readonly durability: Durability
  readonly maxAgeMs: number
  readonly maxEvents: number
  readonly maxBytes: number
  readonly idempotencyMs: number
  /** The name of the history, should there be none yet. */
  readonly newEpoch: string
}

export type Durability = 'full' | 'fast'

/** All that was asked in one turn of the event loop. */
export interface Batch {
  /** The time by the store's clock. */
  readonly at: number
  readonly appends: readonly RecordTuple[]
  readonly questions: readonly Question[]
}

export type RecordTuple = readonly [
  topics: string | readonly string[],
  data: string,
  isPrivate: boolean,
  id: string | undefined,
  type: string | undefined,
  retryMs: number | undefined,
  idempotencyKey: string | undefined,
  /** The next one is stored with this one or not at all. */
  isWithNext: boolean,
]

/** The rows of the database, as `SELECT` gives them; see `schema.ts`. */
export type EventRow = readonly [
  position: number,
  tag: number,
  topic: string,
  alternates: string | null,
  isPrivate: number,
  id: string | null,
  type: string | null,
  retryMs: number | null,
  data: string | Uint8Array,
]

export type Question = { readonly number: number } & (
  | ({ readonly name: 'read' } & PageQuery)
  | ({ readonly name: 'readBack' } & BackQuery)
  | { readonly name: 'inspect'; readonly position: number }
  | { readonly name: 'find'; readonly id: string }
  | { readonly name: 'check' }
  | { readonly name: 'trim' }
  /** Time has passed: something may have to be trimmed. Not answered. */
  | { readonly name: 'tick' }
  | { readonly name: 'close' }
)

export interface PageQuery {
  readonly after: number
  readonly through: number
  readonly topics: readonly string[] | undefined
  readonly maxEvents: number
  readonly maxBytes: number
}

export interface PageRows {
  readonly rows: readonly EventRow[]
  readonly through: number
  readonly lost: readonly Tombstone[]
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

/** What each question is answered with. */
export interface Answers {
  read: PageRows
  readBack: BackRows
  check: undefined
  inspect: PositionState
  find: HistoryPosition | undefined
  trim: undefined
  close: undefined
}

/** An error as it crosses threads: of an error's own properties, cloning keeps only the message. */
export interface Failure {
  readonly code: HubErrorCode
  readonly message: string
}

export type Reply =
  | {
      readonly name: 'opened'
      readonly epoch: string
      readonly bounds: Bounds
      readonly uncleanHolder: string | undefined
    }
  | { readonly name: 'not opened'; readonly failure: Failure }
  /** The next appends, in the order they were asked for, are stored. Those of a known idempotency key have an earlier mark. */
  | { readonly name: 'appended'; readonly positions: readonly number[]; readonly tags: readonly number[] }
  /** So many of the next appends are not. */
  | { readonly name: 'not appended'; readonly count: number; readonly failure: Failure }
  | { readonly name: 'answer'; readonly number: number; readonly answer: Answers[keyof Answers] }
  | { readonly name: 'no answer'; readonly number: number; readonly failure: Failure }
  | { readonly name: 'trimmed'; readonly trimmed: HistoryPosition; readonly earliest: HistoryPosition | undefined }
  /** Something failed that nobody asked for. */
  | { readonly name: 'trouble'; readonly failure: Failure }

export function toTuple(
  { topics, data, isPrivate, id, type, retryMs }: EventRecord,
  idempotencyKey: string | undefined,
  isWithNext: boolean,
): RecordTuple {
  return [topics.length === 1 ? topics[0]! : topics, data, isPrivate, id, type, retryMs, idempotencyKey, isWithNext]
}

/** All topics of an event, of the two columns they are in. */
export function topicsOf(topic: string, alternates: string | null): readonly string[] {
  return alternates === null ? [topic] : [topic, ...(JSON.parse(alternates) as string[])]
}
