export type { AuthOptions, IssuerOptions, RoleOptions } from './auth/auth-options.ts'
export { HubError, type HubErrorCode } from './base/errors.ts'
export { createHub, type Hub } from './create-hub.ts'
export type { Limits } from './http/access/limits.ts'
export type { Authorize, Permission } from './http/access/permission.ts'
export { TokenAuthorizer, type TokenAuthorizerOptions } from './http/access/token-authorizer.ts'
export type { HubRequest } from './http/message/http-message.ts'
export { Metrics } from './http/metrics.ts'
export { type AsyncApiOptions, asyncApiDocument, type DescribedTopic } from './http/openapi/asyncapi.ts'
export type { HandlerOptions, RequestSummary } from './http/router.ts'
export type { FetchHandler } from './http/server/fetch-handler.ts'
export type { Handler } from './http/server/handler.ts'
export type { HubServer, ListenOptions } from './http/server/server.ts'
export type { FanOutOptions } from './hub/fan-out-options.ts'
export type { HubEvent } from './hub/program-events.ts'
export type { PublishInit } from './hub/publish-init.ts'
export type { HubStats } from './hub/stats.ts'
export type { SubscribeOptions, Subscription, SubscriptionOptions } from './hub/subscription-options.ts'
export type { TelemetryOptions } from './hub/telemetry.ts'
export type { Topic, TopicEvent, TopicEventsOptions, TopicInit, TopicOptions } from './hub/topic.ts'
export type { HubOptions } from './hub-options.ts'
export { everyTopic, exactTopic, type Matcher, topicSelector, urlPattern } from './matching/matcher.ts'
export { createMemoryStore, type MemoryStoreOptions } from './store/memory.ts'
export { type OpenStoreOptions, openStore } from './store/open.ts'
export { openPostgresStore, type PostgresStoreOptions } from './store/postgres.ts'
export type { Retention } from './store/retention.ts'
export type { HistoryEnd } from './store/sqlite/history-end.ts'
export { openSqliteStore, type SqliteStoreOptions } from './store/sqlite.ts'
export type {
  Append,
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  Follower,
  HistoryPosition,
  NodeDirectory,
  PositionState,
  ReadBackPage,
  ReadBackQuery,
  ReadPage,
  ReadQuery,
  StoredEvent,
  Tombstone,
  UpstreamStatus,
} from './store/store.ts'
export { openUpstreamStore, type UpstreamConnection, type UpstreamStoreOptions } from './store/upstream.ts'
export { type ConnectStreamOptions, connectStream, type RemoteStream } from './streams/connect-stream.ts'
export type { StreamItem, StreamPipeOptions, StreamPipeResult } from './streams/pipe-into-stream.ts'
export type { StreamSource } from './streams/pipe-source.ts'
export type { HubStream, StreamOptions, StreamReadOptions, StreamState, WrittenBefore } from './streams/stream.ts'
export { STREAM_ENDED_EVENT_TYPE, type StreamEvent } from './streams/stream-reader.ts'
export type { StreamEndKind } from './streams/stream-record.ts'
export type { StreamStats, StreamsOptions } from './streams/streams.ts'
export type { ActiveSubscription, MatchType } from './subscriptions/active-subscription.ts'
export type { SubscriptionList, SubscriptionRegistry } from './subscriptions/registry.ts'
