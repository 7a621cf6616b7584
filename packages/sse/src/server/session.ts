import type { Frame } from '../protocol/index.ts'
import type { CloseReason } from './close-reason.ts'
import type { PipeItem, PipeOptions, PipeResult, PipeSource } from './pipe.ts'
import type { SessionEvent } from './session-event.ts'

/**
 * One open response to one client. It stays open until `close()`, `drain()` or the end of a `pipe()`, until the client
 * leaves, or until one of its limits is reached; that the function that made it returns means nothing.
 *
 * `send`, `write`, `comment` and `retry` return a promise that is fulfilled when the bytes have left for the client
 * (flushed to the socket, or pulled from the stream) and may be forgotten, and rejected with `SESSION_CLOSED` when the
 * session ends before, at once if it already has. That rejection needs no handler: whoever does not await the promise
 * is not interrupted, so that sending to clients who just left is no error. A faulty event rejects like any promise,
 * and does need one.
 */
export interface Session {
  /**
   * What the client says it got last, from `Last-Event-ID` or the query (`lastEventId`, `last_event_id`); `''` if
   * nothing.
   */
  readonly lastEventId: string
  /** Whether anything more can be sent. */
  readonly isOpen: boolean
  /** Aborts when the session stops being open: give it to the query, request or model that produces the events. */
  readonly signal: AbortSignal
  /** Resolves, never rejects, when the response is over and its last bytes have left, with what ended it first. */
  readonly closed: Promise<CloseReason>
  /** Bytes accepted that have not left yet. */
  readonly unsentBytes: number
  /** Events dropped because of `whenFull: 'drop'`. */
  readonly droppedEvents: number
  /** Sends an event. */
  send(event: SessionEvent): Promise<void>
  /** Sends a frame made by `encodeEvent`, `encodeComment` or `encodeRetry`, as it is. Encode once to send to many. */
  write(frame: Frame): Promise<void>
  /**
   * For a source that feeds many sessions at their own pace, like the hub's fan-out: takes bytes made by `frameBytes`,
   * which may be shared, and promises nothing about them. `false` if the session is not open, or no longer.
   */
  offer(bytes: Uint8Array): boolean
  /** Whether a source that can wait should go on: the session is open, and few bytes are waiting. */
  readonly hasRoom: boolean
  /** Calls back, once, when there is room or the session is no longer open. */
  whenRoom(callback: () => void): void
  /** Sends a comment: clients ignore it, proxies and people with `curl` see it. */
  comment(text?: string): Promise<void>
  /** Tells the client to wait so many milliseconds before it reconnects, from now on. */
  retry(milliseconds: number): Promise<void>
  /**
   * Sends everything a source yields, no faster than the client reads, then closes the session. An object is an event;
   * text, numbers, booleans and `null` are the data of one; bytes are decoded as UTF-8 text.
   *
   * If the source fails, the client gets a last event, `onError` the error, and the session is closed. If the client
   * leaves, the source is ended at once. Neither rejects the promise, which says how it ended; only what is no source
   * does, with `INVALID_OPTION`.
   */
  pipe(source: PipeSource<PipeItem>, options?: PipeOptions): Promise<PipeResult>
  pipe<T>(source: PipeSource<T>, options: PipeOptions<T> & { toEvent: (item: T) => SessionEvent }): Promise<PipeResult>
  /**
   * Ends the session for good, after what was sent before: the client's `EventSource` reconnects once, is answered 204
   * and stops. Returns `closed`.
   */
  close(): Promise<CloseReason>
  /**
   * Ends the session for now, after what was sent before: the client is told to come back after `retryMs` and a random
   * part of `drainSpreadMs`, and the connection is given up so that the server can close. Returns `closed`.
   */
  drain(): Promise<CloseReason>
}
