import { events } from '@headwater/sse/client'
import { onTestFinished } from 'vitest'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { openUpstreamStore, type UpstreamStoreOptions } from '../../../src/store/upstream.ts'
import { bearer, serveGuarded } from '../../http/access/guarded-hub.ts'
import type { ServeOptions, Serving } from '../../http/serve-hub.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'

/** The token of a hub at the edge that may also publish everything. */
export const edgeToken = bearer(['replicate', 'publish'], { match: '*' }).authorization.slice('Bearer '.length)
export const subscriber = bearer(['subscribe'], { match: '*' })
export const publisher = bearer(['publish'], { match: '*' })

/** A hub at the edge, for the length of one test. */
export interface Edge extends Serving {
  readonly store: EventStore
  /** Ends it, and frees its copy. */
  stop(): Promise<void>
}

/** A hub to copy, for the length of one test. */
export interface Origin extends Serving {
  readonly port: number
  stop(): Promise<void>
}

/** A hub on disk that can be stopped and started again. */
export async function startOrigin(directory: string, port = 0, options: ServeOptions = {}): Promise<Origin> {
  const store = await openSqliteStore({ directory })
  onTestFinished(() => store.close())
  const serving = await serveGuarded({}, { ...options, store, port })
  return {
    ...serving,
    port: serving.server.port,
    async stop() {
      await serving.server.close({ deadlineMs: 100 })
      await store.close()
    },
  }
}

/** Starts a hub at the edge of another. */
export async function startEdge(
  url: string,
  options: Partial<UpstreamStoreOptions> = {},
  hubOptions: Omit<ServeOptions, 'store'> = {},
): Promise<Edge> {
  const directory = temporaryDirectory()
  const store = await openUpstreamStore({ url, token: edgeToken, directory, onError: () => {}, ...options })
  onTestFinished(() => store.close())
  const serving = await serveGuarded({}, { ...hubOptions, store })
  return {
    ...serving,
    store,
    async stop() {
      await serving.server.close({ deadlineMs: 100 })
      await store.close()
    },
  }
}

/** Publishes as JSON, and returns the ID. */
export async function publish(hub: Serving, event: Record<string, unknown>): Promise<string> {
  const response = await fetch(hub.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...publisher },
    body: JSON.stringify(event),
  })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  return ((await response.json()) as { id: string }).id
}

export interface Received {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/** Subscribes to everything after an ID, and returns what comes until it is enough. */
export async function receive(
  { url }: Pick<Serving, 'url'>,
  lastEventId: string,
  isEnough: (received: readonly Received[]) => boolean,
  headers: Record<string, string> = subscriber,
): Promise<readonly Received[]> {
  const received: Received[] = []
  for await (const event of events(`${url}?match=*`, { headers, lastEventId })) {
    received.push(event)
    if (isEnough(received)) break
  }
  return received
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
