import { fileURLToPath } from 'node:url'
import { createCounts } from './http/access/client-counts.ts'
import { withDefaultLimits } from './http/access/limits.ts'
import { Dashboard } from './http/dashboard.ts'
import { createRouter, type HandlerOptions } from './http/router.ts'
import { type FetchHandler, fetchHandlerFor } from './http/server/fetch-handler.ts'
import { type Handler, handlerFor } from './http/server/handler.ts'
import { type HubServer, type ListenOptions, listen } from './http/server/server.ts'
import { createHubCore, type HubCore, type HubCoreOptions } from './hub/hub-core.ts'
import { observeStore } from './store/observed-store.ts'
import { type StoreHealth, StoreHealthMonitor } from './store/store-health.ts'

/** Where a hub keeps its events, and what it lets whom do over HTTP. */
export interface HubOptions
  extends Omit<HubCoreOptions, 'limits'>,
    Omit<HandlerOptions, 'closing' | 'onError' | 'dashboard'> {
  /** Serves a page at `/` that shows what is published. Default: false. */
  readonly dashboard?: boolean | undefined
  /**
   * Is called when the store fails, when it works again, and when it is slow: once, not for each publish that suffers from it. What is
   * reported here does not go to `onError` as well. Default: nobody is told.
   */
  readonly onStoreHealth?: ((health: StoreHealth) => void) | undefined
}

/** A hub inside a program: what the program does with it itself, and what it answers to others. */
export interface Hub extends HubCore {
  /**
   * Answers requests of `node:http`, `node:https` and `node:http2`: `createServer(hub.handler)`, `app.use(hub.handler)` in Express. What is
   * not for the hub goes to `next`, if there is one. Needs the body unread, so it comes before body parsers.
   */
  readonly handler: Handler
  /** Answers Fetch requests: `app.all('/.well-known/*', (c) => hub.fetch(c.req.raw))` in Hono, `Bun.serve`, `Deno.serve`. */
  readonly fetch: FetchHandler
  /** Serves it on a port of its own. Rejects with `LISTEN_FAILED`. Closing the server closes the hub. */
  listen(options: ListenOn): Promise<HubServer>
}

/** Where to listen, and how to treat connections. */
export type ListenOn = Omit<ListenOptions, keyof HandlerOptions>

/**
 * Makes a hub over a store, with its doors: the same rules hold whichever one a request comes through. Rejects with `INVALID_OPTION`, or
 * as the store does.
 */
export async function createHub(options: HubOptions): Promise<Hub> {
  const { store, metrics, onStoreHealth, onError = console.error, dashboard = false } = options
  const health = onStoreHealth && new StoreHealthMonitor(onStoreHealth)
  const observers = [metrics, health].filter((observer) => observer !== undefined)
  const reportOnce = (error: unknown) => {
    if (!health?.hasReported(error)) onError(error)
  }
  const limits = withDefaultLimits(options.limits)
  const hub = await createHubCore({
    ...options,
    limits,
    onError: reportOnce,
    // What is no store is refused as it is.
    store: typeof store?.follow === 'function' && observers.length > 0 ? observeStore(store, observers) : store,
  })
  const { close } = hub
  const closing = new AbortController()
  try {
    const rules: HandlerOptions = {
      ...options,
      limits,
      counts: options.counts ?? createCounts(),
      closing: closing.signal,
      onError: reportOnce,
      dashboard: dashboard ? new Dashboard(fileURLToPath(new URL('../dist/dashboard', import.meta.url))) : undefined,
    }
    const router = createRouter(hub, rules)
    metrics?.observe(hub)
    return Object.assign(hub, {
      handler: handlerFor(router, rules),
      fetch: fetchHandlerFor(router, rules),
      listen: (address: ListenOn) => listen(hub, { ...rules, ...address }),
      close() {
        // Whoever publishes a stream of events is told to stop, or closing would wait for it.
        closing.abort()
        return close()
      },
    })
  } catch (error) {
    await close()
    throw error
  }
}
