/** Every `code` an {@link SseError} can have. */
export type SseErrorCode =
  /** An event, or a single line, is longer than `maxEventBytes`. */
  | 'EVENT_TOO_LARGE'
  /** An ID that is no string, or contains CR, LF or NUL. */
  | 'INVALID_EVENT_ID'
  /** An event type that is no string, contains CR, LF or NUL, or is reserved. */
  | 'INVALID_EVENT_TYPE'
  /** A reconnection time that is no whole number of milliseconds from 0 up. */
  | 'INVALID_RETRY'
  /** Data or a comment that is no string. */
  | 'INVALID_DATA'
  /** An option or argument that is missing, of the wrong type or out of range. */
  | 'INVALID_OPTION'
  /** A received line whose field name the standard does not know. */
  | 'UNKNOWN_FIELD'
  /** `feed()` was called from inside one of the same parser's callbacks. */
  | 'PARSER_BUSY'
  /** The session was closed before, or while, something was sent. */
  | 'SESSION_CLOSED'
  /** Something was broadcast through a channel that was closed. */
  | 'CHANNEL_CLOSED'
  /** A session was asked for on a response whose headers have already gone out. */
  | 'HEADERS_SENT'
  /** Client: there was no response (network, name, CORS), or it broke off. */
  | 'NETWORK_ERROR'
  /** Client: the response is not 200 `text/event-stream`. */
  | 'UNEXPECTED_RESPONSE'
  /** Client: the response body ended, and another attempt is due. */
  | 'STREAM_ENDED'
  /** Client: the server answered 204, or the body ended and no further attempt was to follow. */
  | 'STREAM_COMPLETE'
  /** Client: dropped because no byte came for `idleTimeoutMs`. */
  | 'IDLE_TIMEOUT'
  /** Client: dropped because `reconnectOn` asked for another connection. */
  | 'RECONNECT'

/** The one class of error this package throws or reports. Tell cases apart by `code`, never by the message. */
export class SseError extends Error {
  readonly code: SseErrorCode

  constructor(code: SseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SseError'
    this.code = code
  }
}
