/**
 * What Headwater says in a stream beside the application's events. docs/signals.md has what is sent,
 * when and to whom.
 */

/** The type of an event that says that part of what a subscriber missed is gone. */
export const GAP_EVENT_TYPE = 'headwater-gap'

/** The type of an event that moves the client's last event ID, and has no other meaning. */
export const POSITION_EVENT_TYPE = 'headwater-position'

/** The type of the last event of a stream that is complete, for a client that would reconnect. */
export const CLOSE_EVENT_TYPE = 'headwater-close'

/**
 * Why the events after the requested ID cannot all be replayed.
 * - `trimmed`: the history no longer reaches back that far
 * - `epoch`: the ID belongs to another history, for example of the process before a restart
 * - `unknown`: this history has never issued the ID
 * - `ahead`: the ID is later than anything in this history, for example after a backup was restored
 * - `damaged`: events after the ID are damaged or missing in the files of the history
 */
export type GapReason = 'trimmed' | 'epoch' | 'unknown' | 'ahead' | 'damaged'

/** The data of a `headwater-gap` event, as JSON. */
export interface Gap {
  reason: GapReason
  /** The last event ID that the subscriber sent. */
  requested: string
  /** The ID of the earliest event in the history, which follows; `null` if the history is empty. */
  earliest: string | null
  /** The name of the channel of which events are gone, if it has one. */
  channel?: string | undefined
}

/**
 * The ID of a `headwater-close` event: when the stream ended, in milliseconds since 1970 in base 36,
 * and the last event ID before it, so that a client which stores it can resume like any other.
 */
export const finalIdForm = /^headwater-end\.([0-9a-z]{1,10})\./
