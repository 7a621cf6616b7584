export { ConnectionError } from './connection-error.ts'
export { ConnectionErrorEvent } from './connection-error-event.ts'
export type { ConnectionFailure, ConnectionState } from './connection-state.ts'
export { EventSource, type EventSourceOptions } from './event-source.ts'
export {
  type EventParsers,
  type EventStream,
  type EventsOptions,
  events,
  type StreamEvent,
} from './events.ts'
export type { ConnectionOptions, RequestContext, RetryPolicy } from './options.ts'
