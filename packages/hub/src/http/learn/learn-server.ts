import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createSession } from '@headwater/sse/server'
import { Classroom } from '../../lessons/classroom.ts'
import { play } from '../../lessons/play.ts'
import { isLoopbackHost } from '../access/client-address.ts'
import { BuiltPage } from '../built-page.ts'
import type { BodyResponse } from '../message/http-message.ts'
import { LearnWebSockets } from './learn-websockets.ts'

export interface LearnServerOptions {
  /** The path of the hub, which the page learns. */
  readonly hubPath: string
  /** Ends all streams when it aborts. */
  readonly closing: AbortSignal
  /** The files of the page. Default: those that the build made. */
  readonly directory?: string
}

/**
 * Serves the page at `/learn` and the streams of its lessons. Not a route of the router, because
 * lessons break connections, and answer nothing at all.
 */
export class LearnServer {
  readonly #classroom = new Classroom()
  readonly #page: BuiltPage
  readonly #closing: AbortSignal
  readonly #webSockets: LearnWebSockets
  #openLogs = 0

  constructor({ hubPath, closing, directory = builtPage }: LearnServerOptions) {
    this.#page = new BuiltPage(directory, hubPath, contentSecurityPolicy)
    this.#closing = closing
    this.#webSockets = new LearnWebSockets(closing)
  }

  /** Answers a request for the page or a lesson, and says whether it was one. */
  handle(req: IncomingMessage, res: ServerResponse): boolean {
    const [path = '', search] = (req.url ?? '').split(/\?(.*)/s)
    if (path !== '/learn' && !path.startsWith('/learn/')) return false
    const query = search === undefined ? '' : `?${search}`
    // A client that leaves is not an error.
    res.on('error', () => {})
    req.on('error', () => {})
    req.resume()
    res.setHeader('x-content-type-options', 'nosniff')
    if (!isLoopbackHost(hostOf(req)))
      sendText(res, 403, 'The lessons answer only to loopback names, such as localhost.\n')
    else if (path.startsWith('/learn/streams/')) this.#perform(path.slice('/learn/streams/'.length), query, req, res)
    else if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD')
      sendText(res, 405, `${path} does not allow ${req.method}. It allows GET, HEAD.\n`)
    } else if (path === '/learn/log') this.#sendLog(new URLSearchParams(query).get('run'), req, res)
    else if (path === '/learn/cookie') setCookie(req, res)
    else this.#sendFile(path.slice('/learn'.length), query, req, res)
    return true
  }

  /**
   * Takes over a connection whose first bytes ask for the lessons' WebSocket, and says whether they
   * did.
   */
  takeSocket(socket: Socket, bytes: Buffer): boolean {
    return this.#webSockets.take(socket, bytes)
  }

  #perform(stream: string, query: string, req: IncomingMessage, res: ServerResponse): void {
    const { method = 'GET', headers } = req
    const performance =
      method === 'GET' || method === 'OPTIONS'
        ? this.#classroom.perform({
            method,
            stream,
            query,
            lastEventId: Buffer.from(String(headers['last-event-id'] ?? ''), 'latin1').toString(),
            origin: foreignOrigin(req),
            hasCookie: headers.cookie?.includes(cookieName) ?? false,
          })
        : undefined
    if (!performance) {
      sendText(res, 404, `There is no lesson ${JSON.stringify(stream)} with this run and client.\n`)
      return
    }
    const left = new AbortController()
    res.on('close', () => left.abort())
    // The stream is to be sent at once, and may be silent for long.
    if (req.httpVersionMajor < 2) req.socket.setNoDelay(true)
    void play(
      performance,
      {
        begin({ status, headers: replyHeaders }) {
          res.writeHead(status, replyHeaders)
          if (status === 200) res.flushHeaders()
        },
        write: (piece) =>
          new Promise((resolve) => {
            res.write(piece, () => resolve())
            if (res.destroyed) resolve()
          }),
        finish: () => res.end(),
        breakOff: () => res.destroy(),
      },
      AbortSignal.any([left.signal, this.#closing]),
    )
  }

  /**
   * What happened in a run so far, and from now on: itself an event stream, by a session of ours.
   */
  #sendLog(run: string | null, req: IncomingMessage, res: ServerResponse): void {
    const log = this.#classroom.logOf(run)
    if (!log || this.#openLogs >= maxLogs) {
      const text = log ? 'Too many pages watch lessons. Close one.\n' : 'Name a run: ?run=NAME\n'
      sendText(res, log ? 503 : 404, text)
      return
    }
    this.#openLogs++
    const session = createSession(req, res, { retryMs: 500, drainSignal: this.#closing })
    const from = /^\d{1,6}$/.test(session.lastEventId) ? Number(session.lastEventId) + 1 : 0
    const stop = log.watch(from, (entry, index) => session.send({ data: entry, id: String(index) }))
    session.closed.then(() => {
      this.#openLogs--
      stop()
    })
  }

  #sendFile(path: string, query: string, req: IncomingMessage, res: ServerResponse): void {
    if (path === '') {
      // Relative, as everything in the page is: a proxy may serve it below another path.
      res.writeHead(308, { location: `learn/${query}` }).end()
    } else if (!this.#page.has(path)) sendText(res, 404, `There is nothing at /learn${path}.\n`)
    else
      void this.#page.answer(path, (name) => req.headers[name]?.toString()).then((response) => send(req, res, response))
  }
}

const builtPage = fileURLToPath(new URL('../../../dist/learn-page', import.meta.url))
const cookieName = 'headwater-learn'
/** Pages that may watch at a time. */
const maxLogs = 16

function hostOf({ headers }: IncomingMessage): string {
  return headers.host ?? String(headers[':authority'] ?? '')
}

/** The origin of the page that asks, if it is another than this server's as the page sees it. */
function foreignOrigin(req: IncomingMessage): string | undefined {
  const { origin } = req.headers
  return origin === undefined || origin.replace(/^https?:\/\//, '') === hostOf(req) ? undefined : origin
}

/**
 * Another origin is another site here (`localhost`, `127.0.0.1`): only such a cookie is sent there.
 */
function setCookie(req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers
  // Whoever is told so may read an empty response.
  if (origin !== undefined) {
    res.setHeader('access-control-allow-origin', origin)
    res.setHeader('access-control-allow-credentials', 'true')
  }
  res.setHeader('set-cookie', `${cookieName}=1; Path=/learn; Max-Age=600; SameSite=None; Secure; Partitioned`)
  res.writeHead(204, { 'cache-control': 'no-store', vary: 'Origin' }).end()
}

function send(req: IncomingMessage, res: ServerResponse, { status, headers, body }: BodyResponse): void {
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
  res.statusCode = status
  res.end(req.method === 'HEAD' ? undefined : body)
}

function sendText(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(body)
}

/** As of the page at `/`, but that one lesson is a box for any URL. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  'connect-src http: https: ws: wss:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')
