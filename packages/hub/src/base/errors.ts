/** Every `code` a {@link HubError} can have. */
export type HubErrorCode =
  /** An option that is missing, of the wrong type or out of range. */
  | 'INVALID_OPTION'
  /** A topic that is missing, empty, `*`, reserved, or holds control or format characters. */
  | 'INVALID_TOPIC'
  /** Data that is no valid text. */
  | 'INVALID_DATA'
  /** An event ID that a publisher may not choose. */
  | 'INVALID_EVENT_ID'
  /** An event type that a publisher may not choose. */
  | 'INVALID_EVENT_TYPE'
  /** A reconnection time that is no whole number of milliseconds. */
  | 'INVALID_RETRY'
  /** A subscription that selects nothing, or by a matcher this hub does not know. */
  | 'INVALID_MATCHER'
  /** A request that is no well-formed HTTP, or whose body cannot be read. */
  | 'INVALID_REQUEST'
  /** An idempotency key that is empty, too long, or no plain text. */
  | 'INVALID_IDEMPOTENCY_KEY'
  /** A request whose body took too long to arrive. */
  | 'TIMEOUT'
  /** A request, a body or a field past its limit. */
  | 'TOO_LARGE'
  /** More event streams from one address than it may have. */
  | 'TOO_MANY_CONNECTIONS'
  /** More event streams than the hub takes. */
  | 'HUB_FULL'
  /** More events from one address than it may publish in that time. */
  | 'RATE_LIMITED'
  /** A body of a content type the hub does not take. */
  | 'UNSUPPORTED_MEDIA_TYPE'
  /** A subscription that is not active, or a path where nothing is. */
  | 'NOT_FOUND'
  /** A method that the path does not have. */
  | 'METHOD_NOT_ALLOWED'
  /** A request that nobody vouches for. */
  | 'UNAUTHORIZED'
  /** A request for more than it is allowed. */
  | 'FORBIDDEN'
  /** The keys that tokens are checked with cannot be had at the moment. */
  | 'KEYS_UNAVAILABLE'
  /** A page of another origin asked for what only this hub's own origin, and those allowed, may do. */
  | 'ORIGIN_NOT_ALLOWED'
  /** The request was addressed to a host that is not this hub. */
  | 'HOST_NOT_ALLOWED'
  /** The hub could not listen on the address it was given. */
  | 'LISTEN_FAILED'
  /** The hub is closing or closed. */
  | 'HUB_CLOSED'
  /** The store is closed. */
  | 'STORE_CLOSED'
  /** Another process has the store's data directory. */
  | 'STORE_LOCKED'
  /** The store failed; the message says what is known of the event. */
  | 'STORE_FAILED'
  /** A command found no hub at its address. */
  | 'HUB_UNREACHABLE'
  /** A hub answered a command with a refusal. */
  | 'HUB_REFUSED'

/** The one class of error this package throws. Tell cases apart by `code`, never by the message. */
export class HubError extends Error {
  readonly code: HubErrorCode

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HubError'
    this.code = code
  }
}
