import type { ConnectionFailure } from './connection-state.ts'

/**
 * What `EventSource` and `events()` share. `withCredentials` is the standard's; everything else is beyond it, and left
 * out means exactly what the standard says.
 */
export interface ConnectionOptions {
  /**
   * Send cookies and HTTP authentication to other origins too, which must then answer
   * `Access-Control-Allow-Credentials: true`. Only browsers keep cookies. Default `false`.
   */
  withCredentials?: boolean | undefined
  /**
   * Request headers, or a function that is called before each attempt, so that a token can be renewed. If it throws or
   * rejects, the attempt has failed like one without network. In a browser on another origin such headers cause a
   * preflight request, which the server must answer.
   *
   * With headers or a body, a reconnect starts from the URL as given and not, as the standard has it, from where a redirect
   * ended: so `fetch` decides anew what may go there, and your token goes to no origin that you did not name.
   */
  headers?:
    | RequestInit['headers']
    | ((context: RequestContext) => RequestInit['headers'] | Promise<RequestInit['headers']>)
  /** Request method. Default `GET`, or `POST` when there is a `body`. Anything but `GET` reconnects only if `retry` is set. */
  method?: string | undefined
  /** Request body, or a function that is called before each attempt: use one for a stream, which can be read only once. */
  body?: RequestInit['body'] | ((context: RequestContext) => RequestInit['body'] | Promise<RequestInit['body']>)
  /** Used instead of the global `fetch`: to go through a proxy, an agent, a test. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Closes the connection when aborted. Already aborted, it never connects. */
  signal?: AbortSignal | undefined
  /** Where to resume: the last event ID kept from an earlier connection. Default (and null): none. */
  lastEventId?: string | null | undefined
  /**
   * How to reconnect. Left out: as the standard says, which is to wait the reconnection time after a lost connection, for as
   * long as it takes, and to give up on any refusal. `{}` turns on every default of {@link RetryPolicy}; `false` means one
   * response and no more.
   */
  retry?: RetryPolicy | false | undefined
  /**
   * Drop the connection and reconnect when no byte, heartbeats included, has come for this many milliseconds, counted from
   * the request. Choose about three heartbeats of the server. Default: never.
   */
  idleTimeoutMs?: number | undefined
  /** The largest event accepted, in bytes. A larger one closes the connection with `EVENT_TOO_LARGE`. Default 104857600 (100 MiB). */
  maxEventBytes?: number | undefined
  /**
   * Reconnects at once when something outside says that the stream may have died unnoticed: `pageReturn`, for a page that
   * came back, or a function of your own. Default: none.
   */
  reconnectOn?: ReconnectTrigger | undefined
  /** Called with each comment (heartbeats are comments), as it is read. */
  onComment?: ((comment: string) => void) | undefined
}

/**
 * Called once, when the connection is made, with a function that makes it again: at once, also if it was waiting to; but not
 * while an attempt is under way, nor if anything came within the last `silentMs` milliseconds (default 0). `signal` is aborted
 * when the connection is closed for good: stop listening then.
 */
export type ReconnectTrigger = (reconnect: (silentMs?: number) => void, signal: AbortSignal) => void

/** The options of `EventSource`. */
export interface EventSourceOptions extends ConnectionOptions {
  /** Called with every event from the server, whatever its type, right after the listeners of that type. */
  onEvent?: ((event: MessageEvent) => void) | undefined
}

/** What a `headers` or `body` function is told about the attempt it prepares. */
export interface RequestContext {
  /** 1 for the first attempt; counts every attempt of this connection's life. */
  attempt: number
  /** What is sent as `Last-Event-ID`; empty when there is none. */
  lastEventId: string
  /** Aborted when the attempt is given up. */
  signal: AbortSignal
  /** Why the attempt before this one ended, e.g. with `status` 401. */
  previous: ConnectionFailure | undefined
}

/**
 * Reconnecting beyond the standard. The wait before a retry is the reconnection time (3000 ms unless the server said
 * `retry:`), or `Retry-After` where that is longer, plus a random part: 0 to `backoffMs` × 2ⁿ (full jitter) after n retries
 * in vain. n starts over once a connection has delivered a byte.
 */
export interface RetryPolicy {
  /** Response statuses worth another attempt. Default `[408, 425, 429, 500, 502, 503, 504]`. */
  statuses?: readonly number[] | undefined
  /** Retries in vain before giving up. Default `Infinity`. */
  maxRetries?: number | undefined
  /** Longest random part of the first wait, in milliseconds; doubles each time. Default 1000. */
  backoffMs?: number | undefined
  /** Longest random part of any wait, in milliseconds. Default 30000. */
  maxBackoffMs?: number | undefined
}
