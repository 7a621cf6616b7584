import type { AnyEvents, Frame } from '../protocol/index.ts'
import type { CloseReason } from './close-reason.ts'
import type { DrainOptions } from './drain-options.ts'
import type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
import type { SessionEvent } from './session-event.ts'

/**
 * One open response to one client. It stays open until `close()`, `drain()` or the end of a
 * `pipe()`, until the client leaves, or until it reaches one of its limits. It stays open when the
 * function that created it returns.
 *
 * `send`, `write`, `comment` and `retry` return a promise that resolves when the data has been
 * handed to the network (flushed to the socket, or pulled from the stream). It rejects with
 * `SESSION_CLOSED` if the session ends before that, or at once if it already has. That rejection
 * needs no handler: code that does not await the promise is not interrupted, so sending to clients
 * that just left is not an error. These methods and `pipe` throw at once for an argument that is
 * wrong.
 */
export interface Session<M extends object = AnyEvents, State = unknown> {
  /**
   * What the application knows of the client, such as its user: the option `state`, and what the
   * application sets later. Channels give it to filters.
   */
  state: State
  /**
   * The last event ID that the client sent, from `Last-Event-ID` or the query (`lastEventId`,
   * `last_event_id`); `''` if none.
   */
  readonly lastEventId: string
  /**
   * Whether the client says that it is an `EventSource`: a GET whose `Accept` is `text/event-stream`
   * alone. Such a client reconnects when the response ends.
   */
  readonly isEventSource: boolean
  /** Whether the session still accepts data. */
  readonly isOpen: boolean
  /**
   * Aborts when the session is no longer open. Pass it to the query, request or model that produces
   * the events.
   */
  readonly signal: AbortSignal
  /**
   * Resolves with the reason when the response has ended and its last bytes are sent. Never
   * rejects.
   */
  readonly closed: Promise<CloseReason>
  /** The number of accepted bytes that are not sent yet. */
  readonly unsentBytes: number
  /** The number of events dropped because of `whenFull: 'drop'`. */
  readonly droppedEvents: number
  /**
   * Sends an event. A gap or position that another Headwater sent is passed on, and the end of its
   * stream is left out.
   */
  send(event: SessionEvent<M>): Promise<void>
  /**
   * Sends a frame made by `encodeEvent`, `encodeComment` or `encodeRetry` unchanged. Encode once to
   * send to many.
   */
  write(frame: Frame): Promise<void>
  /** Sends a comment. Clients ignore it; proxies and people with `curl` see it. */
  comment(text?: string): Promise<void>
  /** Sets the client's reconnection time in milliseconds. */
  retry(milliseconds: number): Promise<void>
  /**
   * Sends everything that a source yields, no faster than the client reads, then closes the
   * session. An object is an event; text, numbers, booleans and `null` are the data of one; bytes
   * are decoded as UTF-8 text.
   *
   * If the source fails, `onError` gets the error and the response is broken off: every client knows
   * that it is not complete, and an `EventSource` comes back with its last event ID. If the client
   * leaves, the source is stopped at once. Neither rejects the promise, which resolves with how the
   * pipe ended. If this is not a source, `pipe` throws `INVALID_OPTION` and breaks the response off.
   *
   * An Observable cannot wait for a slow client: `whenFull` says what happens to its events beyond
   * `maxUnsentBytes`, as it does for `send`.
   *
   * The stream of another Headwater can be passed on, gaps included: `pipe(events(hubUrl))`,
   * `pipe(readEvents(response.body))`.
   */
  pipe(source: PipeSource<PipeItem<M>>, options?: Omit<PipeOptions<PipeItem<M>, M>, 'toEvent'>): Promise<PipeResult>
  pipe<T>(
    source: PipeSource<T>,
    options: PipeOptions<T, M> & { toEvent: (item: T) => SessionEvent<M> },
  ): Promise<PipeResult>
  /**
   * Ends the session permanently, after everything sent before. For an `EventSource`, which would
   * reconnect, a last event says so: ours stops at once, a native one reconnects once and gets 204.
   * Returns `closed`.
   */
  close(): Promise<CloseReason>
  /**
   * Ends the session for now, after everything sent before: tells the client to reconnect after
   * `retryMs` and a random part of `drainSpreadMs`, or of less for few sessions (`among`), and breaks
   * the connection off (see `whenInterrupted`) so that the server can stop. Returns `closed`.
   *
   * @throws SseError `INVALID_OPTION`
   */
  drain(options?: DrainOptions): Promise<CloseReason>
}

/** A session of any events, for what does not send through its typed methods. */
export type AnySession<State = unknown> = Omit<Session<AnyEvents, State>, 'send' | 'pipe'>
