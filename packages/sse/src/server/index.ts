export {
  GAP_EVENT_TYPE,
  type Gap,
  type GapReason,
  SseError,
  type SseErrorCode,
} from '../protocol/index.ts'
export type {
  BroadcastOptions,
  Channel,
  ChannelOptions,
  FilteredEvent,
  HistoryOptions,
  SubscribeOptions,
} from './channel.ts'
export { type Channels, type ChannelsOptions, createChannels } from './channels.ts'
export type { CloseReason } from './close-reason.ts'
export type { ContentCoding } from './content-coding.ts'
export { createChannel } from './create-channel.ts'
export type { DrainOptions } from './drain-options.ts'
export { createResponse, createResponseWhenReady, type Producer } from './fetch.ts'
export { readLastEventId } from './last-event-id.ts'
export { createSession, type NodeRequest, type NodeResponse } from './node.ts'
export type { ObservableSource } from './observable.ts'
export type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
export type { AnySession, Session } from './session.ts'
export type { ContentOf, EventOptions, SessionEvent } from './session-event.ts'
export type { ResponseHeaders, SessionOptions, WhenFull } from './session-options.ts'
