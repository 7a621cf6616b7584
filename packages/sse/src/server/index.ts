export {
  GAP_EVENT_TYPE,
  type Gap,
  type GapReason,
  SseError,
  type SseErrorCode,
} from '../protocol/index.ts'
export { type Channel, type ChannelOptions, createChannel, type HistoryOptions } from './channel.ts'
export { claimSession } from './claim-session.ts'
export type { CloseReason } from './close-reason.ts'
export type { ContentCoding } from './content-coding.ts'
export type { DrainOptions } from './drain-options.ts'
export { createEpoch, type EventId, formatEventId, parseEventId } from './event-id.ts'
export { createResponse, createResponseWhenReady, type Producer } from './fetch.ts'
export { frameBytes } from './frame-bytes.ts'
export { encodeGap } from './gap.ts'
export { readLastEventId } from './last-event-id.ts'
export { namesOf, suggestName, unknownName } from './names.ts'
export { createSession, type NodeRequest, type NodeResponse } from './node.ts'
export type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
export { encodePosition, isReservedEventId, isReservedEventType } from './reserved.ts'
export type { Session } from './session.ts'
export type { SessionEvent } from './session-event.ts'
export { checkSessionOptions, type ResponseHeaders, type SessionOptions, type WhenFull } from './session-options.ts'
export { createSocketSession, type SocketRequest } from './socket.ts'
export { isEventSourceRequest } from './stream-request.ts'
