import { encodeEvent, type Frame } from '../protocol/index.ts'

/** Says that part of what a subscriber missed is gone. See `encodeGap`. */
export const GAP_EVENT_TYPE = 'headwater-gap'

/** Moves the client's last event ID, and has no other meaning. */
export const POSITION_EVENT_TYPE = 'headwater-position'

/** The last event of a permanently closed session. */
export const CLOSE_EVENT_TYPE = 'headwater-close'

/** The last event of a session whose source failed. */
export const ERROR_EVENT_TYPE = 'headwater-error'

/**
 * The last event ID that a closed session leaves with the client. A request with it gets 204, which
 * ends the client's reconnecting.
 */
export const CLOSED_EVENT_ID = 'headwater-closed'

/**
 * Whether only Headwater itself may send events of this type. Code that accepts events from others
 * refuses these types.
 */
export function isReservedEventType(type: string): boolean {
  return reservedTypes.has(type)
}

const reservedTypes: ReadonlySet<string> = new Set([
  GAP_EVENT_TYPE,
  POSITION_EVENT_TYPE,
  CLOSE_EVENT_TYPE,
  ERROR_EVENT_TYPE,
])

/**
 * Encodes an event that moves the client's last event ID. It has an (empty) `data` field because
 * Firefox takes an `id` only from a block that has one. Nobody listens to its type.
 */
export function encodePosition(id: string): Frame {
  return encodeEvent({ event: POSITION_EVENT_TYPE, data: '', id })
}
