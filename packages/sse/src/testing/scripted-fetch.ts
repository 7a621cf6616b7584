import { Arrivals } from './arrivals.ts'
import { readScript, type Script } from './script.ts'
import { Connection, type Outlet, type ScriptedConnection } from './scripted-connection.ts'
import { decodeHeader, type TestRequest } from './test-request.ts'

/** The second argument of a scripted `fetch`: what it uses of a `RequestInit`. */
export interface ScriptedResponseInit {
  method?: string | undefined
  headers?: RequestInit['headers']
  body?: unknown
  signal?: AbortSignal | null | undefined
}

/** A `fetch` that answers from a script, without a socket. */
export interface ScriptedFetch {
  (input: string | URL | Request, init?: ScriptedResponseInit): Promise<Response>
  /** The requests so far. */
  readonly requests: readonly TestRequest[]
  /** Resolves when the nth request was made, counted from 1. */
  request(number: number): Promise<TestRequest>
  /** Resolves with the nth request's connection, through which a test can send more. */
  connection(number: number): Promise<ScriptedConnection>
  /** Cuts every open response. Whoever waits for a request gets the error `WAIT_ENDED`. */
  close(): void
}

/**
 * Creates a `fetch` that answers from a script: for the option `fetch` of a client, for a handler of
 * msw (`http.get(url, ({ request }) => fetch(request))`), or as the global one. It needs no sockets,
 * so it works in jsdom, in browsers and under fake timers.
 *
 * Like the real one it follows redirects, rejects with the signal's reason when it is aborted, and
 * fails with a `TypeError` when there is no response. It knows neither CORS nor cookies.
 *
 * @throws {SseError} for a wrong script, at once.
 */
export function scriptedFetch(script: Script): ScriptedFetch {
  const answerTo = readScript(script)
  const arrivals = new Arrivals()
  const fetch = async (input: string | URL | Request, init: ScriptedResponseInit = {}): Promise<Response> => {
    let { url, method, headers, body, signal } = await readRequest(input, init)
    for (let hops = 0; ; hops++) {
      signal?.throwIfAborted?.()
      if (hops > 20) throw new TypeError('fetch failed', { cause: new Error('redirect count exceeded') })
      const response = await ask(arrivals, answerTo, { url, method, headers, body }, signal)
      const location = isRedirect(response.status) ? response.headers.get('location') : null
      if (location === null) return Object.defineProperty(response, 'url', { value: url, configurable: true })
      url = new URL(location, url).href
      if (response.status === 303 || (response.status < 303 && method === 'POST')) {
        method = 'GET'
        body = ''
      }
    }
  }
  return Object.defineProperties(fetch as ScriptedFetch, {
    requests: { get: () => arrivals.all.map(({ request }) => request) },
    request: { value: (number: number) => arrivals.at(number).then(({ request }) => request) },
    connection: { value: (number: number) => arrivals.at(number) },
    close: { value: () => arrivals.close() },
  })
}

function isRedirect(status: number): boolean {
  return status > 300 && status < 309 && status !== 304
}

async function readRequest(input: string | URL | Request, init: ScriptedResponseInit) {
  const request = typeof input === 'object' && 'method' in input ? input : undefined
  const headers: Record<string, string> = {}
  new Headers(init.headers ?? request?.headers).forEach((value, name) => {
    headers[name] = value
  })
  return {
    url: request?.url ?? `${input as string | URL}`,
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    headers,
    body: init.body != null ? await textOf(init.body) : ((await request?.clone().text()) ?? ''),
    signal: init.signal ?? request?.signal,
  }
}

async function textOf(body: unknown): Promise<string> {
  return typeof body === 'string' ? body : new Response(body as BodyInit).text()
}

function ask(
  arrivals: Arrivals,
  answerTo: ReturnType<typeof readScript>,
  init: Omit<TestRequest, 'number' | 'lastEventId'>,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const body = new ScriptedBody(() => connection.leave())
    const request = {
      number: arrivals.next(),
      ...init,
      lastEventId: decodeHeader(init.headers['last-event-id'] ?? ''),
    }
    const outlet: Outlet = {
      begin: (status, headers) => resolve(respond(status, headers, body)),
      write: (bytes) => body.write(bytes),
      read: async () => {},
      end: () => body.end(),
      cut: () => {
        body.fail(new TypeError('terminated', { cause: new Error('the script cut the connection') }))
        reject(new TypeError('fetch failed', { cause: new Error('the script cut the connection') }))
      },
    }
    const connection = new Connection(request, answerTo(request), outlet)
    signal?.addEventListener('abort', () => {
      connection.leave()
      const reason = signal.reason ?? Object.assign(new Error('This operation was aborted'), { name: 'AbortError' })
      body.abort(reason)
      reject(reason)
    })
    arrivals.add(connection)
  })
}

/** What of a stream and its reader the clients use, for runtimes without streams: React Native. */
type MinimalBody = Pick<ReadableStream<Uint8Array>, 'getReader'>

function respond(status: number, headers: Readonly<Record<string, string>>, body: ScriptedBody): Response {
  if (!globalThis.ReadableStream) {
    const minimal = { getReader: () => body.reader() } as unknown as MinimalBody
    return { status, ok: status < 300, headers: new Headers(headers), body: minimal } as Response
  }
  const isEmpty = status === 204 || status === 205 || status === 304
  return new Response(isEmpty ? null : body.stream(), { status, headers: { ...headers } })
}

/** The bytes on their way. Unlike those of a stream, they arrive even if an error follows at once. */
class ScriptedBody {
  readonly #chunks: Uint8Array[] = []
  #ended: 'open' | 'ended' | { error: unknown } = 'open'
  #wake: (() => void) | undefined
  readonly #onLeave: () => void

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#chunks.push(bytes)
    this.#wake?.()
  }

  end(): void {
    this.#finish('ended')
  }

  fail(error: unknown): void {
    this.#finish({ error })
  }

  /** The client aborted: what it has not read is gone. */
  abort(error: unknown): void {
    this.#chunks.length = 0
    this.#finish({ error })
  }

  #finish(how: 'ended' | { error: unknown }): void {
    if (this.#ended === 'open') this.#ended = how
    this.#wake?.()
  }

  async #next(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && this.#ended === 'open')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    const chunk = this.#chunks.shift()
    if (chunk) return chunk
    if (typeof this.#ended === 'object') throw this.#ended.error
    return undefined
  }

  reader() {
    return {
      read: async () => {
        const value = await this.#next()
        return { value, done: value === undefined }
      },
      cancel: async () => this.#leave(),
    }
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream(
      {
        pull: async (controller) => {
          const value = await this.#next()
          if (value) controller.enqueue(value as Uint8Array<ArrayBuffer>)
          else controller.close()
        },
        cancel: () => this.#leave(),
      },
      { highWaterMark: 0 },
    )
  }

  #leave(): void {
    this.#finish('ended')
    this.#onLeave()
  }
}
