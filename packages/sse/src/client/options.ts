import type { EventMap, OnInvalid } from '../protocol/event-map.ts'
import type { ConnectionFailure } from './connection-state.ts'

/**
 * The options that `EventSource` and `events()` share. `withCredentials` is the standard's. The
 * others go beyond it; without them the client does exactly what the standard says.
 */
export interface ConnectionOptions {
  /**
   * Send cookies and HTTP authentication to other origins too, which must then answer
   * `Access-Control-Allow-Credentials: true`. Only browsers keep cookies. Default `false`.
   */
  withCredentials?: boolean | undefined
  /**
   * Request headers, or a function called before each attempt, for example to renew a token. If it
   * throws or rejects, the attempt fails as if there were no network. In a browser, such headers to
   * another origin cause a preflight request, which the server must answer.
   *
   * With `headers`, `body` or `fetch`, a reconnect starts from the given URL, not, as in the
   * standard, from the target of a redirect. So the platform's `fetch` decides again what to send
   * there, and your token goes to no origin that you did not name.
   */
  headers?:
    | RequestInit['headers']
    | ((context: RequestContext) => RequestInit['headers'] | Promise<RequestInit['headers']>)
  /**
   * Called before each attempt for the URL to ask, for example one with a fresh token in its query;
   * a relative URL is resolved against the given one, which stays in the property `url`. If it
   * throws or rejects, the attempt fails as if there were no network.
   */
  url?: ((context: RequestContext) => string | URL | Promise<string | URL>) | undefined
  /**
   * Request method. Default `GET`, or `POST` when there is a `body`. Anything but `GET` reconnects
   * only if `retry` is set.
   */
  method?: string | undefined
  /**
   * Request body, or a function called before each attempt. Use a function for a stream, which can
   * be sent only once: a stream that is given itself is not sent again.
   */
  body?: RequestInit['body'] | ((context: RequestContext) => RequestInit['body'] | Promise<RequestInit['body']>)
  /**
   * Used instead of the global `fetch`, for example for a proxy, an agent or a test. `init.headers`
   * is a plain object with names in lower case, to which yours can be added:
   * `(url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization } })`.
   */
  fetch?: ((url: string, init: FetchInit) => Promise<Response>) | undefined
  /** Closes the connection when aborted. If already aborted, it never connects. */
  signal?: AbortSignal | undefined
  /**
   * Where to resume: the last event ID saved from an earlier connection. Default (and null): none.
   * An ID with a control character, which no header can carry, is kept but not sent.
   */
  lastEventId?: string | null | undefined
  /**
   * How to reconnect. By default as the standard says: wait the reconnection time after a lost
   * connection, without a limit of attempts, and give up on any refusal. `{}` turns on every
   * default of {@link RetryPolicy}; `false` means one response only.
   */
  retry?: RetryPolicy | false | undefined
  /**
   * Drop the connection and reconnect when no byte, not even a heartbeat, has arrived for this many
   * milliseconds, counted from the request. Choose about three heartbeats of the server. Default:
   * never.
   */
  idleTimeoutMs?: number | undefined
  /**
   * The largest event to accept, in bytes. A larger one closes the connection with
   * `EVENT_TOO_LARGE`. Default 104857600 (100 MiB).
   */
  maxEventBytes?: number | undefined
  /**
   * Reconnects at once when something outside signals that the stream may have died unnoticed:
   * `pageReturn`, for a page that becomes visible again, or your own function. Default: none.
   */
  reconnectOn?: ReconnectTrigger | undefined
  /**
   * Called with the response, before the `open` event, each time the connection opens: its status,
   * its URL, its headers (in a browser those that CORS exposes). The client reads its body. A
   * refused response is in the failure.
   */
  onOpen?: ((response: Response) => void) | undefined
  /**
   * Called with each comment (heartbeats are comments), after the events before it have been
   * dispatched or consumed.
   */
  onComment?: ((comment: string) => void) | undefined
  /**
   * Share one connection with the other tabs of the origin: `tabs()` of `@headwater/sse/tabs`. Default:
   * a connection of its own.
   */
  share?: Share | undefined
}

/** What `tabs()` returns. It opens the connection in place of the client. */
export type Share = (url: string, options: object, connect: unknown) => unknown

/** The second argument of a custom `fetch`. Pass all of it on. */
export interface FetchInit extends RequestInit {
  headers: Record<string, string>
}

/**
 * Called once, when the connection is created, with a function that reconnects: at once, even while
 * waiting to; but not while an attempt is in progress, nor if any byte arrived within the last
 * `silentMs` milliseconds (default 0). `signal` is aborted when the connection is permanently
 * closed: stop listening then.
 */
export type ReconnectTrigger = (reconnect: (silentMs?: number) => void, signal: AbortSignal) => void

/** The options of `EventSource`. */
export interface EventSourceOptions<M extends object = object> extends ConnectionOptions {
  /**
   * What events there are, by `defineEvents`: `event.data` is what the map says, in place of the
   * standard's text, and listeners have its type. Types that the map does not have arrive as text.
   * Default: the standard's.
   */
  events?: EventMap<object, M> | undefined
  /**
   * What to do with an event that is not what `events` says. Default `throw`: the connection ends
   * with an `error` event whose code is `INVALID_DATA`. Otherwise the event is not dispatched.
   */
  onInvalid?: OnInvalid | undefined
  /**
   * Called with every event from the server, whatever its type, right after the listeners of that
   * type.
   */
  onEvent?: ((event: MessageEvent) => void) | undefined
}

/** The argument of a `url`, `headers` or `body` function: the attempt it prepares. */
export interface RequestContext {
  /** 1 for the first attempt. Counts every attempt of this connection. */
  attempt: number
  /** The last event ID, sent as `Last-Event-ID`; empty if there is none. */
  lastEventId: string
  /** Aborted when the client gives up the attempt. */
  signal: AbortSignal
  /** Why the previous attempt ended, e.g. with `status` 401. */
  previous: ConnectionFailure | undefined
}

/**
 * Reconnecting beyond the standard. The wait before a retry is the reconnection time
 * (`reconnectionTimeMs` unless the server sent `retry:`), or `Retry-After` if that is longer, plus a random part: 0 to
 * `backoffMs` × 2ⁿ (full jitter) after n failed retries. n starts over once a connection has
 * delivered a byte.
 */
export interface RetryPolicy {
  /** Response statuses worth another attempt. Default `[408, 425, 429, 500, 502, 503, 504]`. */
  statuses?: readonly number[] | undefined
  /** Failed retries before giving up. Default `Infinity`; 0 if `body` is a stream. */
  maxRetries?: number | undefined
  /**
   * The longest random part of the first wait, in milliseconds. Doubles each time. Default 1000.
   */
  backoffMs?: number | undefined
  /** The longest random part of any wait, in milliseconds. Default 30000. */
  maxBackoffMs?: number | undefined
  /** The reconnection time until the server sends `retry:`, in milliseconds. Default 3000. */
  reconnectionTimeMs?: number | undefined
  /**
   * The longest wait that the server can ask for, by `retry:` or `Retry-After`, in milliseconds.
   * Default 2147483647, the most a timer accepts.
   */
  maxReconnectionTimeMs?: number | undefined
  /**
   * Called after each failure and each end, with what the rest of the policy says of it
   * (`willRetry`, `retryDelayMs`). `true` retries and `false` gives up, whatever that is;
   * `undefined` leaves it. If it throws, the client gives up, and the error becomes the `cause`.
   */
  decide?: ((failure: ConnectionFailure) => boolean | undefined) | undefined
}
