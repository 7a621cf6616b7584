import { encodeEvent, type Frame } from '../protocol/index.ts'
import { GAP_EVENT_TYPE } from './reserved.ts'

/**
 * Why not everything after the requested ID can be replayed.
 * - `trimmed`: the history no longer reaches back that far
 * - `epoch`: the ID is of another history, say of the process before a restart
 * - `unknown`: the ID was never given out here
 * - `ahead`: the ID is later than anything in this history, say after a backup was restored
 */
export type GapReason = 'trimmed' | 'epoch' | 'unknown' | 'ahead'

/** The data of a `headwater-gap` event, as JSON. */
export interface Gap {
  reason: GapReason
  /** The last event ID the subscriber came with. */
  requested: string
  /** The ID of the earliest event that is kept, which comes next; `null` when nothing is kept. */
  earliest: string | null
}

/**
 * Encodes a gap: told in the stream because an `EventSource` cannot read headers. Everything that is kept follows it.
 * With `id` (the place just before the earliest kept), a client cut off right after the gap is not told of it again.
 */
export function encodeGap({ reason, requested, earliest }: Gap, id?: string): Frame {
  return encodeEvent({ event: GAP_EVENT_TYPE, data: JSON.stringify({ reason, requested, earliest }), id })
}
