import { fileURLToPath } from 'node:url'
import type { AnyEvents } from '@headwater/sse'
import { namesOf } from '@headwater/sse/internal'
import { checkNames } from './base/check-names.ts'
import { version } from './base/version.ts'
import { createCounts } from './http/access/client-counts.ts'
import { HoldersOverNodes } from './http/access/holders-over-nodes.ts'
import { withDefaultLimits } from './http/access/limits.ts'
import { BuiltPage } from './http/built-page.ts'
import { createRouter, type HandlerOptions } from './http/router.ts'
import { type FetchHandler, fetchHandlerFor } from './http/server/fetch-handler.ts'
import { type Handler, handlerFor } from './http/server/handler.ts'
import { type HubServer, type ListenOptions, listen } from './http/server/server.ts'
import { createHubCore, type HubCore } from './hub/hub-core.ts'
import { openTelemetry } from './hub/telemetry.ts'
import { openTopic, type Topic, type TopicOptions } from './hub/topic.ts'
import { checkHubOptions, type HubOptions } from './hub-options.ts'
import { Observatory } from './observe/observatory.ts'
import { observeStore } from './store/observed-store.ts'
import { StoreHealthMonitor } from './store/store-health.ts'
import { openStream } from './streams/open-stream.ts'
import type { HubStream, StreamOptions } from './streams/stream.ts'
import { Streams } from './streams/streams.ts'

/** A hub in a program: what the program does with it, and how it answers HTTP requests. */
export interface Hub extends HubCore {
  /**
   * A topic as a channel over the hub's history, or those of a URI template: `broadcast`, `subscribe`
   * for sessions of the program, `events()`. With a map of its events, both ends are typed and checked.
   *
   * @throws HubError `INVALID_OPTION`; `INVALID_MATCHER` for a name that no topic has.
   */
  topic<In extends object = AnyEvents, Out extends object = In, State = unknown>(
    name: string,
    options?: TopicOptions<In, Out>,
  ): Topic<In, Out, State>
  /**
   * A stream of one writer and many readers that has an end and outlives its writer, such as the answer of
   * a model: `write`, `pipe`, `close`, `fail`, `stop`; `response(request)` for readers, new, resuming or late.
   *
   * @throws HubError `INVALID_STREAM_NAME`, `INVALID_OPTION`.
   */
  stream(name: string, options?: StreamOptions): HubStream
  /**
   * The names of the streams that are open, whoever writes them: after a restart, those to take over before
   * their leases end. Rejects as the store does.
   */
  openStreams(): Promise<readonly string[]>
  /**
   * Answers requests of `node:http`, `node:https` and `node:http2`: `createServer(hub.handler)`, or
   * `app.use(hub.handler)` in Express. Passes requests that are not for the hub to `next`, if there
   * is one. It reads the body, so mount it before body parsers.
   */
  readonly handler: Handler
  /**
   * Answers Fetch requests: `app.all('/.well-known/*', (c) => hub.fetch(c.req.raw))` in Hono,
   * `Bun.serve`, `Deno.serve`.
   */
  readonly fetch: FetchHandler
  /**
   * Serves the hub on its own port. Rejects with `LISTEN_FAILED`. Closing the server closes the
   * hub.
   */
  listen(options: ListenOn): Promise<HubServer>
}

/** Where to listen, and how to treat connections. */
export type ListenOn = Omit<ListenOptions, keyof HandlerOptions>

/**
 * Creates a hub over a store, with all ways to reach it: the same rules apply to a request
 * whichever way it comes. Rejects with `INVALID_OPTION`, or as the store does.
 */
export async function createHub(options: HubOptions): Promise<Hub> {
  checkHubOptions(options)
  const { store, metrics, onStoreHealth, onError = console.error, dashboard = false } = options
  const observatory = dashboard ? (options.observatory ?? new Observatory()) : undefined
  const health =
    onStoreHealth &&
    new StoreHealthMonitor((health) => {
      observatory?.noteStoreHealth(health)
      onStoreHealth(health)
    })
  const observers = [metrics, health, observatory].filter((observer) => observer !== undefined)
  const reportOnce = (error: unknown) => {
    if (health?.hasReported(error)) return
    observatory?.noteFailure(error)
    onError(error)
  }
  const limits = withDefaultLimits(options.limits)
  // `createHubCore` rejects what is not a store.
  const observed = typeof store?.follow === 'function' && observers.length > 0 ? observeStore(store, observers) : store
  const telemetry = options.telemetry
    ? await openTelemetry(options.telemetry === true ? {} : options.telemetry, version)
    : undefined
  const hub = await createHubCore({
    ...options,
    telemetry,
    limits,
    maxUnsentBytes: () => limits.maxUnsentBytes,
    // Without tokens, a hub speaks both dialects.
    acceptsJoiners: () => options.tokens?.isCompat ?? true,
    onError: reportOnce,
    store: observed,
  })
  const { close } = hub
  if (!options.authorize && !options.tokens) warnOfOpenHub()
  const streams = await startStreams(hub, observed, options, reportOnce)
  const closing = new AbortController()
  const { counts = createCounts() } = options
  const holders = store.nodes && new HoldersOverNodes(counts.subscribersOfHolder, store.nodes)
  try {
    const rules: HandlerOptions = {
      ...options,
      telemetry,
      counts: holders ? { ...counts, subscribersOfHolder: holders } : counts,
      closing: closing.signal,
      onError: reportOnce,
      dashboard: dashboard
        ? new BuiltPage(fileURLToPath(new URL('../dist/dashboard', import.meta.url)), hub.path)
        : undefined,
      observatory,
      streams,
    }
    const embedded = { ...rules, health: options.health ?? false }
    const router = createRouter(hub, embedded)
    metrics?.observe(hub)
    metrics?.observeStreams(streams)
    observatory?.observe(hub, store)
    return Object.assign(hub, {
      topic: <In extends object, Out extends object, State>(name: string, given?: TopicOptions<In, Out>) =>
        openTopic<In, Out, State>(hub, name, given, reportOnce),
      stream: (name: string, given?: StreamOptions) => openStream(streams, name, given),
      openStreams: () => streams.openNames(),
      handler: handlerFor(router, embedded),
      fetch: fetchHandlerFor(router, embedded),
      async listen(address: ListenOn) {
        checkNames('the options of listen', address, listenNames)
        return await listen(hub, { ...rules, ...address })
      },
      async close(deadline?: { readonly deadlineMs?: number | undefined }) {
        // Ends requests that publish a stream of events: closing would wait for them.
        closing.abort()
        observatory?.close()
        holders?.close()
        await Promise.all([streams.close(deadline), close(deadline)])
      },
    })
  } catch (error) {
    holders?.close()
    await streams.close()
    await close()
    throw error
  }
}

/** Starts the streams of a hub, which is closed if that fails. */
async function startStreams(
  hub: HubCore,
  store: HubOptions['store'],
  { streams }: HubOptions,
  onError: (error: unknown) => void,
): Promise<Streams> {
  try {
    return await Streams.start(hub, store, streams, onError)
  } catch (error) {
    await hub.close()
    throw error
  }
}

const listenNames = namesOf<ListenOn>({
  host: true,
  port: true,
  sharesPort: true,
  certificate: true,
  headersTimeoutMs: true,
  idleTimeoutMs: true,
  learn: true,
})

let hasWarned = false

/** A warning of the process, once: programs that mean it can pass `authorize`, or turn it off. */
function warnOfOpenHub(): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(
    'createHub() without authorize or tokens: whoever reaches this hub over HTTP may publish. If only this program publishes, pass authorize: () => ({}). If everyone may, pass authorize: () => ({ publish: [everyTopic] }).',
    { type: 'HeadwaterWarning', code: 'HEADWATER_OPEN_HUB' },
  )
}
