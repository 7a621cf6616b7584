export { encodeComment, encodeEvent, encodeRetry, type Frame } from './encode.ts'
export { SseError, type SseErrorCode } from './errors.ts'
export type { EventInit, ParsedEvent } from './event.ts'
export {
  type AnyEvents,
  type DataFormat,
  defineEvents,
  type EventMap,
  type EventSchemas,
  type EventsIn,
  type EventsOut,
  type InvalidEvent,
  type OnInvalid,
  text,
} from './event-map.ts'
export { type EventStreamOptions, EventStreamParser, readEvents } from './event-stream.ts'
export { createParser, type Parser, type ParserOptions } from './parse.ts'
export { GAP_EVENT_TYPE, type Gap, type GapReason } from './signals.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts'
