import { createCounts } from './http/access/client-counts.ts'
import { createRouter, type HandlerOptions } from './http/router.ts'
import { type FetchHandler, fetchHandlerOf } from './http/server/fetch-handler.ts'
import { type Handler, handlerOf } from './http/server/handler.ts'
import { type HubServer, type ListenOptions, listen } from './http/server/server.ts'
import { createHubCore, type HubCore, type HubCoreOptions } from './hub/hub-core.ts'

/** Where a hub keeps its events, and what it lets whom do over HTTP. */
export interface HubOptions extends HubCoreOptions, Omit<HandlerOptions, 'closing' | 'onError'> {}

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
  listen(options: Pick<ListenOptions, 'host' | 'port' | 'certificate'>): Promise<HubServer>
}

/**
 * Makes a hub over a store, with its doors: the same rules hold however one comes in. Rejects with `INVALID_OPTION`, or as the store
 * does.
 */
export async function createHub(options: HubOptions): Promise<Hub> {
  const closing = new AbortController()
  const hub = await createHubCore(options)
  const rules: HandlerOptions = { ...options, counts: options.counts ?? createCounts(), closing: closing.signal }
  const { close } = hub
  try {
    const router = createRouter(hub, rules)
    options.metrics?.observe(hub)
    return Object.assign(hub, {
      handler: handlerOf(router, rules),
      fetch: fetchHandlerOf(router, rules),
      listen: (address: Pick<ListenOptions, 'host' | 'port' | 'certificate'>) => listen(hub, { ...rules, ...address }),
      close() {
        // Who publishes a stream of events is told to stop, or would be waited for.
        closing.abort()
        return close()
      },
    })
  } catch (error) {
    await close()
    throw error
  }
}
