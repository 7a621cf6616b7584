import type { SseErrorCode } from '../protocol/errors.ts'

/** The state of a connection. */
export type ConnectionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'open'; readonly origin: string }
  /**
   * Lost, for the reason in `failure`, and waiting to open again: for the next attempt, or for its
   * response.
   */
  | { readonly name: 'waiting'; readonly failure: ConnectionFailure }
  /** `failure` says why, unless the application closed it. */
  | { readonly name: 'closed'; readonly failure?: ConnectionFailure }

/** Why an attempt failed or a connection ended, and what follows. */
export interface ConnectionFailure {
  /**
   * - `NETWORK_ERROR`: there was no response, or it broke off. `cause` says why, except in
   *   browsers, where a CORS refusal, an unknown host and a lost network look the same to a script
   *   (the console shows which).
   * - `INVALID_REQUEST`: `fetch` refuses the request before sending it (its port, a header, a body
   *   that was read before), and would refuse it each time. In browsers a refused port looks like a
   *   lost network. Also for a `fetch` of yours whose response has a body that is no web stream.
   * - `UNEXPECTED_RESPONSE`: another status than 200 or another type than `text/event-stream`.
   * - `STREAM_ENDED`: the response ended normally.
   * - `STREAM_COMPLETE`: the server said that nothing more will come, by an event or by 204, or the
   *   response ended and no reconnect follows.
   * - `INCOMPLETE_EVENT`: the response ended inside an event, and no reconnect follows.
   * - `IDLE_TIMEOUT`, `RECONNECT`: the client dropped the connection because of `idleTimeoutMs`,
   *   `reconnectOn`. With `share`, `RECONNECT` is also that another tab takes the connection over.
   * - `EVENT_TOO_LARGE`: an event beyond `maxEventBytes`.
   */
  readonly code: SseErrorCode
  /** What happened, for people. */
  readonly message: string
  /** The status of the refused response. */
  readonly status?: number | undefined
  /** The headers of the refused response; in a browser only those that CORS exposes. */
  readonly headers?: Headers | undefined
  /**
   * The beginning of the refused response's body: at most 4096 characters that arrive within a
   * second.
   */
  readonly body?: string | undefined
  /**
   * The error thrown by `fetch`, by the response's body, by a `url`, `headers` or `body` function, or
   * by `decide`.
   */
  readonly cause?: unknown
  /** Whether another attempt follows automatically. */
  readonly willRetry: boolean
  /** The milliseconds until that attempt; 0 if there is none. */
  readonly retryDelayMs: number
}
