import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type RequestOptions, request as requestHttps } from 'node:https'
import type { Exchange, ExchangeEnd } from './exchange.ts'
import { type BodyReader, createBodyReader } from './read-body.ts'

/** One request, as it goes out. */
export interface ExchangeRequest {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly httpVersion: '1.1' | '2'
  /** Look although the certificate is not valid. */
  readonly isInsecure: boolean
}

/** An exchange that goes on. */
export interface LiveExchange {
  readonly facts: Exchange
  /**
   * Waits until the facts are like this, the exchange is over, or the time has passed. Resolves with
   * whether they are.
   */
  until(isSo: (facts: Exchange) => boolean, timeoutMs: number): Promise<boolean>
  /** Goes away, as a client does that closes its page. */
  close(): void
}

/** Sends a request on a connection of its own. Whatever happens to it becomes a fact; nothing is thrown. */
export function openExchange(request: ExchangeRequest): LiveExchange {
  const began = performance.now()
  const elapsedMs = () => performance.now() - began
  const facts: Exchange = {
    url: request.url,
    method: request.method,
    requestHeaders: request.headers,
    httpVersion: undefined,
    headersMs: undefined,
    status: undefined,
    headers: {},
    arrivals: [],
    blocks: [],
    oddities: [],
    retryMs: undefined,
    text: '',
    end: undefined,
  }
  const waiting = new Set<() => void>()
  const onChange = () => {
    for (const look of waiting) look()
  }
  let body: BodyReader | undefined
  let isEnding = false
  const recorder: Recorder = {
    head(httpVersion, status, headers) {
      Object.assign(facts, { httpVersion, status, headers, headersMs: elapsedMs() })
      body = createBodyReader(facts, elapsedMs, onChange)
      onChange()
    },
    data: (chunk) => body!.push(chunk),
    end(how, error) {
      if (facts.end || isEnding) return
      const atMs = elapsedMs()
      const settle = () => {
        facts.end ??= { how, atMs, ...(error && { code: error.code, reason: reasonOf(error) }) }
        onChange()
      }
      // What we leave is not waited for.
      if (!body || how === 'closed') return settle()
      isEnding = true
      body.end(settle)
    },
  }
  const destroy = send(request, recorder)

  return {
    facts,
    until(isSo, timeoutMs) {
      return new Promise((resolve) => {
        const look = (isLast = false) => {
          if (!(isLast || facts.end || isSo(facts))) return
          waiting.delete(look)
          clearTimeout(timer)
          resolve(isSo(facts))
        }
        const timer = setTimeout(look, timeoutMs, true)
        waiting.add(look)
        look()
      })
    },
    close() {
      if (!isEnding) recorder.end('closed')
      destroy()
    },
  }
}

/** Returns a function that destroys the connection. */
function send(request: ExchangeRequest, recorder: Recorder): () => void {
  try {
    return request.httpVersion === '2' ? sendHttp2(request, recorder) : sendHttp1(request, recorder)
  } catch (error) {
    // A header that Node does not send, for example.
    recorder.end('failed', error as NodeJS.ErrnoException)
    return () => {}
  }
}

/** How the two versions of HTTP report what happens. */
interface Recorder {
  head(httpVersion: '1.0' | '1.1' | '2', status: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(how: ExchangeEnd['how'], error?: NodeJS.ErrnoException): void
}

function sendHttp1({ url, method, headers, body, isInsecure }: ExchangeRequest, recorder: Recorder): () => void {
  const options: RequestOptions = {
    agent: false,
    method,
    headers: body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    rejectUnauthorized: !isInsecure,
  }
  const request = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options)
  let hasHead = false
  request.on('response', (response: IncomingMessage) => {
    hasHead = true
    recorder.head(response.httpVersion === '1.0' ? '1.0' : '1.1', response.statusCode!, response.headers)
    response.on('data', recorder.data)
    response.on('end', () => recorder.end(response.complete ? 'finished' : 'broken'))
    response.on('error', (error) => recorder.end('broken', error))
    response.on('close', () => recorder.end(response.complete ? 'finished' : 'broken'))
  })
  request.on('error', (error) => recorder.end(hasHead ? 'broken' : 'failed', error))
  request.end(body)
  return () => request.destroy()
}

function sendHttp2(
  { url, method, headers: { host, connection, ...headers }, body, isInsecure }: ExchangeRequest,
  recorder: Recorder,
): () => void {
  const session = connectHttp2(url, { rejectUnauthorized: !isInsecure })
  let hasHead = false
  const over = (error?: NodeJS.ErrnoException) => recorder.end(hasHead ? 'broken' : 'failed', error)
  session.on('error', over)
  session.on('close', () => over())
  const stream = session.request(
    { ...headers, ':method': method, ':path': url.pathname + url.search, ...(host && { ':authority': host }) },
    { endStream: body === undefined },
  )
  stream.on('response', ({ ':status': status, ...headers }) => {
    hasHead = true
    recorder.head('2', Number(status), headers)
  })
  stream.on('data', recorder.data)
  stream.on('end', () => {
    // A reset stream ends as well, with a code.
    recorder.end(stream.rstCode === 0 && hasHead ? 'finished' : 'broken')
    session.close()
  })
  stream.on('error', over)
  if (body !== undefined) stream.end(body)
  return () => session.destroy()
}

/** Attempts to several addresses fail as one error, whose message is empty. */
function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message
  return error.message
}
