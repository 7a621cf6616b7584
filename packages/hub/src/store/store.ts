/** An event as the hub hands it to {@link EventStore.append}: already validated, nothing left to check. */
export interface EventRecord {
  /** At least one. The first is the canonical topic, the others are alternates; no two are the same. */
  readonly topics: readonly string[]
  readonly data: string
  /** Only subscribers with a right to one of the topics may have it. */
  readonly isPrivate: boolean
  /** The ID the publisher chose, if it did. Not unique: publishers may repeat themselves. */
  readonly id: string | undefined
  readonly type: string | undefined
  readonly retryMs: number | undefined
}

/**
 * A point in the history. Positions are whole numbers from 1 up, one sequence over all topics, growing with each event but
 * not always by one: a sequencer may leave holes. Position 0 (tag 0) is the beginning, before the first event.
 */
export interface HistoryPosition {
  readonly position: number
  /**
   * 32 random bits kept with the event. A history restored from a backup, or cut short by a failover, gives a position
   * to a second event; the tag tells the two apart.
   */
  readonly tag: number
}

/** The beginning of every history. */
export const beginning: HistoryPosition = { position: 0, tag: 0 }

/** An event that is in the history. */
export interface StoredEvent extends EventRecord, HistoryPosition {
  /**
   * The event as it goes out to subscribers, where it was encoded once for several threads: bytes of memory that they share, which
   * never change.
   */
  readonly frame?: Uint8Array | undefined
}

/** What remains of a trimmed event: enough to tell whose event it was. */
export interface Tombstone {
  readonly position: number
  /** `undefined` when the store no longer knows: it may have been anyone's. */
  readonly topics: readonly string[] | undefined
  readonly isPrivate: boolean
}

/** Where the history begins and ends, as of one moment. */
export interface Bounds {
  /** The newest event there ever was, kept or not; {@link beginning} if none. */
  readonly head: HistoryPosition
  /** The newest trimmed event: it and all before it are gone. {@link beginning} if none. */
  readonly trimmed: HistoryPosition
  /** The oldest event still kept; `undefined` when none is. */
  readonly earliest: HistoryPosition | undefined
  /** How many events are kept. Not the difference of two positions: there may be holes. */
  readonly count: number
}

/** Which events to read. */
export interface ReadQuery {
  /** Only events after this position. */
  readonly after: number
  /** Only events up to this position, which is at most the head the store has told. */
  readonly through: number
  /** Only events with at least one of these topics; `undefined` reads all. */
  readonly topics: ReadonlySet<string> | undefined
  /** The most events of one page; at least 1. */
  readonly maxEvents: number
  /** The page ends with the event that reaches this size in bytes of {@link storedBytes}. */
  readonly maxBytes: number
}

/** Which events to read backwards. */
export interface ReadBackQuery {
  /** Only events before this position, which is at most one more than the head the store has told. */
  readonly before: number
  /** Only events with at least one of these topics; `undefined` reads all. */
  readonly topics: ReadonlySet<string> | undefined
  /** The most events of one page; at least 1. */
  readonly maxEvents: number
  /** The page ends with the event that reaches this size in bytes of {@link storedBytes}. */
  readonly maxBytes: number
}

/** A stretch of the history, read backwards. */
export interface ReadBackPage {
  /** The newest first. */
  readonly events: readonly StoredEvent[]
  /** How far back it reaches: `events` holds every kept event the query asks for from here on. 0 at the beginning. */
  readonly from: number
}

/** A stretch of the history as of one moment. */
export interface ReadPage {
  /** In order of position. */
  readonly events: readonly StoredEvent[]
  /** How far the page reaches: `events` holds every kept event the query asks for up to here. `query.through` at the end. */
  readonly through: number
  /**
   * What was asked for but is trimmed: for each set of topics at least the trace of its newest such event. Every event
   * the query asks for is kept or has a trace as new as itself; one trimmed while a reader was under way is not missed silently.
   */
  readonly lost: readonly Tombstone[]
  /** What was kept at that moment. */
  readonly bounds: Bounds
}

/** What the store knows of a position that somebody claims to have seen. */
export type PositionState =
  /** An event is kept there, with this tag. (Position 0 is always kept, with tag 0.) */
  | { readonly name: 'kept'; readonly tag: number }
  /** It is trimmed; the tag is known only of the newest trimmed event. */
  | { readonly name: 'trimmed'; readonly tag: number | undefined }
  /** Within the history, but no event ever had it. */
  | { readonly name: 'vacant' }
  /** After the head. A store that learns of its head from elsewhere makes sure before it says so. */
  | { readonly name: 'ahead' }

export interface AppendOptions {
  /**
   * Makes it safe to append once more when it is not known whether the first attempt got through: for as long as the store
   * remembers the key, further appends with it store nothing, whatever their event, and resolve to the mark of the first.
   */
  readonly idempotencyKey?: string | undefined
}

/** One event of several that are appended together. */
export interface Append extends AppendOptions {
  readonly event: EventRecord
}

/**
 * How long stores remember an idempotency key, in milliseconds, unless told otherwise: an hour. Of
 * more than `maxIdempotencyKeys`, they forget the oldest earlier.
 */
export const defaultIdempotencyMs = 3_600_000

/** Who wants to know what happens at the end of the history. None of these may throw. */
export interface Follower {
  /** Called once, before all else: the tail begins after `bounds.head`. */
  onStart(bounds: Bounds): void
  /** Events new since the last call, in order of position; every event after the start comes exactly once. At least one. */
  onAppend(events: readonly StoredEvent[]): void
  /** Events up to and including this one are gone. */
  onTrim(trimmed: HistoryPosition): void
  /** The tail cannot go on without skipping something. Nothing follows. */
  onFailure(error: Error): void
}

/**
 * Keeps events. This is all the hub asks of memory, SQLite or a replicated engine, and all that `store-suite.ts` tests:
 *
 * - **Append is durable and ordered.** When `append` resolves the event is as safe as this store can make it, and its
 *   position is greater than that of every append that had resolved before this one was called. Appends under way
 *   together may be ordered either way. If it rejects, the error says whether the event may be stored all the same.
 * - **What is read is what was appended**, in order of position, by whoever reads, each event whole or not at all.
 * - **The tail never skips.** A follower gets each event after its start exactly once and in order, until it stops or is told
 *   of a failure. It may hear of an event before or after `append` resolves.
 * - **The end of the history is eventual.** Another writer may have appended what this store has not told yet. Whatever it has
 *   told (by `bounds`, `onStart`, `onAppend`) can be read.
 * - **Trimming takes from the old end only**, by the store's own retention, at any moment, but nothing that followers have not
 *   been told of; and it leaves a {@link Tombstone}.
 * - **A new history is a new epoch.** The same history keeps its epoch across restarts.
 *
 * Once closed, every method rejects with `STORE_CLOSED`; other failures reject with `STORE_FAILED`.
 */
export interface EventStore {
  /** Names the history: 10 random letters and digits, made when the history was. See `createEpoch`. */
  readonly epoch: string

  /** Adds an event to the history; or finds that its key was used before, and resolves as that append did. */
  append(event: EventRecord, options?: AppendOptions): Promise<HistoryPosition>

  /**
   * Adds several events, in this order and all or none of them; of those whose key was used before, none. A store that cannot leaves it out:
   * the hub then appends one after the other.
   */
  appendAll?(appends: readonly Append[]): Promise<readonly HistoryPosition[]>

  /** Reads a page of the history. */
  read(query: ReadQuery): Promise<ReadPage>

  /**
   * Reads a page of the history backwards. A store that cannot leaves it out: the hub then reads all of the history forwards
   * when it is asked for its end.
   */
  readBack?(query: ReadBackQuery): Promise<ReadBackPage>

  /** Where the history begins and ends. */
  bounds(): Promise<Bounds>

  /** What is known of a position. */
  inspect(position: number): Promise<PositionState>

  /**
   * The first kept event to which its publisher gave this ID. A store that learns of events from elsewhere makes sure before it says
   * that there is none: a client may have got it from another process, and would get everything again.
   */
  find(id: string): Promise<HistoryPosition | undefined>

  /** Follows the tail. Resolves, once `onStart` was called, to a function that ends it: nothing is called after that. */
  follow(follower: Follower): Promise<() => void>

  /** Drops what retention no longer keeps, now. Stores do so themselves; operators and tests may not want to wait. */
  trim(): Promise<void>

  /**
   * Finds out whether an append could be stored now, and stores nothing. Rejects as `append` would. A store that leaves it out is
   * taken to be able to for as long as it can be read.
   */
  check?(): Promise<void>

  /** Finishes the appends under way, then closes. Idempotent. */
  close(): Promise<void>
}
