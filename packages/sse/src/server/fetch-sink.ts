import { SseError } from '../protocol/index.ts'
import { setOwnAlarm } from './alarm.ts'
import { breakOff } from './break-off.ts'
import { isFull, type ReceivingResponse, reportResponse } from './receiving-response.ts'
import type { Ending, Sink, SinkListener } from './sink.ts'

/**
 * A stream that accepts bytes only on request, so that unsent bytes wait in the session, within its
 * bound.
 */
export class FetchSink implements Sink {
  readonly setAlarm = setOwnAlarm
  readonly stream: ReadableStream<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #listener!: SinkListener
  #isAsked = false
  /** The response to which a framework pipes the stream without regard to it. */
  #response: ReceivingResponse | undefined
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
          if (!this.#response || !isFull(this.#response)) this.#onPull()
          else this.#response.once('drain', this.#onPull)
        },
        cancel: () => {
          this.#stopListening()
          this.#listener.onOver()
        },
      },
      { highWaterMark: 0 },
    )
    reportResponse(this.stream, (response) => {
      this.#response = response
      if (response.destroyed) this.#onAbort()
      else response.once('close', this.#onAbort)
    })
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
    this.#stopListening()
    this.#controller.close()
    this.#listener.onOver()
  }

  #breakOff(): void {
    this.#stopListening()
    const fail = () => {
      this.#controller.error(
        new SseError('SESSION_CLOSED', 'The session ended before its stream was complete, so the response breaks off.'),
      )
      // The framework would leave it open.
      if (this.#response) breakOff(this.#response, this.#response.req.httpVersionMajor >= 2)
      this.#listener.onOver()
    }
    if (reportsFailedResponses) setTimeout(fail, unsentMs)
    else fail()
  }

  destroy(): void {
    this.#stopListening()
    // Not close(): the runtime would keep waiting for the client to read the last chunk. It may log
    // this error.
    this.#controller.error(new SseError('SESSION_CLOSED', 'A client read too slowly and was disconnected.'))
    this.#response?.destroy()
  }

  #stopListening(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#response?.off('close', this.#onAbort)
    this.#response?.off('drain', this.#onPull)
  }

  readonly #onPull = (): void => {
    this.#isAsked = true
    if (this.#isBreaking) this.#breakOff()
    else this.#listener.onDrain()
  }

  /**
   * Called when the client left. Usually the runtime cancels the stream as well; if it does not,
   * nothing must wait for more.
   */
  readonly #onAbort = (): void => {
    this.#stopListening()
    this.#controller.close()
    this.#listener.onOver()
  }
}

/**
 * Bun, Deno and workerd report a response that breaks off as a fault of the program. Bun and workerd
 * also drop what they have read of it and not yet sent.
 */
export const reportsFailedResponses =
  'Bun' in globalThis || 'Deno' in globalThis || globalThis.navigator?.userAgent === 'Cloudflare-Workers'
/** How long these runtimes have to send what they have read before the response breaks off. */
const unsentMs = 100
