import { encodeEvent, type Frame, GAP_EVENT_TYPE, type Gap } from '../protocol/index.ts'

/**
 * Encodes a gap, as an event because an `EventSource` cannot read headers. Everything in the
 * history follows it. With `id` (the position just before the earliest event), a client cut off
 * right after the gap does not receive it again.
 */
export function encodeGap({ reason, requested, earliest, channel }: Gap, id?: string): Frame {
  return encodeEvent({ type: GAP_EVENT_TYPE, data: JSON.stringify({ reason, requested, earliest, channel }), id })
}
