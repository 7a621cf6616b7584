import { unsendable } from '../protocol/header-value.ts'
import { encodeEvent, type Frame } from '../protocol/index.ts'
import { CLOSE_EVENT_TYPE, finalIdForm, GAP_EVENT_TYPE, POSITION_EVENT_TYPE } from '../protocol/signals.ts'

/**
 * Whether only Headwater itself may send events of this type. Code that accepts events from others
 * refuses these types.
 */
export function isReservedEventType(type: string): boolean {
  return reservedTypes.has(type)
}

const reservedTypes: ReadonlySet<string> = new Set([GAP_EVENT_TYPE, POSITION_EVENT_TYPE, CLOSE_EVENT_TYPE])

/** Whether only Headwater itself may give an event this ID: it would end an `EventSource`. */
export function isReservedEventId(id: string): boolean {
  return finalIdForm.test(id)
}

/**
 * Encodes the client's position: it moves the last event ID and dispatches nothing. By the standard
 * a block with only an `id` does that. Firefox and WebKit take an `id` only from a block with data,
 * so an `EventSource` gets an event that nobody listens to. Its data is JSON for clients that parse
 * the data of every event. `retryMs` sets the reconnection time in the same block.
 */
export function encodePosition(id: string, isEventSource: boolean, retryMs?: number): Frame {
  if (isEventSource) return encodeEvent({ type: POSITION_EVENT_TYPE, retry: retryMs, data: '{}', id })
  // Without its data line, an event of only an ID.
  return encodeEvent({ retry: retryMs, data: '', id }).replace('data:\n', '') as Frame
}

/**
 * Encodes the end of a complete stream, for an `EventSource`. See `finalIdForm`. A cursor that no
 * header can carry, which a query can bring, is left out: the client could not send it back.
 */
export function encodeFinalEnd(cursor: string): Frame {
  const id = `headwater-end.${Date.now().toString(36)}.${unsendable.test(cursor) ? '' : cursor}`
  return encodeEvent({ type: CLOSE_EVENT_TYPE, data: '{}', id })
}

/** What an ID says that ended a stream: when, in milliseconds since 1970, and the ID before it. */
export function parseFinalId(id: string): { endedAt: number; cursor: string } | undefined {
  const [prefix, time] = finalIdForm.exec(id) ?? []
  if (prefix === undefined || time === undefined) return undefined
  return { endedAt: Number.parseInt(time, 36), cursor: id.slice(prefix.length) }
}
