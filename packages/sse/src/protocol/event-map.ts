import { SseError, type SseErrorCode } from './errors.ts'
import { plainForm } from './names.ts'
import type { SchemaIssue, StandardSchema } from './standard-schema.ts'

/** The events of a stream that says nothing of them: any type, with any data. */
export type AnyEvents = object

/** Whether a type says nothing of the events. */
export type IsAnyEvents<M extends object> = [keyof M] extends [never] ? true : string extends keyof M ? true : false

/**
 * What events a stream has: their types, and the data of each. `In` is the data that a sender gives,
 * `Out` what a receiver gets; both are of the form `{ [type]: data }`. An event without a type is
 * `message`. {@link defineEvents} makes one, for both ends.
 */
export interface EventMap<In extends object = AnyEvents, Out extends object = In> {
  /** Internal: the data of an event as text. `undefined` if it is skipped. */
  encode(type: string, data: unknown, onInvalid?: OnInvalid): string | undefined
  /** Internal: the data of a received event. `undefined` if it is skipped. */
  decode(type: string, text: string, onInvalid?: OnInvalid): { readonly data: unknown } | undefined
  /**
   * Internal: a received event with its data as the map says; the end of the connection if it is not
   * that and `onInvalid` is `throw`; `undefined` if it is skipped.
   */
  receive<Event extends TextEvent>(event: Event, onInvalid?: OnInvalid): Received<Event> | undefined
  /** Internal: the schemas, to describe the events elsewhere. */
  readonly schemas?: EventSchemas | undefined
  /** Only a type. */
  readonly '~types'?: { readonly in: In; readonly out: Out } | undefined
}

interface TextEvent {
  readonly type: string
  readonly data: string
}

/** A received event with its data, or why there will be no more. */
type Received<Event extends TextEvent> =
  | (Omit<Event, 'data'> & { readonly data: unknown })
  | { readonly name: 'closed'; readonly failure: InvalidDataFailure }

interface InvalidDataFailure {
  readonly code: SseErrorCode
  readonly message: string
  readonly cause: unknown
  readonly willRetry: false
  readonly retryDelayMs: 0
}

/** A schema for each event type of a stream. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>

/** The data that a sender gives, by event type. */
export type EventsIn<S> = {
  -readonly [Type in keyof S]: S[Type] extends StandardSchema<infer In, unknown> ? In : never
}

/** The data that a receiver gets, by event type. */
export type EventsOut<S> = {
  -readonly [Type in keyof S]: S[Type] extends StandardSchema<unknown, infer Out> ? Out : never
}

/** How data becomes text, and text data. Default: `JSON.stringify` and `JSON.parse`. */
export interface DataFormat {
  /** The text of data, which is valid already. */
  serialize?: ((data: unknown) => string) | undefined
  /** The data of a text that `serialize` made: what the schemas check, and a receiver gets. */
  parse?: ((text: string) => unknown) | undefined
}

/**
 * What to do with an event whose data is not what the map says. `throw`, the default: at a sender the
 * call throws, at a receiver the stream ends, both with `INVALID_DATA`. `skip`: the event is left out.
 * A function is called with the problem, and the event is left out.
 */
export type OnInvalid = 'throw' | 'skip' | ((problem: InvalidEvent) => void)

/** An event that is not what the map says. */
export interface InvalidEvent {
  readonly type: string
  /** The data that a sender gave, or the text that a receiver got. */
  readonly data: unknown
  /** What the schema has against it. Empty if its data has no JSON form or is no JSON. */
  readonly issues: readonly SchemaIssue[]
  /** What `throw` throws: `INVALID_DATA`, or `INVALID_EVENT_TYPE` for a type that the map does not have. */
  readonly error: SseError
}

/**
 * Says what events a stream has, once, for everything that sends or receives them: pass it as
 * `events` to `createChannel`, `createSession`, `createResponse`, `events()`, `EventSource` and
 * `hub.topic`.
 *
 * The data of each type is JSON, also if it is a string, unless its schema is {@link text}. A sender
 * refuses types without a schema; a receiver gets them as text, because a server may send new ones.
 * Both check the data as it is after the way: a sender sends what it was given, after checking
 * what receivers will make of it. So a schema that changes values changes them at the receiver, and
 * one that ignores members of an object lets them be sent.
 *
 * Without schemas, `defineEvents<{ tick: Tick }>()`, the types are trusted and all data is JSON.
 *
 * @throws SseError `INVALID_OPTION` for what is no schema. Asynchronous schemas are refused with it
 * when they are used: events are sent and received in order.
 */
export function defineEvents<M extends object>(schemas?: undefined, format?: DataFormat): EventMap<M>
export function defineEvents<const S extends EventSchemas>(
  schemas: S,
  format?: DataFormat,
): EventMap<EventsIn<S>, EventsOut<S>>
export function defineEvents(schemas?: EventSchemas, format: DataFormat = {}): EventMap {
  const { serialize = toJson, parse = JSON.parse } = format
  for (const [type, schema] of Object.entries(schemas ?? {})) assertSchema(type, schema)
  const schemaOf = (type: string) => (schemas && Object.hasOwn(schemas, type) ? schemas[type] : undefined)
  const isText = (schema: StandardSchema | undefined) => !!schema && textMark in schema
  return {
    schemas,
    decode,
    encode(type, data, onInvalid) {
      const schema = schemaOf(type)
      try {
        if (schemas && !schema) throw unknownType(type, schemas)
        const text = isText(schema) ? asText(data) : serialize(data)
        // What receivers will make of it.
        if (schema) validate(type, schema, isText(schema) ? text : parse(text))
        return text
      } catch (cause) {
        report(type, data, cause, 'Mend what sends it, or its schema.', onInvalid)
        return undefined
      }
    },
    receive(event, onInvalid) {
      try {
        const decoded = decode(event.type, event.data, onInvalid)
        return decoded && { ...event, ...decoded }
      } catch (cause) {
        const { code, message } = cause as SseError
        return { name: 'closed', failure: { code, message, cause, willRetry: false, retryDelayMs: 0 } }
      }
    },
  }

  function decode(type: string, text: string, onInvalid?: OnInvalid): { readonly data: unknown } | undefined {
    const schema = schemaOf(type)
    if ((schemas && !schema) || isOfOurs(type)) return { data: text }
    try {
      const value: unknown = isText(schema) ? text : parse(text)
      return { data: schema ? validate(type, schema, value) : value }
    } catch (cause) {
      report(type, text, cause, "The sender's map differs, or it is something else that sends.", onInvalid)
      return undefined
    }
  }
}

/**
 * The schema of an event whose data is plain text, sent and received as it is, without JSON. With a
 * schema, one that takes a string.
 */
export function text(): StandardSchema<string>
export function text<In extends string, Out>(schema: StandardSchema<In, Out>): StandardSchema<In, Out>
export function text(schema?: StandardSchema): StandardSchema {
  if (schema !== undefined) assertSchema('text()', schema)
  const validate = (value: unknown) => schema?.['~standard'].validate(value) ?? { value }
  return { '~standard': { version: 1, vendor: 'headwater', validate }, [textMark]: true } as StandardSchema
}

/** A registered symbol: the page and the server may have a copy of this module each. */
const textMark = /* @__PURE__ */ Symbol.for('headwater.text')

/** Types that the map never describes: Headwater's own signals. */
function isOfOurs(type: string): boolean {
  return type.startsWith('headwater-')
}

function toJson(data: unknown): string {
  const json = JSON.stringify(data)
  if (json === undefined) throw new TypeError(`${typeof data} has no JSON form`)
  return json
}

function asText(data: unknown): string {
  if (typeof data === 'string') return data
  throw new TypeError(`it is plain text by its map, and this is of type ${typeof data}`)
}

/** A schema's refusal, on its way to {@link report}. */
class Refusal {
  readonly issues: readonly SchemaIssue[]

  constructor(issues: readonly SchemaIssue[]) {
    this.issues = issues
  }
}

function validate(type: string, schema: StandardSchema, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if ('then' in result) {
    result.then(undefined, () => {})
    throw new SseError(
      'INVALID_OPTION',
      `The schema of ${JSON.stringify(type)} is asynchronous, and events are checked one after the other. Use one without await, and check the rest elsewhere.`,
    )
  }
  if (result.issues) throw new Refusal(result.issues)
  return result.value
}

function report(type: string, data: unknown, cause: unknown, advice: string, onInvalid: OnInvalid = 'throw'): void {
  // Not a fault of the event.
  if (cause instanceof SseError && cause.code === 'INVALID_OPTION') throw cause
  const issues = cause instanceof Refusal ? cause.issues : []
  const error =
    cause instanceof SseError
      ? cause
      : new SseError(
          'INVALID_DATA',
          `The data of an event of type ${JSON.stringify(type)} is not what its map says: ${issues.map(describe).join('; ') || cause}. ${advice}`,
          { cause: issues.length > 0 ? issues : cause },
        )
  if (onInvalid === 'throw') throw error
  if (onInvalid !== 'skip') onInvalid({ type, data, issues, error })
}

/** `at data.items.0: must be a number`. */
function describe({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === 'object' ? step.key : step))
  return keys.length > 0 ? `at ${keys.join('.')}: ${message}` : message
}

function unknownType(type: string, schemas: EventSchemas): SseError {
  const types = Object.keys(schemas)
  const meant = types.find((each) => plainForm(each) === plainForm(type))
  return new SseError(
    'INVALID_EVENT_TYPE',
    `There is no event type ${JSON.stringify(type.slice(0, 80))} in the map.${meant === undefined ? '' : ` Did you mean ${meant}?`} Its types: ${types.join(', ')}.`,
  )
}

function assertSchema(type: string, schema: unknown): void {
  if (typeof (schema as StandardSchema | undefined)?.['~standard']?.validate === 'function') return
  throw new SseError(
    'INVALID_OPTION',
    `${JSON.stringify(type)} has no schema that keeps the Standard Schema. Pass one of zod (3.24 or newer), valibot, arktype, or text().`,
  )
}

/** Throws `INVALID_OPTION` unless these are options that say what events there are. */
export function assertEventOptions({ events, onInvalid }: { events?: unknown; onInvalid?: unknown }): void {
  if (events !== undefined && typeof (events as EventMap | null)?.decode !== 'function') {
    throw new SseError(
      'INVALID_OPTION',
      'events is not made by defineEvents. Did you mean events: defineEvents({ … })?',
    )
  }
  if (onInvalid !== undefined && onInvalid !== 'throw' && onInvalid !== 'skip' && typeof onInvalid !== 'function') {
    throw new SseError('INVALID_OPTION', `onInvalid is ${String(onInvalid)}: it is 'throw', 'skip' or a function.`)
  }
}
