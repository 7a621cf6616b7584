import { checkSessionOptions, namesOf } from '@headwater/sse/internal'
import { checkNames } from './base/check-names.ts'
import { defaultLimits } from './http/access/limits.ts'
import type { HandlerOptions } from './http/router.ts'
import type { HubCoreOptions } from './hub/hub-core.ts'
import type { TelemetryOptions } from './hub/telemetry.ts'
import type { Observatory } from './observe/observatory.ts'
import type { StoreHealth } from './store/store-health.ts'
import type { StreamsOptions } from './streams/streams.ts'

/** Where a hub stores its events, and who may do what over HTTP. */
export interface HubOptions
  extends Omit<HubCoreOptions, 'limits' | 'maxUnsentBytes' | 'acceptsJoiners' | 'telemetry'>,
    Omit<HandlerOptions, 'closing' | 'onError' | 'dashboard' | 'observatory' | 'telemetry' | 'streams'> {
  /**
   * Makes spans of OpenTelemetry for what is published, stored, delivered and replayed; see
   * docs/telemetry.md. `true`: by the global tracer. Needs `@opentelemetry/api`. Default: false.
   */
  readonly telemetry?: boolean | TelemetryOptions | undefined
  /**
   * Serves a page at `/` that shows how the hub is and what is published, to those whom `authorize`
   * or a token grants `observe`. Default: false, and nothing is kept for it.
   */
  readonly dashboard?: boolean | undefined
  /**
   * What `dashboard` shows. Default: one of its own. Threads that serve one hub connect theirs.
   */
  readonly observatory?: Observatory | undefined
  /** The bounds of `hub.stream(name)`, and what holds for streams that say nothing else. */
  readonly streams?: StreamsOptions | undefined
  /**
   * Called when the store fails, when it works again, and when it is slow: once, not for each
   * publish that suffers from it. What is reported here is not also passed to `onError`. Default:
   * not reported.
   */
  readonly onStoreHealth?: ((health: StoreHealth) => void) | undefined
}

/** Throws `INVALID_OPTION`, or an `SseError` of that code, for names that do not exist, nested ones included. */
export function checkHubOptions(options: HubOptions): void {
  checkNames('the options of createHub', options, optionNames)
  const { limits, session, subscriptions, telemetry } = options
  if (typeof telemetry === 'object') checkNames('telemetry', telemetry, telemetryNames)
  if (limits !== undefined) checkNames('limits', limits, limitNames)
  if (session !== undefined) checkSessionOptions(session)
  if (typeof subscriptions === 'object') checkNames('subscriptions', subscriptions, subscriptionsNames)
}

const optionNames = namesOf<HubOptions>({
  store: true,
  subscriptions: true,
  streams: true,
  limits: true,
  onError: true,
  turnMs: true,
  feedBytes: true,
  positionMs: true,
  corsOrigins: true,
  loopbackHostsOnly: true,
  authorize: true,
  tokens: true,
  counts: true,
  trustedProxies: true,
  publicUrls: true,
  compression: true,
  metrics: true,
  dashboard: true,
  observatory: true,
  isOpenToObservers: true,
  isOpenToTrimming: true,
  asyncApi: true,
  telemetry: true,
  session: true,
  onRefused: true,
  onAnswered: true,
  onStreamEnded: true,
  onTrimmed: true,
  onStoreHealth: true,
  onBrowserFull: true,
  onForeignPage: true,
  health: true,
  path: true,
})

const telemetryNames = namesOf<TelemetryOptions>({ tracer: true })
const limitNames: ReadonlySet<string> = new Set(Object.keys(defaultLimits))
const subscriptionsNames = namesOf<{ compat: boolean }>({ compat: true })
