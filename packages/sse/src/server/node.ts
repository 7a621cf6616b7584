import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { type AnyEvents, SseError } from '../protocol/index.ts'
import { setSharedAlarm } from './alarm.ts'
import { breakOff } from './break-off.ts'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { AnySession, Session } from './session.ts'
import { readSessionOptions, type SessionOptions } from './session-options.ts'
import type { Ending, Sink, SinkListener } from './sink.ts'
import { SocketSink } from './socket-sink.ts'
import { readStreamRequest } from './stream-request.ts'
import { canTakeConnection, takeConnection } from './taken-connection.ts'

/** A request of `node:http`, `node:https` or `node:http2`, or a framework's version of one. */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/** A response of `node:http`, `node:https` or `node:http2`, or a framework's version of one. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/**
 * Answers a request with an event stream. Sends the headers and a first comment at once.
 *
 * Express, Nest: `createSession(req, res)`. Koa: `ctx.respond = false`, then
 * `createSession(ctx.req, ctx.res)`. Fastify: `reply.hijack()`, then
 * `createSession(request.raw, reply.raw, { headers: reply.getHeaders() })`. h3 v1 (Nitro 2, Nuxt 4):
 * `event._handled = true`, then `createSession(event.node.req, event.node.res)`.
 *
 * The session may be over from the start, see {@link Session.isOpen}: if the client has already
 * left, returned after a `close()` (it gets 204), or sent `HEAD`.
 *
 * @throws SseError `INVALID_OPTION`; `HEADERS_SENT` if part of the response was already sent.
 */
export function createSession<M extends object = AnyEvents, State = unknown>(
  req: NodeRequest,
  res: NodeResponse,
  options: SessionOptions<M, State> = {},
): Session<M, State> {
  return answer(req as RequestOfEither, res as ResponseOfEither, options) as AnySession as Session<M, State>
}

/** `node:http2` has an API compatible with `node:http`, but separate types. */
type RequestOfEither = IncomingMessage
type ResponseOfEither = ServerResponse & {
  /** The HTTP/2 stream. On HTTP/1 it may be any property that other code added to the response. */
  stream?: ServerHttp2Stream
  /** A method that compression middleware adds. */
  flush?: () => void
}

function answer(req: RequestOfEither, res: ResponseOfEither, options: SessionOptions<object>): Session {
  const settings = readSessionOptions(options)
  const headers = eventStreamHeaders(settings)
  const request = readStreamRequest(req.method, req.url ?? '', (name) => req.headers[name]?.toString())
  if (hasLeft(req, res)) return new ServerSession(request, settings, 'client-left')
  if (res.headersSent || res.writableEnded) {
    throw new SseError(
      'HEADERS_SENT',
      `The response to ${req.method} ${req.url} has already begun (status ${res.statusCode}): create the session first.`,
    )
  }
  if (request.isAfterEnd) {
    setHeaders(res, noContentHeaders(settings.headers))
    res.writeHead(204)
    res.end()
    return new ServerSession(request, settings, 'already-closed')
  }
  res.removeHeader('content-length')
  setHeaders(res, headers)
  if (settings.takesConnection && req.method !== 'HEAD' && canTakeConnection(req, res)) {
    return new ServerSession(request, settings, new SocketSink(takeConnection(req, res)))
  }
  res.writeHead(200)
  if (req.method === 'HEAD') {
    res.end()
    return new ServerSession(request, settings, 'head-request')
  }
  return new ServerSession(request, settings, new NodeSink(req, res))
}

/**
 * Replaces headers of the same name. Does not use `appendHeader`, which HTTP/2 has only since Node
 * 20.12.
 */
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
   * Middleware that replaced `write` on this response (as compression does) does not pass on the
   * callback. Bytes that its `write` accepts with `true` then count as sent, the rest at its drain.
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
    // An event stream may be silent for long, and its small writes must be sent at once. HTTP/2
    // manages its own socket, and test doubles (Fastify's inject) have neither method.
    req.setTimeout?.(0)
    if (!isHttp2(req)) req.socket?.setNoDelay?.(true)
    res.on('drain', () => {
      const byteLength = this.#bytesBeforeDrain
      this.#bytesBeforeDrain = 0
      if (byteLength > 0) listener.onFlushed(byteLength)
      listener.onDrain()
    })
    // HTTP/2 also says 'finish' when the client has left.
    const over = () => (res.writableEnded ? listener.onEndedByOthers() : listener.onOver())
    res.on('finish', over)
    res.on('close', over)
    // Without a listener the error of a broken connection would end the process. 'close' follows
    // it.
    res.on('error', () => listener.onOver())
    req.on('error', () => listener.onOver())
    // A request also closes when its body was read.
    req.on('close', () => {
      if (hasLeft(req, res)) listener.onOver()
    })
    return true
  }

  write(bytes: Uint8Array): boolean {
    const res = this.#res
    let hasRoom: boolean
    if (this.#isPatched) {
      // Some middleware does not return the result.
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

  end({ isBroken, isLeaving }: Ending): void {
    const req = this.#req
    const res = this.#res
    if (!isBroken || this.#isEncoding) {
      // Otherwise server.close() would wait for the kept-alive connection.
      if (isLeaving && !isHttp2(req)) res.on('finish', () => req.socket.destroySoon())
      res.end()
    } else breakOff(res, isHttp2(req))
    if (isLeaving && isHttp2(req)) res.stream?.session?.close()
  }

  /**
   * Whether middleware encodes the response and still holds bytes of it, which only the end of the
   * response brings out.
   */
  get #isEncoding(): boolean {
    return this.#isPatched && this.#res.hasHeader('content-encoding')
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
