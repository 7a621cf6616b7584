import type { SseErrorCode } from '../protocol/errors.ts'

/** Where a connection is. */
export type ConnectionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'open'; readonly origin: string }
  | { readonly name: 'waiting'; readonly failure: ConnectionFailure }
  | { readonly name: 'closed'; readonly failure: ConnectionFailure }

/** Why an attempt failed or a connection ended, and what follows. */
export interface ConnectionFailure {
  /**
   * - `REQUEST_FAILED`: no response. A browser tells scripts nothing more: refused by CORS, by the name server or by the
   *   host all look the same here (its console knows). Elsewhere `cause` says which.
   * - `UNEXPECTED_STATUS`, `UNEXPECTED_CONTENT_TYPE`: a response that is no event stream.
   * - `CONNECTION_LOST`: the body broke off. `STREAM_ENDED`: it ended in good order.
   * - `STREAM_COMPLETE`: the server answered 204, or the body ended and no reconnect was to follow.
   * - `IDLE_TIMEOUT`, `PAGE_RETURNED`: dropped from this side because of `idleTimeoutMs`, `reconnectOn`.
   * - `EVENT_TOO_LARGE`: an event beyond `maxEventBytes`.
   * - `UNSUPPORTED_SCHEME`: neither http nor https.
   */
  readonly code: SseErrorCode
  /** What happened, for a person. */
  readonly message: string
  /** The refused response's status. */
  readonly status: number | undefined
  /** The refused response's headers; in a browser only those that CORS exposes. */
  readonly headers: Headers | undefined
  /** The beginning of the refused response's body: at most 4096 characters, and what arrives within a second. */
  readonly body: string | undefined
  /** What was thrown, by `fetch`, by the body or by a `headers` or `body` function. */
  readonly cause: unknown
  /** Whether another attempt follows by itself. */
  readonly willRetry: boolean
  /** Milliseconds from now until that attempt; 0 if there is none. */
  readonly retryDelayMs: number
}
