import { SseError } from '../protocol/index.ts'
import { FetchSink, reportsFailedResponses } from './fetch-sink.ts'
import type { PipeItem, PipeSource } from './pipe.ts'
import { whatIsMistaken } from './pipe-source.ts'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { readSessionOptions, type SessionOptions } from './session-options.ts'
import { readStreamRequest } from './stream-request.ts'

/**
 * Produces the events of one response. If it returns (or resolves to) a generator, an async
 * iterable or a stream, the session pipes it and closes at its end. Any other return value is
 * ignored: the session stays open until it is closed. If the producer throws, the response is broken
 * off, so that every client knows that it is not complete.
 */
export type Producer = (session: Session) => unknown

/**
 * Answers a Fetch request with an event stream: Hono, Bun, Deno, workerd, Next.js route handlers; h3
 * v1 (Nitro 2, Nuxt 4) by `toWebRequest(event)`, from Node 20.16 on.
 *
 * The producer runs before this returns, up to its first await. It is not called if the session is
 * over from the start: if the request is already aborted, follows a `close()` (it gets 204), or is
 * a `HEAD`.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createResponse(request: Request, options: SessionOptions, producer: Producer): Response
export function createResponse(request: Request, producer: Producer): Response
export function createResponse(request: Request, ...rest: [SessionOptions, Producer] | [Producer]): Response {
  const [options, producer] = rest.length === 1 ? [{}, rest[0]] : rest
  if (typeof producer !== 'function') {
    throw new SseError(
      'INVALID_OPTION',
      `createResponse(request, options, producer) needs a function as its producer, not ${typeof producer}.`,
    )
  }
  const settings = readSessionOptions(options, reportsFailedResponses ? 'end' : 'break')
  const headers = new Headers(eventStreamHeaders(settings))
  const streamRequest = readStreamRequest(request.method, request.url, (name) => request.headers.get(name) ?? undefined)
  if (streamRequest.isAfterEnd) {
    return new Response(null, { status: 204, headers: new Headers(noContentHeaders(settings.headers)) })
  }
  // Deno always cancels the stream, and prints a warning about a future change when a program uses
  // the signal.
  const signal = 'Deno' in globalThis ? undefined : request.signal
  if (request.method === 'HEAD' || signal?.aborted) return new Response(null, { headers })
  const sink = new FetchSink(signal)
  const session = new ServerSession(streamRequest, settings, sink)
  run(producer, session)
  return new Response(sink.stream, { headers })
}

async function run(producer: Producer, session: ServerSession): Promise<void> {
  if (!session.isOpen) return
  try {
    const produced = await producer(session)
    const mistaken = whatIsMistaken(produced)
    if (mistaken !== undefined) {
      throw new SseError(
        'INVALID_OPTION',
        `The producer returned ${mistaken}. It can return an iterable, an async iterable or a stream.`,
      )
    }
    if (isSource(produced)) await session.pipe(produced)
  } catch (error) {
    // Sending to a client that left rejects. That is not a failure of the producer.
    if (session.isOpen) await session.fail(error)
  }
}

/** Excludes arrays: the result of a producer that ends in `Promise.all(…)` has no meaning. */
function isSource(value: unknown): value is PipeSource<PipeItem> {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value || 'getReader' in value || (Symbol.iterator in value && 'next' in value)
}
