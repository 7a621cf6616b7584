import { check } from '../protocol/check.ts'
import { SseError } from '../protocol/errors.ts'
import { assertEventOptions, type EventMap, type OnInvalid } from '../protocol/event-map.ts'
import { namesOf, refuseUnknownName } from '../protocol/names.ts'
import { GAP_EVENT_TYPE, type Gap } from '../protocol/signals.ts'
import { connect } from './connection.ts'
import { ConnectionError } from './connection-error.ts'
import type { ConnectionState } from './connection-state.ts'
import type { ConnectionOptions, RetryPolicy } from './options.ts'

/**
 * One event of a stream: a union over the event map, told apart by `type`.
 *
 * The map is your claim about what the server sends. Events of other types arrive as well, with a
 * string as data, because a server may send new types later: let a `switch` ignore unknown types.
 */
export type StreamEvent<M extends object> = {
  [Type in keyof M & string]: {
    /** The event type; `message` if the server sent none. */
    readonly type: Type
    readonly data: M[Type]
    /**
     * The last event ID in force. Save it, and pass it as the option `lastEventId` to resume after
     * this event.
     */
    readonly lastEventId: string
  }
}[keyof M & string]

/**
 * A parser for each event type whose data is not a plain string, e.g. `{ tick: JSON.parse }` or
 * `{ tick: schema.parse }`.
 */
export type EventParsers<M extends object> = {
  [Type in keyof M as string extends M[Type] ? never : Type]: (data: string) => M[Type]
} & { [Type in keyof M]?: (data: string) => M[Type] }

export interface EventsOptions<M extends object = Record<string, string>> extends ConnectionOptions {
  /**
   * What events there are, by `defineEvents`: their data arrives as the map says. Types that the map
   * does not have arrive as text. Default: all data is text, but for `parse`.
   */
  events?: EventMap<object, M> | undefined
  /**
   * What to do with an event that is not what `events` says. Default `throw`: the stream ends with
   * `INVALID_DATA`. Otherwise it goes on after the event.
   */
  onInvalid?: OnInvalid | undefined
  /**
   * Parses the data of events, by event type. If a parser throws, the stream ends with
   * `INVALID_DATA`.
   */
  parse?: EventParsers<M> | undefined
  /**
   * Called with a gap: part of what was missed is gone from the server's history, and what is left of
   * it follows. Without it, a gap is an event of type `headwater-gap` like any other.
   */
  onGap?: ((gap: Gap, lastEventId: string) => void) | undefined
  /**
   * Called when the connection opens, is lost and will be retried (with the failure), or ends
   * permanently.
   */
  onState?: ((state: ConnectionState) => void) | undefined
}

export interface EventStream<M extends object = Record<string, string>> extends AsyncIterable<StreamEvent<M>> {
  readonly url: string
  /** The current state of the connection. */
  readonly state: ConnectionState
  /** The last event ID after the last consumed event: the ID to resume from. */
  readonly lastEventId: string
  next(): Promise<IteratorResult<StreamEvent<M>, undefined>>
  /** Called when a `for await` loop is left. */
  return(): Promise<IteratorResult<StreamEvent<M>, undefined>>
  /** Ends the iteration and the connection. */
  close(): void
  [Symbol.asyncIterator](): EventStream<M>
}

/**
 * Connects to an event stream, and iterates over its events across reconnects.
 *
 * It connects when the consumer asks for the first event, and reads no further ahead than the
 * consumer has come: a slow consumer slows the server down instead of filling memory. Leaving the
 * loop closes the connection.
 *
 * The iteration ends when the server says that the stream is complete (by an event, or by 204). If no reconnect
 * follows (`retry: false`, or another method than GET without a `retry` policy), it ends with the
 * response, and throws `INCOMPLETE_EVENT` if that ends inside an event.
 *
 * @throws {DOMException} `SyntaxError`, at once, for an invalid URL. A relative URL needs a
 * document or a worker as its base.
 * @throws {SseError} `INVALID_OPTION`, at once. `INVALID_DATA` while iterating: a parser failed,
 * whose error is the `cause`, or data is not what `events` says.
 * @throws {ConnectionError} while iterating, if the connection failed permanently in any other way.
 * See `ConnectionFailure`.
 * @throws The reason of `signal`, while iterating, once it is aborted.
 */
export function events<M extends object>(
  url: string | URL,
  options: EventsOptions<M> & { events: EventMap<object, M>; parse?: undefined },
): EventStream<M>
export function events<M extends Record<keyof M, string> = Record<string, string>>(
  url: string | URL,
  options?: EventsOptions<M>,
): EventStream<M>
export function events<M extends object>(
  url: string | URL,
  options: EventsOptions<M> & { parse: EventParsers<M> },
): EventStream<M>
export function events(url: string | URL, options: EventsOptions = {}): EventStream {
  refuseUnknownName("events()'s options", options, optionNames, otherOptionWords)
  const { events: map, onGap, onInvalid, onState, parse, retry, signal } = options
  refuseUnknownName('retry', Object(retry), retryNames, otherRetryWords)
  assertEventOptions(options)
  if (map && parse)
    throw new SseError('INVALID_OPTION', 'parse has no effect beside events, which has a parser for each type.')
  const connection = connect(url, options)
  const parsers = Object.fromEntries(Object.entries(parse ?? {}).map(([type, parser]) => [`parse.${type}`, parser]))
  check({ onGap, onState, ...parsers }, 'function')
  const iterator = iterate()
  let state: ConnectionState = { name: 'connecting' }
  return {
    url: connection.url,
    get state(): ConnectionState {
      return connection.signal.aborted && state.name !== 'closed' ? { name: 'closed' } : state
    },
    get lastEventId() {
      return connection.lastEventId
    },
    close: connection.close,
    next: () => iterator.next(),
    return() {
      connection.close()
      return iterator.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }

  async function* iterate(): AsyncGenerator<StreamEvent<Record<string, string>>, undefined, void> {
    try {
      for await (const steps of connection.steps) {
        for (const step of steps) {
          if (connection.signal.aborted) break
          if (typeof step === 'function') {
            // A separate microtask keeps its errors away from the stream and reports them to the
            // host.
            queueMicrotask(step)
          } else if ('data' in step) {
            const { type, data, lastEventId } = step
            connection.lastEventId = lastEventId
            if (onGap && type === GAP_EVENT_TYPE) onGap(JSON.parse(data) as Gap, lastEventId)
            else {
              const parsed = map ? map.decode(type, data, onInvalid) : { data: parseData(type, data) }
              if (parsed) yield { type, data: parsed.data as string, lastEventId }
            }
          } else {
            state = step
            onState?.(step)
            if (step.name === 'closed' && step.failure && step.failure.code !== 'STREAM_COMPLETE')
              throw new ConnectionError(step.failure)
          }
        }
      }
      // Not by its method, which React Native's signals do not have; nor have they a reason.
      if (signal?.aborted) throw signal.reason ?? Object.assign(new Error('Aborted'), { name: 'AbortError' })
    } finally {
      connection.close()
    }
  }

  function parseData(type: string, data: string): string {
    if (!parse || !Object.hasOwn(parse, type)) return data
    try {
      return parse[type]!(data)
    } catch (cause) {
      throw new SseError(
        'INVALID_DATA',
        `The data of an event of type ${JSON.stringify(type)} did not parse: ${cause}`,
        {
          cause,
        },
      )
    }
  }
}

const optionNames = /* @__PURE__ */ namesOf<EventsOptions>({
  withCredentials: true,
  headers: true,
  url: true,
  method: true,
  body: true,
  fetch: true,
  signal: true,
  lastEventId: true,
  retry: true,
  idleTimeoutMs: true,
  maxEventBytes: true,
  reconnectOn: true,
  share: true,
  onOpen: true,
  onComment: true,
  events: true,
  onInvalid: true,
  parse: true,
  onGap: true,
  onState: true,
})

const otherOptionWords = {
  onerror: 'onState',
  onclose: 'onState',
  ondisconnect: 'onState',
  onconnect: 'onOpen',
  timeout: 'idleTimeoutMs',
  heartbeattimeout: 'idleTimeoutMs',
  maxbuffersize: 'maxEventBytes',
  reconnect: 'retry',
  since: 'lastEventId',
  schema: 'events',
  schemas: 'events',
}

const retryNames = /* @__PURE__ */ namesOf<RetryPolicy>({
  statuses: true,
  maxRetries: true,
  backoffMs: true,
  maxBackoffMs: true,
  reconnectionTimeMs: true,
  maxReconnectionTimeMs: true,
  decide: true,
})

const otherRetryWords = {
  retries: 'maxRetries',
  attempts: 'maxRetries',
  maxattempts: 'maxRetries',
  backoff: 'backoffMs',
  delay: 'reconnectionTimeMs',
  reconnectinterval: 'reconnectionTimeMs',
  maxdelay: 'maxBackoffMs',
}
