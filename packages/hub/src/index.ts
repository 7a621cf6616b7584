export type { AuthOptions, IssuerOptions, RoleOptions } from './auth/auth-options.ts'
export { HubError, type HubErrorCode } from './errors.ts'
export type { PublishInit } from './event-rules.ts'
export type { HubEvent } from './events.ts'
export type { FanOutOptions } from './fan-out.ts'
export { createHub, type Hub, type HubOptions } from './http/embedded-hub.ts'
export type { HubRequest } from './http/exchange.ts'
export type { FetchHandler } from './http/fetch-handler.ts'
export type { Handler } from './http/handler.ts'
export type { Limits } from './http/limits.ts'
export { Metrics } from './http/metrics.ts'
export type { Authorize, Permission } from './http/permission.ts'
export type { HandlerOptions, RequestSummary } from './http/router.ts'
export type { HubServer, ListenOptions } from './http/server.ts'
export { TokenGate, type TokenGateOptions } from './http/token-gate.ts'
export type { SubscribeOptions, Subscription, SubscriptionOptions } from './hub.ts'
export { everyTopic, exactTopic, type Matcher, topicSelector, urlPattern } from './matching/matcher.ts'
export type { HubStats } from './stats.ts'
export { createMemoryStore, type MemoryStoreOptions } from './store/memory.ts'
export type { Retention } from './store/retention.ts'
export { openSqliteStore, type SqliteStoreOptions } from './store/sqlite.ts'
export type {
  Append,
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  Follower,
  Mark,
  PositionState,
  ReadBackPage,
  ReadBackQuery,
  ReadPage,
  ReadQuery,
  StoredEvent,
  Trace,
} from './store/store.ts'
export type { ActiveSubscription, MatchType } from './subscriptions/active-subscription.ts'
export type { SubscriptionList, SubscriptionRegistry } from './subscriptions/registry.ts'
export { type TypedEvent, type TypedSubscribeOptions, type TypedTopic, typedTopic } from './typed-topic.ts'
