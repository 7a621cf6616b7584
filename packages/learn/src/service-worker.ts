import { encodeEvent } from '@headwater/sse'
import { Classroom } from '../../hub/src/lessons/classroom.ts'
import { play } from '../../hub/src/lessons/play.ts'

// The server of the lessons where there is no hub: plays the same scripts, in a service worker.

/** What this file uses of a service worker's global scope, which the DOM's types do not have. */
interface WorkerScope {
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void
  skipWaiting(): Promise<void>
  readonly clients: { claim(): Promise<void> }
  readonly registration: { readonly scope: string }
}
interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<unknown>): void
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request
  respondWith(response: Response | Promise<Response>): void
}

const scope = globalThis as unknown as WorkerScope
const classroom = new Classroom()
const encoder = new TextEncoder()

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()))
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()))
scope.addEventListener('fetch', (event) => {
  const { pathname, search, origin } = new URL(event.request.url)
  const base = new URL(scope.registration.scope)
  if (origin !== base.origin || !pathname.startsWith(base.pathname)) return
  const path = pathname.slice(base.pathname.length)
  if (path.startsWith('streams/')) event.respondWith(perform(event, path.slice('streams/'.length), search))
  else if (path === 'log') event.respondWith(logOf(new URLSearchParams(search).get('run')))
})

/** Resolves with the response when the script begins it. */
function perform(event: FetchEvent, stream: string, query: string): Promise<Response> {
  const { method, headers } = event.request
  const performance = classroom.perform({
    method,
    stream,
    query,
    lastEventId: headers.get('last-event-id') ?? '',
    origin: undefined,
    hasCookie: false,
  })
  if (!performance) return Promise.resolve(new Response(null, { status: 404 }))
  const { reply } = performance
  const isNative = new URLSearchParams(query).get('client') === 'native'
  // Browsers take a response that a service worker breaks off for a fault of the page, and a native
  // object gives up. After one that ends it asks again.
  const end = reply.end === 'break' && isNative ? 'finish' : reply.end
  return new Promise((resolve) => {
    const left = new AbortController()
    event.request.signal.addEventListener('abort', () => left.abort())
    let body: ReadableStreamDefaultController<Uint8Array> | undefined
    const stage = {
      begin({ status, headers: replyHeaders }: { status: number; headers: Readonly<Record<string, string>> }) {
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            body = controller
          },
          cancel: () => left.abort(),
        })
        resolve(new Response(status === 200 ? stream : null, { status, headers: replyHeaders }))
      },
      write: (piece: string | Uint8Array) => body?.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece),
      finish: () => body?.close(),
      breakOff() {
        if (body === undefined) resolve(Response.error())
        else if (!left.signal.aborted) body.error(new TypeError('The lesson breaks the connection.'))
      },
    }
    // A service worker lives as long as it has something to wait for.
    event.waitUntil(play({ ...performance, reply: { ...reply, end } }, stage, left.signal))
  })
}

/** What happened in a run, as an event stream. */
function logOf(run: string | null): Response {
  const log = classroom.logOf(run)
  if (!log) return new Response(null, { status: 404 })
  let stop = () => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(':\n\n'))
      stop = log.watch(0, (entry, index) =>
        controller.enqueue(encoder.encode(encodeEvent({ data: JSON.stringify(entry), id: String(index) }))),
      )
    },
    cancel: () => stop(),
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
