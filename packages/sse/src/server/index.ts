export {
  GAP_EVENT_TYPE,
  type Gap,
  type GapReason,
  SseError,
  type SseErrorCode,
} from '../protocol/index.ts'
export { namesOf, suggestName, unknownName } from '../protocol/names.ts'
export type {
  BroadcastOptions,
  Channel,
  ChannelOptions,
  FilteredEvent,
  HistoryOptions,
  SubscribeOptions,
} from './channel.ts'
export { type Channels, type ChannelsOptions, createChannels } from './channels.ts'
export { assertUnclaimed, claimSession } from './claim-session.ts'
export type { CloseReason } from './close-reason.ts'
export type { ContentCoding } from './content-coding.ts'
export { createChannel } from './create-channel.ts'
export type { DrainOptions } from './drain-options.ts'
export { createEpoch, type EventId, formatEventId, parseEventId } from './event-id.ts'
export { createResponse, createResponseWhenReady, type Producer } from './fetch.ts'
export { frameBytes } from './frame-bytes.ts'
export { encodeGap } from './gap.ts'
export { readLastEventId } from './last-event-id.ts'
export { createSession, type NodeRequest, type NodeResponse } from './node.ts'
export type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
export { encodePosition, isReservedEventId, isReservedEventType } from './reserved.ts'
export type { AnySession, Session } from './session.ts'
export { type ContentOf, dataEncoder, type EventOptions, type SessionEvent } from './session-event.ts'
export { checkSessionOptions, type ResponseHeaders, type SessionOptions, type WhenFull } from './session-options.ts'
export { createSocketSession, type SocketRequest } from './socket.ts'
export { isEventSourceRequest } from './stream-request.ts'
