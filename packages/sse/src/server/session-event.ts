import { encodeFields } from '../protocol/encode.ts'
import { type Frame, SseError } from '../protocol/index.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { isReservedEventId, isReservedEventType } from './reserved.ts'

/** One event of an application. */
export interface SessionEvent {
  /**
   * A string is sent as it is, anything else as JSON, including `0`, `false`, `null` and `''`.
   * `undefined`, functions, symbols, bigints and circular structures have no JSON form and are
   * refused with `INVALID_DATA`.
   */
  data: unknown
  /** The event type. Without it, `message` listeners get the event. */
  type?: string | undefined
  /**
   * The ID that the client sends back as `Last-Event-ID` when it reconnects. An empty string resets
   * it.
   */
  id?: string | undefined
  /** The reconnection time in milliseconds that the client uses from now on. */
  retry?: number | undefined
  /** A comment written before the event, for people who read the stream with `curl`. */
  comment?: string | undefined
}

/** Encodes an application's event. Refuses the types and the ID that Headwater itself uses. */
export function encodeSessionEvent(init: SessionEvent): Frame {
  if (typeof init !== 'object' || init === null) {
    throw new SseError('INVALID_DATA', `${describe(init)} is not an event. Did you mean { data: ${describe(init)} }?`)
  }
  refuseUnknownName('an event', init, eventNames)
  const { type, id, retry, comment } = init
  if (type !== undefined && isReservedEventType(type)) {
    throw new SseError('INVALID_EVENT_TYPE', `Event type "${type}" is reserved for Headwater itself. Choose another.`)
  }
  if (id !== undefined && isReservedEventId(id)) {
    throw new SseError('INVALID_EVENT_ID', `Event id "${id}" would end the client permanently. Use close() for that.`)
  }
  return encodeFields({ data: dataText(init.data), type, id, retry, comment })
}

const eventNames = namesOf<SessionEvent>({ data: true, type: true, id: true, retry: true, comment: true })

/** The data of an event as text: a string as it is, anything else as JSON. Throws `INVALID_DATA`. */
export function dataText(data: unknown): string {
  if (typeof data === 'string') return data
  let json: string | undefined
  try {
    json = JSON.stringify(data)
  } catch (cause) {
    throw new SseError('INVALID_DATA', `data has no JSON form: ${(cause as Error).message}`, { cause })
  }
  if (json === undefined) {
    throw new SseError(
      'INVALID_DATA',
      `data is ${describe(data)}, which has no JSON form. Send null, or '' for empty data.`,
    )
  }
  return json
}

function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
