export type { Gap, GapReason } from '../protocol/signals.ts'
export { type AppStateLike, appStateReturn } from './app-state-return.ts'
export { ConnectionError } from './connection-error.ts'
export { ConnectionErrorEvent } from './connection-error-event.ts'
export type { ConnectionFailure, ConnectionState } from './connection-state.ts'
export {
  EventSource,
  type EventSourceEventMap,
  type EventSourceListen,
  type StreamEventSource,
} from './event-source.ts'
export {
  type EventParsers,
  type EventStream,
  type EventsOptions,
  events,
  type StreamEvent,
} from './events.ts'
export type {
  ConnectionOptions,
  EventSourceOptions,
  FetchInit,
  ReconnectTrigger,
  RequestContext,
  RetryPolicy,
  Share,
} from './options.ts'
export { pageReturn } from './page-return.ts'
