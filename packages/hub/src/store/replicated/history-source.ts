import type { HubError } from '../../base/errors.ts'
import type { Append, HistoryPosition, NodeDirectory, StoredEvent } from '../store.ts'

/** A history that is sequenced elsewhere, as the replica of a node needs it. */
export interface HistorySource {
  readonly epoch: string
  /** The nodes that share it, if any do. Closed with the source. */
  readonly nodes?: NodeDirectory | undefined
  /** What messages call it. */
  readonly name: string
  /** Why this source will never again have this history; `undefined` while it may. */
  readonly failure?: HubError | undefined

  /**
   * Stores events there, all or none, in this order. Rejects as `EventStore.append` does; the error
   * says whether they may have been stored.
   */
  append(appends: readonly Append[]): Promise<Sequenced>

  /** Reads the events after a position, as many as fit into a page. */
  read(after: number): Promise<SourcePage>

  /**
   * Finds out what the source has now, so that `read` returns all of that before it says that there
   * is nothing more. A source whose `read` always asks omits the method.
   */
  refresh?(): Promise<void>

  /** What is known of the source without asking it. A source that cannot say omits the method. */
  status?(): SourceStatus

  /** Returns the tags of those of these positions that have an event there. */
  tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>>

  /** Calls back whenever there may be something new. Stops when the source is closed. */
  onChange(listener: () => void): void

  /** Drops there what retention no longer keeps. */
  trim(): Promise<void>

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
  /** Whether there is nothing more to read now, as far as the source knows. */
  readonly isLast: boolean
}

export interface SourceStatus {
  readonly isConnected: boolean
  /** The position of the newest event that it is known to have; `undefined` before it was reached. */
  readonly headPosition: number | undefined
  /** How long ago it was last heard of, in milliseconds. */
  readonly silentMs: number
}
