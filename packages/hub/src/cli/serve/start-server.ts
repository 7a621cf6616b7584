import { HubError } from '../../base/errors.ts'
import { createHub, type Hub } from '../../create-hub.ts'
import type { ClientAddresses } from '../../http/access/client-address.ts'
import type { ClientCounts } from '../../http/access/client-counts.ts'
import type { Limits } from '../../http/access/limits.ts'
import type { TokenAuthorizer } from '../../http/access/token-authorizer.ts'
import { Metrics } from '../../http/metrics.ts'
import type { HubServer } from '../../http/server/server.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { EventStore } from '../../store/store.ts'
import type { StoreHealth } from '../../store/store-health.ts'
import { openAuthorizer } from '../options/auth-flags.ts'
import { limitsOf } from '../options/limit-flags.ts'
import type { ListenAddress } from '../options/option-types.ts'
import type { Log } from './log.ts'
import type { ServeOptions } from './serve-options.ts'

/** A hub as one thread serves it. */
export interface Serving {
  readonly hub: Hub
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
  readonly address: ListenAddress
  /** If there are several threads: which one this is, of those on its port, and where they count together. */
  readonly sharing?:
    | { readonly thread: number; readonly sharesPort: 'first' | 'other'; readonly counts: ClientCounts }
    | undefined
}

/** Serves a hub over a store, as the flags say: flags become options of `createHub`. */
export async function startServing(serving: ServingOptions): Promise<Serving> {
  const { options, store, tokens, certificate, log, address, sharing } = serving
  const metrics = new Metrics({ thread: sharing?.thread })
  const limits = limitsOf(options)
  const hub = await createHub({
    store,
    subscriptions: options.subscriptions && { compat: tokens.isCompat },
    counts: sharing?.counts,
    limits,
    tokens,
    metrics,
    corsOrigins: options.corsOrigins,
    publicUrls: options.publicUrls,
    trustedProxies: options.trustedProxies,
    loopbackHostsOnly: options.dev ?? false,
    compression: options.compression === 'gzip',
    session: { maxDurationMs: options.maxConnectionAge * 1000 },
    dashboard: true,
    onError: (error) => logFailure(log, error),
    onStoreHealth: (health) => logStoreHealth(log, health),
    onRefused: ({ message, code }, { method, route, address: from }) =>
      log.writeThrottled(
        method === 'connection' ? 'connection-refused' : 'request-refused',
        `refused a ${method === 'connection' ? method : `${method} (${route})`} from ${from}: ${message}`,
        { address: from, method, route, code },
      ),
    onAnswered(status, { method, route, address: from }) {
      if (!log.isLogged('request')) return
      log.write('request', `answered ${status} to a ${method} (${route}) from ${from}.`, {
        address: from,
        method,
        route,
        status,
      })
    },
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
  const server = await hub.listen({
    ...address,
    sharesPort: sharing?.sharesPort,
    certificate,
    headersTimeoutMs: options.headersTimeout * 1000,
    idleTimeoutMs: options.idleTimeout * 1000,
  })
  return { hub, server, limits, metrics }
}

/** Makes the authorizer that the flags describe. `onWarning` gets what an operator should think about. */
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

/** Logs what went wrong without anybody to report it to but the operator. */
export function logFailure(log: Log, error: unknown): void {
  if (error instanceof HubError) {
    log.writeThrottled(error.code.startsWith('STORE_') ? 'store-failed' : 'failure', error.message, {
      code: error.code,
    })
    return
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  log.writeThrottled('failure', `something failed in the hub, which goes on: ${message}`, { stack })
}

/** Logs that the store fails, works again or is slow. */
export function logStoreHealth(log: Log, health: StoreHealth): void {
  switch (health.name) {
    case 'failed': {
      const { message: reason } = health.error
      log.writeThrottled('store-failed', `the store failed, and publishers are answered 503: ${reason}`, { reason })
      break
    }
    case 'recovered': {
      const { ms, failures } = health
      log.writeThrottled('store-recovered', `the store works again, after ${textOf(ms)} and ${failures} failures.`, {
        seconds: Math.round(ms) / 1000,
        failures,
      })
      break
    }
    case 'slow': {
      const { ms, events, hasAnswered } = health
      const what = hasAnswered ? `took ${textOf(ms)} to ${taskOf(events)}` : `has not answered for ${textOf(ms)}`
      log.writeThrottled('store-slow', `the store ${what}. Look at what else uses its disk.`, {
        seconds: Math.round(ms) / 1000,
      })
      break
    }
  }
}

function taskOf(events: number | undefined): string {
  if (!events) return 'say whether it can keep events'
  return events === 1 ? 'keep an event' : 'keep several events'
}

function textOf(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
