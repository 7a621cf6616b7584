import type { EventMap, IsAnyEvents } from '../protocol/event-map.ts'
import { type AnyEvents, SseError } from '../protocol/index.ts'
import { FetchSink, reportsFailedResponses } from './fetch-sink.ts'
import { isObservable } from './observable.ts'
import type { MappedItem, PipeItem, PipeSource } from './pipe.ts'
import { whatIsMistaken } from './pipe-source.ts'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { readSessionOptions, type SessionOptions, type SessionSettings } from './session-options.ts'
import { readStreamRequest } from './stream-request.ts'
import { longestTimerMs } from './timer.ts'

/**
 * Produces the events of one response. If it returns (or resolves to) a generator, an async
 * iterable, a stream or an Observable, the session pipes it and closes at its end. Any other return value is
 * ignored: the session stays open until it is closed. If the producer throws, the response is broken
 * off, so that every client knows that it is not complete.
 */
export type Producer<M extends object = AnyEvents, State = unknown> = (
  session: Session<M, State>,
) => IsAnyEvents<M> extends true ? unknown : Produced<M> | Promise<Produced<M>>

/** What the producer of typed events returns: a source of them, or nothing that matters. */
// biome-ignore lint/suspicious/noConfusingVoidType: what a function without `return` returns
type Produced<M extends object> = PipeSource<MappedItem<M>> | (() => void) | void

/** Options whose map says what the producer yields. */
interface WithEvents<M extends object> {
  events: EventMap<M, object>
}

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
export function createResponse<M extends object, State = unknown>(
  request: Request,
  options: SessionOptions<M, State> & WithEvents<M>,
  producer: (session: Session<M, State>) => Produced<M> | Promise<Produced<M>>,
): Response
export function createResponse<M extends object = AnyEvents, State = unknown>(
  request: Request,
  options: SessionOptions<M, State>,
  producer: Producer<M, State>,
): Response
export function createResponse<M extends object = AnyEvents, State = unknown>(
  request: Request,
  producer: Producer<M, State>,
): Response
export function createResponse(request: Request, ...rest: OptionsAndProducer): Response {
  return open(request, rest).response
}

/**
 * As {@link createResponse}, but waits for the first event, comment or end of the stream, or for
 * `heartbeatMs` (at most half of `stallTimeoutMs`). Rejects with what the producer or its source throws before that, so that your
 * framework answers with an error status; `onError` does not get it. For clients that do not
 * reconnect, such as a page that posts to a model: an `EventSource` takes a status other than 200 for
 * the permanent end, and a broken response for a reason to come back.
 *
 * Rejects with `INVALID_OPTION` for an argument that is wrong.
 */
export async function createResponseWhenReady<M extends object, State = unknown>(
  request: Request,
  options: SessionOptions<M, State> & WithEvents<M>,
  producer: (session: Session<M, State>) => Produced<M> | Promise<Produced<M>>,
): Promise<Response>
export async function createResponseWhenReady<M extends object = AnyEvents, State = unknown>(
  request: Request,
  options: SessionOptions<M, State>,
  producer: Producer<M, State>,
): Promise<Response>
export async function createResponseWhenReady<M extends object = AnyEvents, State = unknown>(
  request: Request,
  producer: Producer<M, State>,
): Promise<Response>
export async function createResponseWhenReady(request: Request, ...rest: OptionsAndProducer): Promise<Response> {
  const early: EarlyFailure = {}
  const { response, session, settings } = open(request, rest, early)
  if (!session) return response
  await begun(session, Math.min(settings.heartbeatMs, settings.stallTimeoutMs / 2))
  early.isLate = true
  if (!early.failure) return response
  const { error } = early.failure
  if (session.closeReason !== 'failed') {
    session.report(error)
    return response
  }
  await response.body?.cancel()
  throw error
}

/** The error of a response that has not begun. */
interface EarlyFailure {
  failure?: { readonly error: unknown }
  /** Whether the response is no longer waited for. */
  isLate?: boolean
}

/** Waits until a session has something to send or is over, or for so long. */
function begun(session: ServerSession, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, longestTimerMs))
    session.onBegun = () => {
      clearTimeout(timer)
      session.onBegun = undefined
      resolve()
    }
    if (session.hasBegun || !session.isOpen) session.onBegun()
  })
}

type OptionsAndProducer = [SessionOptions<object>, Producer] | [Producer]

interface Opened {
  readonly response: Response
  readonly settings: SessionSettings
  /** None if it would be over from the start. */
  readonly session?: ServerSession
}

/** Opens a session, unless it would be over from the start. `early` takes an error that comes before it has begun. */
function open(request: Request, rest: OptionsAndProducer, early?: EarlyFailure): Opened {
  const [options, producer] = rest.length === 1 ? [{}, rest[0]] : rest
  if (typeof request?.headers?.get !== 'function') {
    throw new SseError(
      'INVALID_OPTION',
      'The first argument is not a Request. In Hono pass c.req.raw, in h3 v1 toWebRequest(event), in h3 v2 event.req.',
    )
  }
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
    const response = new Response(null, { status: 204, headers: new Headers(noContentHeaders(settings.headers)) })
    return { response, settings }
  }
  // Deno always cancels the stream, and prints a warning about a future change when a program uses
  // the signal.
  const signal = 'Deno' in globalThis ? undefined : request.signal
  if (request.method === 'HEAD' || signal?.aborted) return { response: new Response(null, { headers }), settings }
  const { onError } = settings
  if (early) {
    settings.onError = (error) => {
      if (session.hasBegun || early.isLate || early.failure) onError(error)
      else early.failure = { error }
    }
  }
  const sink = new FetchSink(signal)
  const session = new ServerSession(streamRequest, settings, sink)
  run(producer, session)
  return { response: new Response(sink.stream, { headers }), settings, session }
}

async function run(producer: Producer, session: ServerSession): Promise<void> {
  if (!session.isOpen) return
  try {
    const produced = await producer(session)
    const mistaken = whatIsMistaken(produced)
    if (mistaken !== undefined) {
      throw new SseError(
        'INVALID_OPTION',
        `The producer returned ${mistaken}. It can return an iterable, an async iterable, a stream or an Observable.`,
      )
    }
    if (isSource(produced)) await session.pipe(produced)
  } catch (error) {
    // Sending to a client that left rejects. That is not a failure of the producer.
    if (session.isOpen) await session.fail(error)
    else if (error instanceof SseError && error.code !== 'SESSION_CLOSED') session.report(error)
  }
}

/** Excludes arrays: the result of a producer that ends in `Promise.all(…)` has no meaning. */
function isSource(value: unknown): value is PipeSource<PipeItem> {
  if (typeof value !== 'object' || value === null) return false
  if (Symbol.asyncIterator in value || 'getReader' in value || isObservable(value)) return true
  return Symbol.iterator in value && 'next' in value
}
