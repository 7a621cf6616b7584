import { SseError } from '../protocol/index.ts'
import { setOwnAlarm } from './alarm.ts'
import type { PipeItem, PipeSource } from './pipe.ts'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { readSessionOptions, type SessionOptions } from './session-options.ts'
import type { Ending, Sink, SinkListener } from './sink.ts'
import { readStreamRequest } from './stream-request.ts'

/**
 * Produces the events of one response. If it returns (or resolves to) a generator, an async
 * iterable or a stream, the session pipes it and closes at its end. Any other return value is
 * ignored: the session stays open until it is closed. If the producer throws, the response is broken
 * off, so that every client knows that it is not complete.
 */
export type Producer = (session: Session) => unknown

/**
 * Answers a Fetch request with an event stream: Hono, Bun, Deno, workerd, Next.js route handlers.
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
    if (isSource(produced)) await session.pipe(produced)
  } catch (error) {
    // Sending to a client that left rejects. That is not a failure of the producer.
    if (session.isOpen) await session.fail(error)
  }
}

/**
 * Bun, Deno and workerd report a response that breaks off as a fault of the program. Bun and workerd
 * also drop what they have read of it and not yet sent.
 */
const reportsFailedResponses =
  'Bun' in globalThis || 'Deno' in globalThis || globalThis.navigator?.userAgent === 'Cloudflare-Workers'
/** How long these runtimes have to send what they have read before the response breaks off. */
const unsentMs = 100

/** Excludes arrays: the result of a producer that ends in `Promise.all(…)` has no meaning. */
function isSource(value: unknown): value is PipeSource<PipeItem> {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value || 'getReader' in value || (Symbol.iterator in value && 'next' in value)
}

/**
 * A stream that accepts bytes only on request, so that unsent bytes wait in the session, within its
 * bound.
 */
class FetchSink implements Sink {
  readonly setAlarm = setOwnAlarm
  readonly stream: ReadableStream<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #listener!: SinkListener
  #isAsked = false
  /** Whether the stream is to fail when the reader asks for more. */
  #isBreaking = false

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#isAsked = true
          if (this.#isBreaking) this.#breakOff()
          else this.#listener.onDrain()
        },
        cancel: () => {
          this.#signal?.removeEventListener('abort', this.#onAbort)
          this.#listener.onOver()
        },
      },
      { highWaterMark: 0 },
    )
  }

  start(listener: SinkListener): boolean {
    this.#listener = listener
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
    return false
  }

  write(bytes: Uint8Array): boolean {
    this.#isAsked = false
    // A copy, because the reader of the stream owns the chunk and may transfer its buffer, which
    // subscribers of a channel share.
    this.#controller.enqueue(new Uint8Array(bytes))
    this.#listener.onFlushed(bytes.length)
    return this.#isAsked
  }

  end({ isBroken }: Ending): void {
    if (isBroken) {
      // Not before the reader asks for more: an error reaches it before what it has not taken.
      this.#isBreaking = true
      if (this.#isAsked) this.#breakOff()
      return
    }
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#controller.close()
    this.#listener.onOver()
  }

  #breakOff(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    const breakOff = () => {
      this.#controller.error(
        new SseError('SESSION_CLOSED', 'The session ended before its stream was complete, so the response breaks off.'),
      )
      this.#listener.onOver()
    }
    if (reportsFailedResponses) setTimeout(breakOff, unsentMs)
    else breakOff()
  }

  destroy(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    // Not close(): the runtime would keep waiting for the client to read the last chunk. It may log
    // this error.
    this.#controller.error(new SseError('SESSION_CLOSED', 'A client read too slowly and was disconnected.'))
  }

  /**
   * Called when the client left. Usually the runtime cancels the stream as well; if it does not,
   * nothing must wait for more.
   */
  readonly #onAbort = (): void => {
    this.#controller.close()
    this.#listener.onOver()
  }
}
