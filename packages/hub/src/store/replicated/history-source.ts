import type { Append, HistoryPosition, NodeDirectory, StoredEvent } from '../store.ts'

/** A history that is sequenced elsewhere, as the replica of a node needs it. */
export interface HistorySource {
  readonly epoch: string
  /** The nodes that share it. Closed with the source. */
  readonly nodes: NodeDirectory

  /**
   * Stores events there, all or none, in this order. Rejects as `EventStore.append` does; the error
   * says whether they may have been stored.
   */
  append(appends: readonly Append[]): Promise<Sequenced>

  /** Reads the events after a position, as many as fit into a page. */
  read(after: number): Promise<SourcePage>

  /** Returns the tags of those of these positions that have an event there. */
  tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>>

  /** Calls back whenever there may be something new. Stops when the source is closed. */
  onChange(listener: () => void): void

  /** Drops there what retention no longer keeps. */
  trim(): Promise<void>

  /** Resolves if the source answers; rejects as `append` would. */
  check(): Promise<void>

  close(): Promise<void>
}

/** The outcome of an append. */
export interface Sequenced {
  /** The position and tag of each event. */
  readonly marks: readonly HistoryPosition[]
  /**
   * The head before the append, if every event in it is new and follows it without a hole;
   * `undefined` otherwise.
   */
  readonly previous: HistoryPosition | undefined
}

export interface SourcePage {
  readonly head: HistoryPosition
  /** The newest trimmed event at the moment of the events, so that none of them is missing unnoticed. */
  readonly trimmed: HistoryPosition
  /** The tag of the event at the position after which the page begins; `undefined` if there is none. */
  readonly tagBefore: number | undefined
  /** In order of position. Empty only if there is nothing up to the head. */
  readonly events: readonly StoredEvent[]
}
