import { Fifo } from '../../base/fifo.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import type { HistoryPosition } from '../store.ts'
import { toMark } from './replication-protocol.ts'
import type { StreamMessage, UpstreamClient } from './upstream-client.ts'
import { errorOfFailure, type UpstreamError } from './upstream-error.ts'

export interface UpstreamStreamOptions {
  readonly client: UpstreamClient
  readonly epoch: string
  /** Called when there may be something new to take. */
  readonly onMessage: () => void
  /** Called when there is a connection, and when there is none: then with the reason. */
  readonly onConnection: (error?: UpstreamError) => void
}

/** The most messages that wait. The connection is read no further while there are as many. */
const maxWaiting = 16
/** The wait before a new connection, in milliseconds: doubles up to the longest one. */
const backoffMs = { first: 100, most: 5000 }

/**
 * The connection to a hub upstream, and the next one when it is lost. Each begins after the last
 * event that was received.
 */
export class UpstreamStream {
  readonly #options: UpstreamStreamOptions
  readonly #waiting = new Fifo<StreamMessage>()
  /** Everything up to here was received. */
  #received: HistoryPosition | undefined
  #connection = new AbortController()
  #running: Promise<void> | undefined
  #error: UpstreamError | undefined
  #isConnected = false
  #isClosed = false
  #newestPosition: number | undefined
  #heardAt = performance.now()
  #changed = Promise.withResolvers<void>()

  constructor(options: UpstreamStreamOptions) {
    this.#options = options
  }

  /** Whether messages come now, or have come and wait. */
  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Why there is no connection. */
  get error(): UpstreamError | undefined {
    return this.#error
  }

  /** The position of the newest event that the hub upstream is known to have; `undefined` before it was reached. */
  get newestPosition(): number | undefined {
    return this.#newestPosition
  }

  get silentMs(): number {
    return performance.now() - this.#heardAt
  }

  /** Begins, or begins again, after another position. */
  startAfter(mark: HistoryPosition): void {
    this.#received = mark
    this.#isConnected = false
    this.#connection.abort()
    while (this.#waiting.shift()) {}
    this.#change()
    this.#running ??= this.#run()
  }

  /** Takes the next message. */
  take(): StreamMessage | undefined {
    const message = this.#waiting.shift()
    if (message) this.#change()
    return message
  }

  /** The next message, which stays. */
  get next(): StreamMessage | undefined {
    return this.#waiting.at(0)
  }

  /** Resolves when anything has changed, or after this time. */
  async change(timeoutMs: number): Promise<void> {
    await withTimeout(timeoutMs, this.#changed.promise, undefined)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#connection.abort()
    this.#change()
    await this.#running
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosed; ) {
      this.#connection = new AbortController()
      const { signal } = this.#connection
      try {
        for await (const message of this.#options.client.stream(this.#options.epoch, this.#received!, signal)) {
          if (signal.aborted) break
          failures = 0
          this.#onMessage(message)
          while (this.#waiting.length >= maxWaiting && !signal.aborted) await this.#changed.promise
        }
      } catch (error) {
        if (!signal.aborted) this.#onLost(errorOfFailure(this.#options.client.url, error), failures)
      }
      if (signal.aborted) continue
      await this.#backOff(failures, signal)
      failures++
    }
  }

  #onMessage(message: StreamMessage): void {
    this.#heardAt = performance.now()
    const [position] = message.head
    this.#newestPosition = message.type === 'start' ? position : Math.max(this.#newestPosition ?? 0, position)
    if (message.type === 'events') {
      const [last, tag] = message.events.at(-1)!
      this.#received = toMark([last, tag])
    }
    this.#waiting.push(message)
    if (message.type === 'start') {
      this.#isConnected = true
      this.#error = undefined
      this.#options.onConnection()
    }
    this.#change()
    this.#options.onMessage()
  }

  #onLost(error: UpstreamError, failures: number): void {
    this.#isConnected = false
    this.#error = error
    // A stream that ends in order, as each does now and then, is there again at once.
    if (failures > 0 || error.trouble !== 'away') this.#options.onConnection(error)
    this.#change()
  }

  async #backOff(failures: number, signal: AbortSignal): Promise<void> {
    const longest = Math.min(backoffMs.most, backoffMs.first * 2 ** failures)
    // Half of it is random, so that the hubs at the edge do not all return at once.
    const waitMs = Math.max(longest * (0.5 + Math.random() / 2), this.#error?.retryAfterMs ?? 0)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(go, waitMs)
      signal.addEventListener('abort', go, { once: true })
      function go() {
        clearTimeout(timer)
        signal.removeEventListener('abort', go)
        resolve()
      }
    })
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
