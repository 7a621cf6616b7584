/** Every `code` a {@link HubError} can have. */
export type HubErrorCode =
  /** An option, or a member of an event, that does not exist, is missing, of the wrong type or out of range. */
  | 'INVALID_OPTION'
  /** A topic that is missing, empty, `*`, reserved, or contains control or format characters. */
  | 'INVALID_TOPIC'
  /** Data that is not valid text. */
  | 'INVALID_DATA'
  /** An event ID that a publisher may not choose. */
  | 'INVALID_EVENT_ID'
  /** An event ID that another event has. */
  | 'EVENT_ID_TAKEN'
  /** An event type that a publisher may not choose. */
  | 'INVALID_EVENT_TYPE'
  /** A reconnection time that is not a whole number of milliseconds, or longer than a day. */
  | 'INVALID_RETRY'
  /** A subscription without a matcher, or with a matcher that this hub does not know. */
  | 'INVALID_MATCHER'
  /** A request that is not well-formed HTTP, or whose body cannot be read. */
  | 'INVALID_REQUEST'
  /** An idempotency key that is empty, too long, or not plain text. */
  | 'INVALID_IDEMPOTENCY_KEY'
  /** A request whose body took too long to arrive. */
  | 'TIMEOUT'
  /** A request, a body or a field beyond its limit. */
  | 'TOO_LARGE'
  /** More event streams from one address than the limit. */
  | 'TOO_MANY_CONNECTIONS'
  /** More event streams than the hub accepts. */
  | 'HUB_FULL'
  /** More events from one address than it may publish per second. */
  | 'RATE_LIMITED'
  /** A body of a content type that the hub does not accept. */
  | 'UNSUPPORTED_MEDIA_TYPE'
  /** A subscription that is not active, a stream that was never opened, or an unknown path. */
  | 'NOT_FOUND'
  /** The name of a stream that is empty, too long, or not one line of visible text. */
  | 'INVALID_STREAM_NAME'
  /** A stream that another writer has. */
  | 'STREAM_HAS_WRITER'
  /** Another writer has taken over the stream of this one. */
  | 'STREAM_TAKEN_OVER'
  /** A stream that has ended: closed, failed, stopped or lost. */
  | 'STREAM_ENDED'
  /** A stream that ended, and is no longer kept. */
  | 'STREAM_GONE'
  /** More streams are open than the hub accepts. */
  | 'TOO_MANY_STREAMS'
  /** A method that the path does not have. */
  | 'METHOD_NOT_ALLOWED'
  /** A request without valid credentials. */
  | 'UNAUTHORIZED'
  /** A request for something that its token does not grant. */
  | 'FORBIDDEN'
  /** A hub that copies this one asked for another history than it has. */
  | 'OTHER_HISTORY'
  /** The keys that verify tokens are not available at the moment. */
  | 'KEYS_UNAVAILABLE'
  /**
   * A page of another origin requested something that only the hub's own origin and the allowed
   * ones may do.
   */
  | 'ORIGIN_NOT_ALLOWED'
  /** The request was addressed to a host that is not this hub. */
  | 'HOST_NOT_ALLOWED'
  /** No file descriptor is left for new connections. */
  | 'OUT_OF_DESCRIPTORS'
  /** The hub could not listen on its address. */
  | 'LISTEN_FAILED'
  /** The hub is closing or closed. */
  | 'HUB_CLOSED'
  /** The store is closed. */
  | 'STORE_CLOSED'
  /** Another process uses the store's data directory. */
  | 'STORE_LOCKED'
  /**
   * The history that a store replicates no longer has events that were delivered: it was restored from
   * a backup, or lost its end in a failover.
   */
  | 'STORE_DIVERGED'
  /** The store failed. The message says what is known about the event. */
  | 'STORE_FAILED'
  /** A command found no hub at its address. */
  | 'HUB_UNREACHABLE'
  /** A hub refused a command's request. */
  | 'HUB_REFUSED'
  /** `headwater doctor` found nothing that speaks HTTP at a URL. */
  | 'ENDPOINT_UNREACHABLE'

/**
 * The only class of error that this package throws. Tell cases apart by `code`, never by the
 * message.
 */
export class HubError extends Error {
  readonly code: HubErrorCode

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HubError'
    this.code = code
  }
}
