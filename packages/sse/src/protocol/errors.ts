/** Every `code` an {@link SseError} can have. */
export type SseErrorCode =
  /** An event, or a line that is not ignored, is longer than `maxEventBytes`. */
  | 'EVENT_TOO_LARGE'
  /** The stream ended inside an event: it broke off, or its last blank line is missing. */
  | 'INCOMPLETE_EVENT'
  /** An ID that is not a string, contains a control character, or is reserved. */
  | 'INVALID_EVENT_ID'
  /** An event type that is not a string, contains CR, LF or NUL, or is reserved. */
  | 'INVALID_EVENT_TYPE'
  /** A reconnection time that is not a whole number of milliseconds, 0 or more. */
  | 'INVALID_RETRY'
  /** Data or a comment that is not a string. */
  | 'INVALID_DATA'
  /**
   * An option, an argument or a member of an event that does not exist, is missing, of the wrong type
   * or out of range.
   */
  | 'INVALID_OPTION'
  /** A received line whose field name the standard does not know. */
  | 'UNKNOWN_FIELD'
  /** `feed()` was called from inside one of the same parser's callbacks. */
  | 'PARSER_BUSY'
  /** The session was closed before or during a send. */
  | 'SESSION_CLOSED'
  /** The session is subscribed to something else, and its client could not resume both. */
  | 'ALREADY_SUBSCRIBED'
  /** A session of more channels than an event ID has places for, or more rooms than there may be. */
  | 'TOO_MANY_CHANNELS'
  /** The application broadcast an event through a closed channel. */
  | 'CHANNEL_CLOSED'
  /** Code other than the session ended its response, such as a framework that should have left it alone. */
  | 'RESPONSE_ENDED'
  /** The application created a session on a response whose headers were already sent. */
  | 'HEADERS_SENT'
  /** Client: there was no response (network, name, CORS), or it broke off. */
  | 'NETWORK_ERROR'
  /** Client: `fetch` refuses the request before sending it, and would refuse it each time. */
  | 'INVALID_REQUEST'
  /** Client: the response is not 200 `text/event-stream`. */
  | 'UNEXPECTED_RESPONSE'
  /** Client: the response body ended, and another attempt follows. */
  | 'STREAM_ENDED'
  /**
   * Client: the server answered 204 or sent the event that ends a complete stream, or the body ended
   * and no further attempt follows.
   */
  | 'STREAM_COMPLETE'
  /** Client: dropped the connection because no byte arrived for `idleTimeoutMs`. */
  | 'IDLE_TIMEOUT'
  /** Client: dropped the connection because `reconnectOn` asked for another one. */
  | 'RECONNECT'
  /** Testing: what a test waits for can no longer come, or did not come in time. */
  | 'WAIT_ENDED'

/**
 * The only class of error that this package throws or reports. Tell cases apart by `code`, never by
 * the message.
 */
export class SseError extends Error {
  readonly code: SseErrorCode

  constructor(code: SseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SseError'
    this.code = code
  }
}
