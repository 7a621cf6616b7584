import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { SseError } from '../protocol/index.ts'
import { setSharedAlarm } from './alarm.ts'
import { readLastEventId } from './last-event-id.ts'
import { CLOSED_EVENT_ID } from './reserved.ts'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { readSessionOptions, type SessionOptions } from './session-options.ts'
import type { Sink, SinkListener } from './sink.ts'
import { SocketSink } from './socket-sink.ts'
import { canTakeConnection, takeConnection } from './taken-connection.ts'

/** A request of `node:http`, `node:https` or `node:http2`, or what a framework made of one. */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/** A response of `node:http`, `node:https` or `node:http2`, or what a framework made of one. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/**
 * Answers a request with an event stream. The headers and a first comment go out at once.
 *
 * Express, Nest: `createSession(req, res)`. Koa: `ctx.respond = false`, then `createSession(ctx.req, ctx.res)`.
 * Fastify: `reply.hijack()`, then `createSession(request.raw, reply.raw, { headers: reply.getHeaders() })`.
 *
 * The session may be over from the start, see {@link Session.isOpen}: when the client has left already, came back after
 * a `close()` (it is answered 204), or sent `HEAD`.
 *
 * @throws SseError `INVALID_OPTION`; `HEADERS_SENT` if something was already sent as the answer.
 */
export function createSession(req: NodeRequest, res: NodeResponse, options: SessionOptions = {}): Session {
  return answer(req as RequestOfEither, res as ResponseOfEither, options)
}

/** `node:http2` has an API compatible with `node:http`, to the point where its types call it another. */
type RequestOfEither = IncomingMessage
type ResponseOfEither = ServerResponse & {
  /** Of HTTP/2; on HTTP/1 it may be anything that somebody hung on the response. */
  stream?: ServerHttp2Stream
  /** Added by compression middleware. */
  flush?: () => void
}

function answer(req: RequestOfEither, res: ResponseOfEither, options: SessionOptions): Session {
  const settings = readSessionOptions(options)
  const headers = eventStreamHeaders(settings)
  const lastEventId = readLastEventId(req.headers['last-event-id']?.toString(), req.url ?? '')
  if (hasLeft(req, res)) return new ServerSession(lastEventId, settings, 'client-left')
  if (res.headersSent || res.writableEnded) {
    throw new SseError(
      'HEADERS_SENT',
      `The response to ${req.method} ${req.url} is already under way (status ${res.statusCode}): create the session first.`,
    )
  }
  if (lastEventId === CLOSED_EVENT_ID) {
    setHeaders(res, noContentHeaders(settings.headers))
    res.writeHead(204)
    res.end()
    return new ServerSession(lastEventId, settings, 'already-closed')
  }
  res.removeHeader('content-length')
  setHeaders(res, headers)
  if (settings.takesConnection && req.method !== 'HEAD' && canTakeConnection(req, res)) {
    return new ServerSession(lastEventId, settings, new SocketSink(takeConnection(req, res)))
  }
  res.writeHead(200)
  if (req.method === 'HEAD') {
    res.end()
    return new ServerSession(lastEventId, settings, 'head-request')
  }
  return new ServerSession(lastEventId, settings, new NodeSink(req, res))
}

/** Replaces what is set by the same name. Not with `appendHeader`, which HTTP/2 has since Node 20.12 only. */
function setHeaders(res: ResponseOfEither, headers: [name: string, value: string][]): void {
  for (const [name] of headers) {
    const values = headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    res.setHeader(name, values.length === 1 ? (values[0] as string) : values)
  }
}

class NodeSink implements Sink {
  readonly setAlarm = setSharedAlarm
  readonly #req: RequestOfEither
  readonly #res: ResponseOfEither
  /**
   * Middleware that replaced `write` on this response (compression does) passes no callback on. What its `write`
   * accepts with `true` then counts as gone, the rest at its drain.
   */
  readonly #isPatched: boolean
  #bytesBeforeDrain = 0
  #listener!: SinkListener

  constructor(req: RequestOfEither, res: ResponseOfEither) {
    this.#req = req
    this.#res = res
    this.#isPatched = Object.hasOwn(res, 'write')
  }

  start(listener: SinkListener): boolean {
    this.#listener = listener
    const req = this.#req
    const res = this.#res
    // A stream of events may rest for long, and its small pieces are to leave at once. HTTP/2 decides on its own
    // socket, and test doubles (Fastify's inject) have neither.
    req.setTimeout?.(0)
    if (!isHttp2(req)) req.socket?.setNoDelay?.(true)
    res.on('drain', () => {
      const byteLength = this.#bytesBeforeDrain
      this.#bytesBeforeDrain = 0
      if (byteLength > 0) listener.onFlushed(byteLength)
      listener.onDrain()
    })
    res.on('finish', () => listener.onOver())
    res.on('close', () => listener.onOver())
    // Without a listener an error of a connection that broke would end the process. 'close' follows it.
    res.on('error', () => listener.onOver())
    req.on('error', () => listener.onOver())
    // A request also closes when its body has been read.
    req.on('close', () => {
      if (hasLeft(req, res)) listener.onOver()
    })
    return true
  }

  write(bytes: Uint8Array): boolean {
    const res = this.#res
    let hasRoom: boolean
    if (this.#isPatched) {
      // Some forget to return what they were told.
      hasRoom = res.write(bytes) !== false
      if (hasRoom) this.#listener.onFlushed(bytes.length)
      else this.#bytesBeforeDrain += bytes.length
    } else {
      hasRoom = res.write(bytes, (error) => {
        if (!error) this.#listener.onFlushed(bytes.length)
      })
    }
    res.flush?.()
    return hasRoom
  }

  end(leaving: boolean): void {
    const res = this.#res
    if (leaving) {
      // Otherwise server.close() would wait for a connection kept alive.
      if (isHttp2(this.#req)) res.stream?.session?.close()
      else res.on('finish', () => this.#req.socket.destroySoon())
    }
    res.end()
  }

  destroy(): void {
    this.#res.destroy()
  }
}

function hasLeft(req: RequestOfEither, res: ResponseOfEither): boolean {
  if (isHttp2(req)) return !res.stream || res.stream.destroyed || res.stream.closed
  return res.destroyed || req.socket?.destroyed
}

function isHttp2(req: RequestOfEither): boolean {
  return req.httpVersionMajor >= 2
}
