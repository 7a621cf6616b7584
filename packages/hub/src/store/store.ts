/**
 * An event as the hub passes it to {@link EventStore.append}. It is already validated: the store
 * has nothing to check.
 */
export interface EventRecord {
  /**
   * At least one topic; no two are the same. The first is the canonical topic, the others are
   * alternates.
   */
  readonly topics: readonly string[]
  readonly data: string
  /** Whether only subscribers with a right to one of the topics may receive it. */
  readonly isPrivate: boolean
  /** The ID that the publisher chose, if any. No other event that is kept has it. */
  readonly id: string | undefined
  readonly type: string | undefined
  readonly retryMs: number | undefined
  /**
   * The trace in which it was published, by W3C Trace Context: the `traceparent`, and after a space the
   * `tracestate` if there was one. No part of what the event is: neither checked nor compared.
   */
  readonly traceContext?: string | undefined
}

/** [Mercure] The type of the events of hubs themselves, about subscriptions. Publishers cannot use it. */
export const hubEventType = 'mercure'

/** What the types of the records of streams begin with (`hub.stream(name)`). Publishers cannot use them. */
export const streamEventPrefix = 'headwater-stream/'

/**
 * A point in the history. Positions are integers from 1 up, in one sequence over all topics. They
 * grow with each event, but not always by one: a sequencer may leave holes. Position 0 (tag 0) is
 * the beginning, before the first event.
 */
export interface HistoryPosition {
  readonly position: number
  /**
   * 32 random bits, stored with the event. A history that was restored from a backup, or cut short
   * by a failover, assigns a position to a second event. The tag tells the two apart.
   */
  readonly tag: number
}

/** The beginning of every history. */
export const beginning: HistoryPosition = { position: 0, tag: 0 }

/** The position of an event, or of anything that has one, without the rest of it. */
export function markOf({ position, tag }: HistoryPosition): HistoryPosition {
  return { position, tag }
}

/** An event in the history. */
export interface StoredEvent extends EventRecord, HistoryPosition {
  /**
   * The event as it is sent to subscribers, if it was encoded once for several threads. The bytes
   * are in memory that these threads share, and never change.
   */
  readonly frame?: Uint8Array | undefined
  /**
   * When this store stored the event, in milliseconds since 1970, by the clock of that moment. Set on
   * what is read; the tail may omit it. It is for people: time orders and identifies nothing.
   */
  readonly storedAt?: number | undefined
}

/** What remains of a trimmed event: enough to know whose event it was. */
export interface Tombstone {
  readonly position: number
  /** `undefined` if the store no longer knows them: the event may have been anyone's. */
  readonly topics: readonly string[] | undefined
  readonly isPrivate: boolean
}

/** The beginning and the end of the history at one moment. */
export interface Bounds {
  /**
   * The newest event there ever was, whether it is kept or not; {@link beginning} if there was
   * none.
   */
  readonly head: HistoryPosition
  /**
   * The newest trimmed event: it and all events before it are gone. {@link beginning} if there is
   * none.
   */
  readonly trimmed: HistoryPosition
  /** The oldest kept event; `undefined` if no event is kept. */
  readonly earliest: HistoryPosition | undefined
  /** The number of kept events. Not the difference of two positions: there may be holes. */
  readonly count: number
}

/** Which events to read. */
export interface ReadQuery {
  /** Only events after this position. */
  readonly after: number
  /** Only events up to this position, which is at most the head that the store has reported. */
  readonly through: number
  /** Only events with at least one of these topics; `undefined` for all events. */
  readonly topics: ReadonlySet<string> | undefined
  /** The most events in a page; at least 1. */
  readonly maxEvents: number
  /** The page ends with the event that brings it to this size in bytes; see {@link storedBytes}. */
  readonly maxBytes: number
}

/** Which events to read backwards. */
export interface ReadBackQuery {
  /**
   * Only events before this position, which is at most one more than the head that the store has
   * reported.
   */
  readonly before: number
  /** Only events with at least one of these topics; `undefined` for all events. */
  readonly topics: ReadonlySet<string> | undefined
  /** The most events in a page; at least 1. */
  readonly maxEvents: number
  /** The page ends with the event that brings it to this size in bytes; see {@link storedBytes}. */
  readonly maxBytes: number
}

/** A part of the history, read backwards. */
export interface ReadBackPage {
  /** Newest first. */
  readonly events: readonly StoredEvent[]
  /**
   * How far back the page reaches: from this position on, `events` holds every kept event that the
   * query selects. 0 at the beginning.
   */
  readonly from: number
}

/** A part of the history at one moment. */
export interface ReadPage {
  /** In order of position. */
  readonly events: readonly StoredEvent[]
  /**
   * How far the page reaches: up to this position, `events` holds every kept event that the query
   * selects. `query.through` at the end.
   */
  readonly through: number
  /**
   * What the query selects but is trimmed: for each set of topics, at least the tombstone of the
   * newest such event. Every event that the query selects is kept or has a tombstone that is at
   * least as new. An event that is trimmed while a reader is under way is not missed silently.
   */
  readonly lost: readonly Tombstone[]
  /**
   * Set if events of the range are damaged or missing, which may have been anyone's. All of them
   * are at this position or before it, and all of `events` after it. The tag means nothing.
   * Omitted by stores that cannot be damaged.
   */
  readonly damaged?: HistoryPosition | undefined
  /** The bounds at that moment. */
  readonly bounds: Bounds
}

/** What the store knows about a position that a client claims to have seen. */
export type PositionState =
  /** An event is kept there, with this tag. (Position 0 is always kept, with tag 0.) */
  | { readonly name: 'kept'; readonly tag: number }
  /** The position is trimmed. The tag is known only for the newest trimmed event. */
  | { readonly name: 'trimmed'; readonly tag: number | undefined }
  /** Within the history, but no event ever had this position. */
  | { readonly name: 'vacant' }
  /** An event had this position, but the store is damaged and no longer knows it. */
  | { readonly name: 'damaged' }
  /**
   * After the head. A store that learns its head from elsewhere makes sure before it returns this.
   */
  | { readonly name: 'ahead' }

export interface AppendOptions {
  /**
   * Makes it safe to retry an append when it is not known whether the first attempt succeeded. As
   * long as the store remembers the key, further appends with it store nothing, whatever their
   * event, and resolve to the position and tag of the first.
   */
  readonly idempotencyKey?: string | undefined
}

/** One of several events that are appended together. */
export interface Append extends AppendOptions {
  readonly event: EventRecord
}

/**
 * The default time for which stores remember an idempotency key, in milliseconds: an hour. If there
 * are more than `maxIdempotencyKeys`, they forget the oldest sooner.
 */
export const defaultIdempotencyMs = 3_600_000

/** Called with what happens at the end of the history. None of these methods may throw. */
export interface Follower {
  /** Called once, before any other method: the tail begins after `bounds.head`. */
  onStart(bounds: Bounds): void
  /**
   * Called with the events that are new since the last call, at least one, in order of position.
   * Every event after the start comes exactly once.
   */
  onAppend(events: readonly StoredEvent[]): void
  /** Called when the events up to and including this one are gone. */
  onTrim(trimmed: HistoryPosition): void
  /** Called when the tail cannot continue without skipping something. No call follows. */
  onFailure(error: Error): void
}

/** What a copy of a history knows of the hub that it copies. */
export interface UpstreamStatus {
  /** Whether it is connected to that hub now. */
  readonly isConnected: boolean
  /**
   * How many positions, and so at most how many events, the copy lacks of those it has heard of.
   * `undefined` if that hub was not reached since the copy was opened.
   */
  readonly behind: number | undefined
  /** How long ago it last heard of that hub, or was opened, in milliseconds. */
  readonly silentMs: number
}

/**
 * The nodes that share a history: hubs in other processes or on other machines, each with a store of
 * its own on one engine.
 */
export interface NodeDirectory {
  /**
   * This node. Made at random when its store was opened, so a hub that is restarted is another node.
   * Without a dot.
   */
  readonly name: string

  /**
   * Returns the names of the nodes that are alive. A node is dead when it was closed, or when the
   * engine has not heard of it for 20 seconds by the engine's clock. It may come back.
   *
   * `undefined` if this node cannot tell now: it was itself not heard of within the last 20 seconds,
   * so whatever kept it away may have kept away others.
   */
  alive(): Promise<ReadonlySet<string> | undefined>

  /**
   * Leaves a note for the other nodes in place of the last one, and returns theirs, in no order.
   * Notes that are not renewed within 20 seconds are dropped, and so are all notes when the engine
   * fails over. `part` tells apart what several threads of this node leave. Default 0.
   */
  exchange(note: Uint8Array, part?: number): Promise<readonly Uint8Array[]>

  /**
   * Says for another node that it is alive, and returns who is, as `alive` does for that node: a hub at
   * the edge reaches the engine only by this one. Its name is a UUID. Missing where no such hub can
   * come.
   */
  visit?(name: string): Promise<ReadonlySet<string> | undefined>
}

/**
 * Stores events. This is all that the hub requires of memory, SQLite or a replicated engine, and
 * all that `store-suite.ts` tests:
 *
 * - **Append is durable and ordered.** When `append` resolves, the event is as safe as this store
 *   can make it, and its position is greater than that of every append that had resolved before
 *   this one was called. Concurrent appends may be ordered either way. If `append` rejects, the
 *   error says whether the event may have been stored nevertheless.
 * - **Reads return what was appended**, in order of position, to every reader, each event whole or
 *   not at all.
 * - **The tail never skips.** A follower receives each event after its start exactly once and in
 *   order, until it stops or its `onFailure` is called. It may receive an event before or after
 *   `append` resolves.
 * - **The end of the history is eventual.** Another writer may have appended events that this store
 *   has not reported yet. Whatever it has reported (by `bounds`, `onStart` or `onAppend`) can be
 *   read.
 * - **Trimming removes events from the old end only.** The store trims by its own retention, at any
 *   moment, but never what it has not reported to its followers. It leaves a
 *   {@link Tombstone}.
 * - **A new history is a new epoch.** The same history keeps its epoch across restarts.
 *
 * Once the store is closed, every method rejects with `STORE_CLOSED`; other failures reject with
 * `STORE_FAILED`.
 */
export interface EventStore {
  /**
   * The name of the history: 10 random letters and digits, made with the history. See
   * `createEpoch`.
   */
  readonly epoch: string

  /** The nodes that share the history. Missing if only this store appends to it. */
  readonly nodes?: NodeDirectory | undefined

  /**
   * Appends an event to the history. If its key was used before, `append` stores nothing and
   * resolves as that append did.
   */
  append(event: EventRecord, options?: AppendOptions): Promise<HistoryPosition>

  /**
   * Appends several events in this order, all or none of them. Events whose key was used before are
   * not stored again. A store that cannot do this omits the method: the hub then appends one event
   * after the other.
   */
  appendAll?(appends: readonly Append[]): Promise<readonly HistoryPosition[]>

  /** Reads a page of the history. */
  read(query: ReadQuery): Promise<ReadPage>

  /**
   * Reads a page of the history backwards. A store that cannot do this omits the method: the hub
   * then reads all of the history forwards when it needs the end.
   */
  readBack?(query: ReadBackQuery): Promise<ReadBackPage>

  /** Returns the beginning and the end of the history. */
  bounds(): Promise<Bounds>

  /** Returns what is known about a position. */
  inspect(position: number): Promise<PositionState>

  /**
   * Finds the first kept event to which its publisher gave this ID. A store that learns of events
   * from elsewhere makes sure before it returns that there is none: a client may have received the
   * event from another process, and would receive everything again.
   */
  find(id: string): Promise<HistoryPosition | undefined>

  /**
   * Follows the tail. Resolves, after `onStart` was called, to a function that stops it: nothing is
   * called after that.
   */
  follow(follower: Follower): Promise<() => void>

  /**
   * Drops now what retention no longer keeps. Stores do so by themselves; operators and tests may
   * not want to wait. With `through`, also every event up to that position, whatever the retention; a
   * position after the head means the head. A store whose history is kept elsewhere rejects that with
   * `INVALID_REQUEST`.
   */
  trim(through?: number): Promise<void>

  /**
   * Finds out whether an append could be stored now, and stores nothing. Rejects as `append` would.
   * A store that omits this method is assumed to be able to store for as long as it can be read.
   */
  check?(): Promise<void>

  /**
   * How far a copy of another hub's history is behind. A store that is not such a copy omits the
   * method, or resolves to `undefined`.
   */
  upstream?(): Promise<UpstreamStatus | undefined>

  /** Finishes the appends under way, then closes. Idempotent. */
  close(): Promise<void>
}
