export {
  GAP_EVENT_TYPE,
  type Gap,
  type GapReason,
  SseError,
  type SseErrorCode,
} from '../protocol/index.ts'
export { type Channel, type ChannelOptions, createChannel, type HistoryOptions } from './channel.ts'
export type { CloseReason } from './close-reason.ts'
export type { ContentCoding } from './content-coding.ts'
export type { DrainOptions } from './drain-options.ts'
export { createResponse, createResponseWhenReady, type Producer } from './fetch.ts'
export { readLastEventId } from './last-event-id.ts'
export { createSession, type NodeRequest, type NodeResponse } from './node.ts'
export type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
export type { Session } from './session.ts'
export type { SessionEvent } from './session-event.ts'
export type { ResponseHeaders, SessionOptions, WhenFull } from './session-options.ts'
