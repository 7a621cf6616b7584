import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSession, type NodeRequest, type NodeResponse, type SessionOptions } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import { ClientPresence } from '../message/client-presence.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import type { HandlerOptions, Router } from '../router.ts'
import { readPieces } from './node-body.ts'
import { openStream } from './open-stream.ts'
import { Pipeline } from './pipeline.ts'

/**
 * Answers one request. Resolves when it is answered or when its event stream has begun, and never
 * rejects. Passes a request that is not for the hub to `next`, as in Express; without `next`,
 * answers it with 404.
 */
export type Handler = (req: NodeRequest, res: NodeResponse, next?: () => void) => Promise<void>

/**
 * Creates the function that answers requests of `node:http`, `node:https` and `node:http2` with a
 * router.
 */
export function handlerFor(router: Router, { session, closing, onError = console.error }: HandlerOptions): Handler {
  return async function handle(nodeReq, nodeRes, next) {
    // The API of `node:http2` is compatible with that of `node:http`, although its types differ.
    const [req, res] = [nodeReq as IncomingMessage, nodeRes as ServerResponse]
    const url = urlOf(req, router)
    if (next && !router.has({ url })) {
      next()
      return
    }
    // A client that leaves is not an error, and what then fails need not be reported.
    res.on('error', ignore)
    // Publishes need not wait: they are stored together, in the order in which they arrived.
    const pipeline = req.httpVersionMajor < 2 && req.method !== 'POST' ? Pipeline.of(req.socket) : undefined
    const turn = pipeline?.enter()
    if (turn === false || (turn instanceof Promise && !(await turn))) return
    let isStream = false
    try {
      // Requests that waited do not begin any more: the broken connection makes their client
      // reconnect.
      if (turn !== undefined && closing?.aborted) {
        res.destroy()
        return
      }
      const answer = await answerOf(router, req, res, url)
      isStream = answer.eventStream !== undefined
      await send(req, res, answer, session)
    } catch (error) {
      if (!(error instanceof HubError)) onError(error)
      res.destroy()
    } finally {
      if (isStream) pipeline?.leaveWithStream(res)
      else pipeline?.leave()
    }
  }
}

/**
 * The URL as the client sent it. Express and its like cut the path where a handler is mounted off
 * `url`, and keep the whole as `originalUrl`. The hub's path is meant either way.
 */
function urlOf(req: IncomingMessage & { readonly originalUrl?: string }, router: Router): string {
  const { url = '/', originalUrl } = req
  return originalUrl !== undefined && router.has({ url: originalUrl }) ? originalUrl : url
}

async function answerOf(router: Router, req: IncomingMessage, res: ServerResponse, url: string): Promise<HubResponse> {
  // [RFC 9113, 8.7] In HTTP/2 a client leaves a stream, in HTTP/1 the connection.
  const connection = req.httpVersionMajor < 2 ? req.socket : res
  let client: ClientPresence | undefined
  const onLeave = () => client?.leave()
  const clientSignal = () => {
    if (!client) {
      client = new ClientPresence()
      if (connection.destroyed) onLeave()
      else connection.once('close', onLeave)
    }
    return client.signal
  }
  try {
    return await router.answer(toHubRequest(req, url, clientSignal))
  } finally {
    if (client) connection.off('close', onLeave)
  }
}

function toHubRequest(req: IncomingMessage, url: string, clientSignal: HubRequest['clientSignal']): HubRequest {
  return {
    clientSignal,
    method: req.method ?? 'GET',
    url,
    authority: authorityOf(req),
    httpVersion: req.httpVersionMajor,
    rawHeaders: req.rawHeaders,
    body: readPieces(req),
    remoteAddress: req.socket.remoteAddress,
    header: (name) => {
      // [RFC 9113, 8.3.1] In HTTP/2 the host is the authority.
      const value = req.headers[name] ?? (name === 'host' ? req.headers[':authority'] : undefined)
      return typeof value === 'string' ? value : value?.join(', ')
    },
  }
}

function authorityOf({ headers, url = '/' }: IncomingMessage): string | undefined {
  const authority = headers[':authority']
  if (typeof authority === 'string') return authority
  // [RFC 9112, 3.2.2] A whole URL names its host itself.
  return url.startsWith('/') || !URL.canParse(url) ? undefined : new URL(url).host
}

async function send(
  req: IncomingMessage,
  res: ServerResponse,
  response: HubResponse,
  session: SessionOptions | undefined,
): Promise<void> {
  if (response.eventStream) {
    openStream(response, session, (options, begin) => begin(createSession(req, res, options)))
    return
  }
  const { status, headers, body } = response
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) await sendPieces(res, body)
  else {
    // [RFC 9110, 8.6] Not sent if there is no body to measure: with 204 and 304, or if HEAD created
    // none.
    const isMeasured = status !== 204 && status !== 304 && (req.method !== 'HEAD' || body !== '')
    if (isMeasured) res.setHeader('content-length', Buffer.byteLength(body))
    res.end(req.method === 'HEAD' ? undefined : body)
  }
  if (!req.complete) dropRest(req)
}

/** Sends pieces no faster than the client reads, and stops when it leaves. */
async function sendPieces(res: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  // Some clients send more only when they see that the hub reads.
  res.flushHeaders()
  for await (const piece of pieces) {
    if (isOver(res)) return
    if (!res.write(piece)) await whenDrained(res)
  }
  res.end()
}

function isOver(res: ServerResponse & { stream?: { destroyed: boolean } }): boolean {
  return res.stream?.destroyed ?? res.destroyed
}

/**
 * Resolves when there is room or the client has left. Cuts off a client that reads nothing for 30
 * s.
 */
function whenDrained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer)
      res.off('drain', go).off('close', go)
      resolve()
    }
    const timer = setTimeout(() => {
      res.destroy()
      go()
    }, stallTimeoutMs)
    if (isOver(res)) go()
    res.on('drain', go).on('close', go)
  })
}

const stallTimeoutMs = 30_000
/**
 * How much of an unwanted body the hub reads, so that a client that sends before it reads sees the
 * answer.
 */
const maxDroppedBytes = 16 * 1024 * 1024

/**
 * Reads and drops the rest of a request that was answered before its end: if it was cut off, the
 * client might not see the answer.
 */
function dropRest(req: IncomingMessage): void {
  let dropped = 0
  const timer = setTimeout(() => req.destroy(), stallTimeoutMs)
  timer.unref()
  req.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > maxDroppedBytes) req.destroy()
  })
  req.on('error', ignore)
  req.on('close', () => clearTimeout(timer))
  req.on('end', () => clearTimeout(timer))
}

function ignore(): void {}
