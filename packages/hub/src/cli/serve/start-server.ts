import { fileURLToPath } from 'node:url'
import { HubError } from '../../base/errors.ts'
import type { ClientAddresses } from '../../http/access/client-address.ts'
import type { ClientCounts } from '../../http/access/client-counts.ts'
import type { Limits } from '../../http/access/limits.ts'
import type { TokenAuthorizer } from '../../http/access/token-authorizer.ts'
import { Dashboard } from '../../http/dashboard.ts'
import { Metrics } from '../../http/metrics.ts'
import { type HubServer, listen } from '../../http/server/server.ts'
import type { Certificate } from '../../http/server/tls.ts'
import { createHubCore, type HubCore } from '../../hub/hub-core.ts'
import type { EventStore } from '../../store/store.ts'
import { openAuthorizer } from '../options/auth-flags.ts'
import { limitsOf } from '../options/limit-flags.ts'
import type { ListenAddress } from '../options/option-types.ts'
import type { Log } from './log.ts'
import type { ServeOptions } from './serve-options.ts'
import type { StoreWatch } from './store-watch.ts'

/** A hub as one thread serves it. */
export interface Serving {
  readonly hub: HubCore
  readonly server: HubServer
  readonly limits: Limits
  readonly metrics: Metrics
}

export interface ServingOptions {
  readonly options: ServeOptions
  readonly store: EventStore
  readonly tokens: TokenAuthorizer
  readonly certificate: Certificate | undefined
  readonly log: Log
  readonly watch: StoreWatch
  readonly address: ListenAddress
  /** If there are several threads: which one this is, of those on its port, and where they count together. */
  readonly sharing?:
    | { readonly thread: number; readonly sharesPort: 'first' | 'other'; readonly counts: ClientCounts }
    | undefined
}

/** Serves a hub over a store, as the flags say. */
export async function startServing(serving: ServingOptions): Promise<Serving> {
  const { options, store, tokens, certificate, log, watch, address, sharing } = serving
  const onError = (error: unknown) => logFailure(log, watch, error)
  const metrics = new Metrics({ thread: sharing?.thread })
  const hub = await createHubCore({
    store: metrics.measure(watch.watch(store)),
    subscriptions: options.subscriptions && { compat: tokens.isCompat },
    onError,
  })
  metrics.observe(hub)
  const limits = limitsOf(options)
  const server = await listen(hub, {
    ...address,
    sharesPort: sharing?.sharesPort,
    counts: sharing?.counts,
    certificate,
    limits,
    tokens,
    metrics,
    onError,
    corsOrigins: options.corsOrigins,
    publicUrls: options.publicUrls,
    trustedProxies: options.trustedProxies,
    loopbackHostsOnly: options.dev ?? false,
    compression: options.compression === 'gzip',
    headersTimeoutMs: options.headersTimeout * 1000,
    idleTimeoutMs: options.idleTimeout * 1000,
    session: { maxDurationMs: options.maxConnectionAge * 1000 },
    dashboard: new Dashboard(fileURLToPath(new URL('../../dashboard', import.meta.url))),
    onRefused: ({ message, code }, { method, route, address: from }) =>
      log.writeThrottled(
        method === 'connection' ? 'connection-refused' : 'request-refused',
        `refused a ${method === 'connection' ? method : `${method} (${route})`} from ${from}: ${message}`,
        { address: from, method, route, code },
      ),
    onAnswered: (status, { method, route, address: from }) =>
      log.write('request', `answered ${status} to a ${method} (${route}) from ${from}.`, {
        address: from,
        method,
        route,
        status,
      }),
    onStreamEnded(reason, from) {
      const isTooSlow = reason === 'too-slow' || reason === 'stalled'
      log.writeThrottled(
        isTooSlow ? 'subscriber-too-slow' : 'stream-ended',
        isTooSlow
          ? `ended the event stream of ${from}, which does not read what it is sent (${reason}). It can come back and go on where it was.`
          : `an event stream of ${from} is over (${reason}).`,
        { address: from, reason },
      )
    },
  })
  return { hub, server, limits, metrics }
}

/** Makes the gate that the flags describe. `onWarning` gets what an operator should think about. */
export function openTokenAuthorizer(
  options: ServeOptions,
  addresses: ClientAddresses,
  log: Log,
  onWarning: (warning: string) => void,
): Promise<TokenAuthorizer> {
  return openAuthorizer(options, {
    onWarning,
    onRefused(reason, request) {
      const from = addresses.nameOf(request)
      const { method } = request
      log.writeThrottled('token-refused', `refused a ${method} from ${from}: ${reason}.`, {
        address: from,
        method,
        reason,
      })
    },
  })
}

/** What went wrong without anybody to tell it to but the operator. */
export function logFailure(log: Log, watch: StoreWatch, error: unknown): void {
  if (watch.hasLogged(error)) return
  if (error instanceof HubError) {
    log.writeThrottled(error.code.startsWith('STORE_') ? 'store-failed' : 'failure', error.message, {
      code: error.code,
    })
    return
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  log.writeThrottled('failure', `something failed in the hub, which goes on: ${message}`, { stack })
}
