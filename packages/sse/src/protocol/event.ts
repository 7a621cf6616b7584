/**
 * One event from a parser: a block of an event stream that ended in a blank line and had data.
 *
 * [HTML, 9.2.6 "Interpreting an event
 * stream"](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)
 */
export interface ParsedEvent {
  /**
   * The event type, or `undefined` if the block has none (or reset it with an empty `event:`). An
   * `EventSource` dispatches such an event as `message`.
   */
  type: string | undefined
  /**
   * The values of the block's `data` lines, joined by LF. May be empty: `data:` alone is an event
   * with empty data.
   */
  data: string
  /**
   * The last event ID, only if *this block* set one; an empty string resets it, so no
   * `Last-Event-ID` is sent. `undefined` means that the block set none and an earlier ID stays in
   * force. The parser does not carry it over.
   */
  id: string | undefined
}

/** One event for an encoder. */
export interface EventInit {
  /**
   * The text of the event. Line breaks (CRLF, CR, LF) are sent as several `data` lines and arrive
   * as LF.
   */
  data: string
  /**
   * The event type: one line. Without it (or with an empty one), `message` listeners get the event.
   */
  type?: string | undefined
  /**
   * The event's ID, which the client keeps as its last event ID: one line without control
   * characters. An empty string resets the client's.
   */
  id?: string | undefined
  /** The reconnection time in whole milliseconds that the client uses from now on. */
  retry?: number | undefined
  /**
   * A comment written before the event. Clients ignore it; people who read the stream with `curl`
   * do not.
   */
  comment?: string | undefined
}
