import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Session, SessionOptions } from '@headwater/sse/server'
import type { StreamPipeOptions, StreamPipeResult } from './pipe-into-stream.ts'
import type { StreamSource } from './pipe-source.ts'
import type { StreamEvent } from './stream-reader.ts'
import type { StreamEndKind } from './stream-record.ts'

/** Options of one stream. Those that the writer sets when it opens the stream count. */
export interface StreamOptions {
  /**
   * How long the stream may be silent before it is lost, in milliseconds, from 100 up. The hub renews it
   * for a writer in its process; a producer over HTTP that is slower has to. Default: the hub's, 4,500.
   */
  readonly leaseMs?: number | undefined
  /**
   * How long the stream can be read after its end, in milliseconds; `Infinity`: for as long as the hub's
   * history keeps it. Default: the hub's, `Infinity`.
   */
  readonly retentionMs?: number | undefined
  /**
   * Whether reading it over the hub's own routes takes a right to subscribe to its name. `response()` does
   * not ask: there the program decides. Default: false.
   */
  readonly private?: boolean | undefined
}

/** What is known of a stream. */
export type StreamState =
  | { readonly name: 'none' }
  | { readonly name: 'open'; readonly lastEventId: string; readonly isPrivate: boolean }
  | {
      readonly name: 'ended'
      /** `closed`: it is complete. `lost`: its producer fell silent. */
      readonly how: StreamEndKind
      /** Why, if the writer said. */
      readonly reason?: string | undefined
      readonly lastEventId: string
      readonly isPrivate: boolean
    }
  /** It ended, and its retention is over. */
  | { readonly name: 'gone'; readonly isPrivate: boolean }

/** What was written to a stream up to a point, such as the one where another writer took it over. */
export interface WrittenBefore {
  /** Every event, in order. If the history no longer keeps the first ones, those that it keeps. */
  readonly events: readonly StreamEvent[]
  /** The data of all events without a type, joined. */
  readonly text: string
  /** The bytes of the data of all events, in UTF-8. */
  readonly bytes: number
}

export interface StreamReadOptions {
  /** The ID of the last event that the reader has. Default: none, and it gets everything. */
  readonly after?: string | undefined
  /** Ends the iteration when it aborts, by throwing its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A stream: one writer, many readers, an end. What is written is in the hub's history before the promise
 * resolves, so it outlives its writer, and a reader that comes late or again gets exactly the rest.
 *
 * Writing begins with `open()`, or with the first `write`, `pipe`, `close` or `fail`, and makes this object
 * the stream's one writer. Another object of the same name, here or in another process, can read the stream,
 * stop it, or take it over.
 */
export interface HubStream {
  readonly name: string
  /**
   * Aborts when this object can no longer write: the stream was stopped, lost, ended or taken over, or the
   * hub closes. Pass it to the model's request.
   */
  readonly signal: AbortSignal
  /**
   * Opens the stream for writing. Await it before readers are told the name: until then there is no stream
   * for them.
   *
   * @throws HubError `STREAM_HAS_WRITER`, `STREAM_ENDED`, `STREAM_GONE`, `TOO_MANY_STREAMS`, `HUB_CLOSED`;
   * what the store throws.
   */
  open(): Promise<void>
  /**
   * Makes this object the writer of a stream that is open, in place of the one it has, which can write
   * nothing more: its `signal` aborts, and its writes reject with `STREAM_TAKEN_OVER`. Resolves to what is
   * written so far, to go on after that.
   *
   * @throws HubError `NOT_FOUND`, `STREAM_ENDED`, `STREAM_GONE`; what the store throws.
   */
  takeOver(): Promise<WrittenBefore>
  /**
   * Writes one event, and resolves to its ID once it is stored. Text is sent as it is (line breaks arrive as
   * LF), anything else as JSON.
   *
   * @throws HubError as `open` does; `STREAM_ENDED`, `STREAM_TAKEN_OVER`, `TOO_LARGE`, `INVALID_DATA`,
   * `INVALID_EVENT_TYPE`.
   */
  write(data: unknown, options?: { readonly type?: string | undefined }): Promise<string>
  /**
   * Writes everything that a source yields, each item as one event, then closes the stream. If the source
   * fails, the stream fails. If the stream is stopped or taken over, the source is cancelled. Resolves with
   * how it ended, when all is stored.
   *
   * @throws HubError as `open` does; `INVALID_OPTION` for what is not a source.
   */
  pipe<T>(source: StreamSource<T>, options?: StreamPipeOptions<T>): Promise<StreamPipeResult>
  /** Ends the stream as complete, after all that was written. Rejects as `write` does. */
  close(): Promise<void>
  /** Ends the stream as failed, after all that was written. `reason` is shown to readers. Rejects as `write` does. */
  fail(reason?: string): Promise<void>
  /**
   * Ends the stream at once, whoever writes it: the writer's `signal` aborts. Anybody who has the hub can. Resolves
   * to how the stream ended: `stopped`, or as it had before.
   *
   * @throws HubError `NOT_FOUND`, `STREAM_GONE`; what the store throws.
   */
  stop(reason?: string): Promise<StreamEndKind>
  /** What is known of the stream now. Rejects as the store does. */
  state(): Promise<StreamState>
  /**
   * What is written so far, without waiting for more.
   *
   * @throws HubError `NOT_FOUND`, `STREAM_GONE`; what the store throws.
   */
  written(): Promise<WrittenBefore>
  /**
   * Yields the stream's events until it ends. After `failed`, `stopped` and `lost`, the last one is of type
   * `headwater-ended`, with data `{"how","reason"}`. Leaving the loop stops nothing.
   *
   * @throws HubError `NOT_FOUND`, `STREAM_GONE`, `HUB_CLOSED`; what the store throws.
   */
  read(options?: StreamReadOptions): AsyncGenerator<StreamEvent, void, undefined>
  /**
   * Answers a reader, new, resuming (`Last-Event-ID`) or late, with the event stream; 204 when there is no such
   * stream, which stops an `EventSource`; 410 when its retention is over.
   */
  response(request: Request, options?: SessionOptions): Promise<Response>
  /**
   * The same for `node:http`, Express and the like. Resolves to the session, or to `undefined` if there is
   * nothing to read and the request is answered.
   */
  answer(request: IncomingMessage, response: ServerResponse, options?: SessionOptions): Promise<Session | undefined>
  /** Sends the stream through a session that is open, from its client's last event ID on. Ends with it. */
  subscribe(session: Session): void
}
