import { HubError } from '../../base/errors.ts'
import { createHub, type Hub } from '../../create-hub.ts'
import type { ClientAddresses } from '../../http/access/client-address.ts'
import type { ClientCounts } from '../../http/access/client-counts.ts'
import { adviceFor } from '../../http/access/cors.ts'
import type { Limits } from '../../http/access/limits.ts'
import type { TokenAuthorizer } from '../../http/access/token-authorizer.ts'
import { Metrics } from '../../http/metrics.ts'
import type { HubServer } from '../../http/server/server.ts'
import type { Certificate } from '../../http/server/tls.ts'
import { Observatory } from '../../observe/observatory.ts'
import type { EventStore } from '../../store/store.ts'
import type { StoreHealth } from '../../store/store-health.ts'
import type { UpstreamConnection } from '../../store/upstream.ts'
import type { Log, LogEvent } from '../log/log.ts'
import { openAuthorizer } from '../options/auth-flags.ts'
import { limitsOf } from '../options/limit-flags.ts'
import type { ListenAddress } from '../options/option-types.ts'
import type { ServeOptions } from './serve-options.ts'

/** A hub served by one thread. */
export interface RunningServer {
  readonly hub: Hub
  readonly server: HubServer
  readonly limits: Limits
  readonly metrics: Metrics
  readonly observatory: Observatory
}

export interface ServerOptions {
  readonly options: ServeOptions
  readonly store: EventStore
  readonly tokens: TokenAuthorizer
  readonly certificate: Certificate | undefined
  readonly log: Log
  readonly address: ListenAddress
  /**
   * With several threads: the number of this one, its role on the shared port, and the shared
   * counts.
   */
  readonly sharing?:
    | { readonly thread: number; readonly sharesPort: 'first' | 'other'; readonly counts: ClientCounts }
    | undefined
}

/** Serves a hub over a store, configured by the flags. */
export async function startServer(given: ServerOptions): Promise<RunningServer> {
  const { options, store, tokens, certificate, log, address, sharing } = given
  const metrics = new Metrics({ thread: sharing?.thread })
  const observatory = new Observatory({ thread: sharing?.thread })
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
    observatory,
    telemetry: options.telemetry ?? false,
    isOpenToObservers: options.dev ?? false,
    isOpenToTrimming: options.dev ?? false,
    onError: (error) => logFailure(log, error),
    onStoreHealth: (health) => logStoreHealth(log, health),
    onRefused: ({ message, code }, { method, route, address: from }) =>
      log.writeThrottled(
        method === 'connection' ? 'connection-refused' : 'request-refused',
        `refused a ${method === 'connection' ? method : `${method} (${route})`} from ${from}: ${message}`,
        { address: from, method, route, code },
      ),
    onTrimmed: (through, { address: from }) =>
      log.write('history-trimmed', `the history was trimmed up to position ${through}, for ${from}.`, {
        address: from,
        through,
      }),
    onForeignPage(origin, { method, route, address: from }) {
      log.writeThrottled(
        'page-refused',
        `answered a ${method} (${route}) from ${from}, but the browser keeps the answer from its page, which is of ${origin}. ${adviceFor(origin)}`,
        { address: from, method, route, origin },
      )
    },
    onBrowserFull: (from) =>
      log.writeThrottled(
        'browser-full',
        `6 event streams are open from ${from} over HTTP/1.1. If they are one browser's, its next tab waits: browsers open six connections to a host. Serve HTTP/2, or share one stream among tabs.`,
        { address: from },
      ),
    onAnswered(status, { method, route, address: from, lastEventId }) {
      if (!log.isLogged('request')) return
      const resuming = lastEventId === undefined ? '' : `, to resume after ${lastEventId}`
      log.write('request', `answered ${status} to a ${method} (${route}) from ${from}${resuming}.`, {
        address: from,
        method,
        route,
        status,
        lastEventId,
      })
    },
    onStreamEnded(reason, from) {
      const isTooSlow = reason === 'too-slow' || reason === 'stalled'
      log.writeThrottled(
        isTooSlow ? 'subscriber-too-slow' : 'stream-ended',
        isTooSlow
          ? `ended the event stream of ${from}, which does not read what it is sent (${reason}). It can reconnect and resume where it was.`
          : `an event stream of ${from} ended (${reason}).`,
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
    // A run of a lesson and its log are of one thread.
    learn: options.dev === true && sharing === undefined,
  })
  return { hub, server, limits, metrics, observatory }
}

/**
 * Creates the authorizer that the flags describe. `onWarning` receives what the operator should
 * think about.
 */
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

/** Logs a failure that no client was told about. */
export function logFailure(log: Log, error: unknown): void {
  if (error instanceof HubError) {
    log.writeThrottled(eventOf(error), error.message, { code: error.code })
    return
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  log.writeThrottled('failure', `something failed in the hub, which continues: ${message}`, { stack })
}

/** Logs that a hub at the edge has lost its connection to the hub upstream, or has it again. */
export function logUpstream(log: Log, connection: UpstreamConnection): void {
  if (connection.name === 'lost') {
    log.write('upstream-lost', `the connection to the hub upstream is lost; trying again: ${connection.reason}`, {
      reason: connection.reason,
    })
    return
  }
  log.write('upstream-connected', 'connected to the hub upstream again.')
}

function eventOf({ code }: HubError): LogEvent {
  if (code === 'OUT_OF_DESCRIPTORS') return 'descriptors-exhausted'
  return code.startsWith('STORE_') ? 'store-failed' : 'failure'
}

/** Logs that the store fails, works again or is slow. */
export function logStoreHealth(log: Log, health: StoreHealth): void {
  switch (health.name) {
    case 'failed': {
      const { message: reason } = health.error
      log.writeThrottled('store-failed', `the store failed, and publishers get 503: ${reason}`, { reason })
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
      log.writeThrottled('store-slow', `the store ${what}. Check what else uses its disk.`, {
        seconds: Math.round(ms) / 1000,
      })
      break
    }
  }
}

function taskOf(events: number | undefined): string {
  if (!events) return 'check that it can store events'
  return events === 1 ? 'store an event' : 'store several events'
}

function textOf(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
