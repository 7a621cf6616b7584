import { encodeEvent, type Frame } from '../protocol/index.ts'
import { GAP_EVENT_TYPE } from './reserved.ts'

/**
 * Why the events after the requested ID cannot all be replayed.
 * - `trimmed`: the history no longer reaches back that far
 * - `epoch`: the ID belongs to another history, for example of the process before a restart
 * - `unknown`: this history has never issued the ID
 * - `ahead`: the ID is later than anything in this history, for example after a backup was restored
 */
export type GapReason = 'trimmed' | 'epoch' | 'unknown' | 'ahead'

/** The data of a `headwater-gap` event, as JSON. */
export interface Gap {
  reason: GapReason
  /** The last event ID that the subscriber sent. */
  requested: string
  /** The ID of the earliest event in the history, which follows; `null` if the history is empty. */
  earliest: string | null
}

/**
 * Encodes a gap, as an event because an `EventSource` cannot read headers. Everything in the
 * history follows it. With `id` (the position just before the earliest event), a client cut off
 * right after the gap does not receive it again.
 */
export function encodeGap({ reason, requested, earliest }: Gap, id?: string): Frame {
  return encodeEvent({ event: GAP_EVENT_TYPE, data: JSON.stringify({ reason, requested, earliest }), id })
}
