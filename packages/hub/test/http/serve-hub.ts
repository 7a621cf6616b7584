import { once } from 'node:events'
import { connect } from 'node:net'
import { type ParsedEvent, readEvents } from '@headwater/sse'
import { onTestFinished } from 'vitest'
import { createHub, type Hub } from '../../src/create-hub.ts'
import type { HubServer, ListenOptions } from '../../src/http/server/server.ts'
import type { HubOptions } from '../../src/hub-options.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'

/** A hub on a free port of 127.0.0.1, for the length of one test. */
export interface Serving {
  readonly hub: Hub
  readonly store: EventStore
  readonly server: HubServer
  /** The hub's URL, where one publishes and subscribes. */
  readonly url: string
  /** What went wrong inside, so far. */
  readonly errors: unknown[]
  /** Publishes a form, given as its fields or as its body. */
  post(form: Record<string, string> | string[][] | string, headers?: Record<string, string>): Promise<Response>
  /** Opens an event stream. */
  open(query: string, headers?: Record<string, string>): Promise<Subscribed>
}

export interface Subscribed {
  readonly response: Response
  /** The next of the application's events. */
  next(): Promise<ParsedEvent>
  /** The next event of any type, those of the hub itself included. */
  nextOfAny(): Promise<ParsedEvent | undefined>
  close(): Promise<void>
}

export interface ServeOptions
  extends Omit<HubOptions, 'store'>,
    Pick<ListenOptions, 'headersTimeoutMs' | 'idleTimeoutMs'> {
  readonly store?: EventStore
  readonly port?: number
}

export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const { store = createMemoryStore(), port = 0, headersTimeoutMs, idleTimeoutMs, ...hubOptions } = options
  const errors: unknown[] = []
  const hub = await createHub({ store, onError: (error) => errors.push(error), ...hubOptions })
  const server = await hub.listen({ host: '127.0.0.1', port, headersTimeoutMs, idleTimeoutMs })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  const url = server.url + hub.path
  return {
    hub,
    store,
    server,
    url,
    errors,
    post: (form, headers = {}) =>
      fetch(url, {
        method: 'POST',
        body: typeof form === 'string' ? form : new URLSearchParams(form as Record<string, string>),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
    async open(query, headers = {}) {
      const controller = new AbortController()
      const response = await fetch(`${url}?${query}`, {
        headers: { accept: 'text/event-stream', ...headers },
        signal: controller.signal,
      })
      const events = readEvents(response.body!)
      const nextOfAny = async () => (await events.next()).value || undefined
      return {
        response,
        nextOfAny,
        async next() {
          for (;;) {
            const event = await nextOfAny()
            if (!event) throw new Error('the stream ended')
            if (!event.type?.startsWith('headwater-')) return event
          }
        },
        async close() {
          controller.abort()
        },
      }
    },
  }
}

/** The `code` and `detail` of a refusal, and its status. */
export async function problemOf(response: Response): Promise<{ status: number; code: string; detail: string }> {
  if (response.headers.get('content-type') !== 'application/problem+json') {
    throw new Error(`no problem document but ${response.status} ${await response.text()}`)
  }
  const { status, code, detail, title } = (await response.json()) as Record<string, string | number>
  if (status !== response.status || !title) throw new Error(`a problem document of status ${status}, titled ${title}`)
  return { status: response.status, code: String(code), detail: String(detail) }
}

/** Sends bytes over a socket of its own, and gives what came back by the time the server ended the connection. */
export async function sendRaw(url: string, bytes: string | Buffer, { end = false } = {}): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (end) socket.end(bytes)
  else socket.write(bytes)
  await once(socket, 'close')
  return received
}
