import type { SseErrorCode } from '../protocol/errors.ts'

/** Where a connection is. */
export type ConnectionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'open'; readonly origin: string }
  /** Lost, for the reason that `failure` tells, and waiting to open again: for the time to try, or for the answer. */
  | { readonly name: 'waiting'; readonly failure: ConnectionFailure }
  /** `failure` says why, unless it was closed from this side. */
  | { readonly name: 'closed'; readonly failure?: ConnectionFailure }

/** Why an attempt failed or a connection ended, and what follows. */
export interface ConnectionFailure {
  /**
   * - `NETWORK_ERROR`: there was no response, or it broke off. `cause` says why, except in browsers, where a refusal by
   *   CORS, an unknown host and a lost network look the same to a script (the console knows).
   * - `UNEXPECTED_RESPONSE`: another status than 200 or another type than `text/event-stream`.
   * - `STREAM_ENDED`: the response ended in good order.
   * - `STREAM_COMPLETE`: the server answered 204, or the response ended and no reconnect was to follow.
   * - `IDLE_TIMEOUT`, `RECONNECT`: dropped from this side because of `idleTimeoutMs`, `reconnectOn`.
   * - `EVENT_TOO_LARGE`: an event beyond `maxEventBytes`.
   */
  readonly code: SseErrorCode
  /** What happened, for a person. */
  readonly message: string
  /** The refused response's status. */
  readonly status?: number | undefined
  /** The refused response's headers; in a browser only those that CORS exposes. */
  readonly headers?: Headers | undefined
  /** The beginning of the refused response's body: at most 4096 characters, and what arrives within a second. */
  readonly body?: string | undefined
  /** What was thrown: by `fetch`, by the response's body, by a `headers` or `body` function. */
  readonly cause?: unknown
  /** Whether another attempt follows by itself. */
  readonly willRetry: boolean
  /** Milliseconds from now until that attempt; 0 if there is none. */
  readonly retryDelayMs: number
}
