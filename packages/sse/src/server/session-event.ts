import { encodeFields } from '../protocol/encode.ts'
import { assertEventOptions, type IsAnyEvents } from '../protocol/event-map.ts'
import { type AnyEvents, type EventMap, type Frame, type OnInvalid, SseError } from '../protocol/index.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { isReservedEventId, isReservedEventType } from './reserved.ts'

/** One event of an application: of any type and data, or one of those of a map. */
export type SessionEvent<M extends object = AnyEvents> =
  IsAnyEvents<M> extends true ? AnyContent & EventRest : MappedEvent<M>

/**
 * An event of a map: a union over its types. No conditional type, so that the literals in a generator's
 * `yield` keep their types while `M` is inferred.
 */
export type MappedEvent<M extends object> = MappedContent<M> & EventRest

type MappedContent<M extends object> =
  | { [Type in keyof M & string]: { type: Type; data: M[Type] } }[keyof M & string]
  | { type?: undefined; data: MessageData<M> }

/** The type of an event and its data. */
export type ContentOf<M extends object = AnyEvents> = IsAnyEvents<M> extends true ? AnyContent : MappedContent<M>

/** The data of an event without a type; `never` if the map has none. */
export type MessageData<M extends object> = M['message' & keyof M]

interface EventRest {
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

interface AnyContent {
  /**
   * A string is sent as it is, anything else as JSON, including `0`, `false`, `null` and `''`.
   * `undefined`, functions, symbols, bigints and circular structures have no JSON form and are
   * refused with `INVALID_DATA`.
   */
  data: unknown
  /** The event type. Without it, `message` listeners get the event. */
  type?: string | undefined
}

/** What a stream's options say of its events. */
export interface EventOptions<M extends object = AnyEvents> {
  /**
   * What events there are, by `defineEvents`: any other is refused, and data is sent as the map says.
   * Default: any events; a string is sent as it is, anything else as JSON.
   */
  events?: EventMap<M, object> | undefined
  /** What to do with an event that is not what `events` says. Default: `throw`. */
  onInvalid?: OnInvalid | undefined
  /**
   * The text of data that is not a string, for a stream without `events`, which has a format of its own.
   * Default: `JSON.stringify`.
   */
  serialize?: ((data: unknown) => string) | undefined
}

/** Gives the data of an event as text. `undefined` if the event is skipped. */
export type EncodeData = (data: unknown, type: string | undefined) => string | undefined

/** How a stream encodes the data of its events. Throws `INVALID_OPTION`. */
export function dataEncoder(options: EventOptions<object>): EncodeData {
  assertEventOptions(options)
  const { events, onInvalid, serialize } = options as EventOptions
  if (serialize !== undefined && (events || typeof serialize !== 'function')) {
    throw new SseError(
      'INVALID_OPTION',
      events
        ? 'serialize has no effect beside events. Pass it to defineEvents, with the parse of the receivers.'
        : `serialize is ${String(serialize)}: it must be a function.`,
    )
  }
  if (events) return (data, type) => events.encode(type || 'message', data, onInvalid)
  if (serialize) return (data) => (typeof data === 'string' ? data : serialize(data))
  return dataText
}

/**
 * Encodes an application's event; `undefined` if it is skipped. Refuses the types and the ID that
 * Headwater itself uses.
 */
export function encodeSessionEvent(init: SessionEvent, encodeData: EncodeData = dataText): Frame | undefined {
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
  const data = encodeData(init.data, type)
  return data === undefined ? undefined : encodeFields({ data, type, id, retry, comment })
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
