import { type AnyEvents, SseError } from '../protocol/index.ts'
import type { ContentCoding } from './content-coding.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { dataEncoder, type EncodeData, type EventOptions } from './session-event.ts'

/** What to do with an event for a client with `maxUnsentBytes` waiting. */
export type WhenFull = 'disconnect' | 'drop' | 'wait'

/** Headers of the response. `undefined` values are ignored. */
export type ResponseHeaders = Headers | Readonly<Record<string, string | number | readonly string[] | undefined>>

/** Options of a session. Times are in milliseconds; `Infinity` means "never". */
export interface SessionOptions<M extends object = AnyEvents, State = unknown> extends EventOptions<M> {
  /** What the application knows of the client: `session.state`. Default: `undefined`. */
  state?: State | undefined
  /**
   * Headers to add to, or to replace, those that a session sends by itself
   * (`Cache-Control: no-cache, no-transform`, `X-Accel-Buffering: no`). Headers that middleware set
   * earlier on a Node response stay.
   */
  headers?: ResponseHeaders | undefined
  /**
   * The silence after which the session sends a comment, so that no proxy considers the connection
   * dead. Default 10000; on Bun 5000, which cuts a response that is idle for 10 seconds by default.
   * The session calls `authorize` at the same interval.
   */
  heartbeatMs?: number | undefined
  /**
   * How many bytes may wait for a client that reads too slowly. Default 1048576 (1 MiB), at least 1024.
   * The session accepts an event while fewer bytes than this are waiting, so an event of any size
   * gets through.
   */
  maxUnsentBytes?: number | undefined
  /**
   * What happens to an event beyond `maxUnsentBytes`. Default `disconnect`: the session ends as
   * `too-slow` after sending what it accepted before, and the client reconnects and resumes from
   * its last event ID.
   * - `drop`: drops the oldest unsent events silently. For values of which only the newest count.
   * - `wait`: keeps everything. For producers that await each `send`; one that does not fills the
   *   memory.
   */
  whenFull?: WhenFull | undefined
  /**
   * How long bytes may wait without progress. Default 30000. A computer that went to sleep neither
   * reads nor closes its connections.
   */
  stallTimeoutMs?: number | undefined
  /**
   * The longest duration of a session. Default `Infinity`. Set it below the limit of a serverless
   * platform: the session then ends after a whole event, up to a tenth earlier, so that sessions that began
   * together do not all end together. The client resumes after `retryMs` and up to as much again.
   */
  maxDurationMs?: number | undefined
  /**
   * How a response ends that is not complete: because of `drain`, `maxDurationMs`, `authorize` or a
   * client that is too slow. `break`: the connection closes without the end of the response,
   * because several clients take a response that ended for a stream that is complete. `end`: the
   * response ends like a complete one, for platforms that report a broken response as a fault. An
   * `EventSource` reconnects after both. Default `break`; for `createResponse` in Bun, Deno and
   * workerd, which are such platforms, `end`.
   */
  whenInterrupted?: 'break' | 'end' | undefined
  /**
   * The reconnection time sent to the client at the start. Default 2000. The session always sends
   * it, because a browser keeps the one that an earlier `drain` set; `null` sends none.
   */
  retryMs?: number | null | undefined
  /**
   * Drains the session when aborted: one `AbortController` can end every session of a stopping
   * process.
   */
  drainSignal?: AbortSignal | undefined
  /**
   * The longest time over which drained clients reconnect, after `retryMs`. Those that a channel, a
   * `drainSignal` or a hub drains together reconnect over 2 ms for each, up to this. Default 5000.
   */
  drainSpreadMs?: number | undefined
  /**
   * Called every `heartbeatMs` to check whether the client may still listen. `false`, an error, or
   * no answer within `stallTimeoutMs` ends the session as `unauthorized`. Your route decides what
   * the client gets when it reconnects.
   */
  authorize?: (() => boolean | Promise<boolean>) | undefined
  /**
   * Takes the connection from Node's HTTP server permanently: an idle client then uses 3 KB of
   * memory instead of 15, and sending costs less. The connection ends with its response. `res`
   * and `req` no longer emit events, and limits and timeouts of the server no longer apply. For
   * your own servers with many clients. Default false. Has no effect in HTTP/2 and Fetch, if
   * middleware replaced `res.write`, and while the request is still being read: await something
   * first.
   */
  takesConnection?: boolean | undefined
  /**
   * Encodes the bytes of this response, for a client whose `Accept-Encoding` allows it. For one
   * session only. Waiting bytes count as encoded. Default: none; compression middleware works as
   * usual.
   */
  contentCoding?: ContentCoding | undefined
  /**
   * Receives errors of a piped source, a producer or `authorize`, and `RESPONSE_ENDED`. The client
   * learns only that something failed. Default: `console.error`.
   */
  onError?: ((error: unknown) => void) | undefined
}

/** Options with all defaults. */
export interface SessionSettings {
  headers: ResponseHeaders
  heartbeatMs: number
  maxUnsentBytes: number
  whenFull: WhenFull
  stallTimeoutMs: number
  maxDurationMs: number
  whenInterrupted: 'break' | 'end'
  retryMs: number | null
  drainSignal: AbortSignal | undefined
  drainSpreadMs: number
  authorize: (() => boolean | Promise<boolean>) | undefined
  takesConnection: boolean
  contentCoding: ContentCoding | undefined
  onError: (error: unknown) => void
  encodeData: EncodeData
  state: unknown
}

/** Throws `INVALID_OPTION` for options that no session would accept, before there is one. */
export function checkSessionOptions(options: SessionOptions<object>): void {
  readSessionOptions(options)
}

/** Checks options and adds the defaults, of which one depends on the transport. Throws `INVALID_OPTION`. */
export function readSessionOptions(
  options: SessionOptions<object>,
  whenInterrupted: SessionSettings['whenInterrupted'] = 'break',
): SessionSettings {
  if (typeof options !== 'object' || options === null) {
    throw new SseError('INVALID_OPTION', `The session's options are ${String(options)}, not an object.`)
  }
  refuseUnknownName("a session's options", options, optionNames)
  if (options.authorize && options.heartbeatMs === Number.POSITIVE_INFINITY) {
    throw new SseError(
      'INVALID_OPTION',
      'authorize is called every heartbeatMs, but heartbeatMs is Infinity: it would never be called.',
    )
  }
  return {
    headers: objectOf('headers', options.headers) ?? {},
    heartbeatMs: above0('heartbeatMs', options.heartbeatMs ?? (runsOnBun ? 5000 : 10_000)),
    maxUnsentBytes: from1024('maxUnsentBytes', options.maxUnsentBytes ?? 1_048_576),
    whenFull: oneOf('whenFull', options.whenFull ?? 'disconnect', ['disconnect', 'drop', 'wait']),
    stallTimeoutMs: above0('stallTimeoutMs', options.stallTimeoutMs ?? 30_000),
    maxDurationMs: above0('maxDurationMs', options.maxDurationMs ?? Number.POSITIVE_INFINITY),
    whenInterrupted: oneOf('whenInterrupted', options.whenInterrupted ?? whenInterrupted, ['break', 'end']),
    retryMs: options.retryMs === null ? null : wholeFrom0('retryMs', options.retryMs ?? 2000),
    drainSignal: signal('drainSignal', options.drainSignal),
    drainSpreadMs: wholeFrom0('drainSpreadMs', options.drainSpreadMs ?? 5000),
    authorize: callable('authorize', options.authorize),
    takesConnection: options.takesConnection === true,
    contentCoding: objectOf('contentCoding', options.contentCoding),
    onError: callable('onError', options.onError) ?? logError,
    encodeData: dataEncoder(options),
    state: options.state,
  }
}

const optionNames = namesOf<SessionOptions>({
  headers: true,
  heartbeatMs: true,
  maxUnsentBytes: true,
  whenFull: true,
  stallTimeoutMs: true,
  maxDurationMs: true,
  whenInterrupted: true,
  retryMs: true,
  drainSignal: true,
  drainSpreadMs: true,
  authorize: true,
  takesConnection: true,
  contentCoding: true,
  onError: true,
  events: true,
  onInvalid: true,
  serialize: true,
  state: true,
})

const runsOnBun = 'Bun' in globalThis

function above0(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a number above 0, or Infinity.`)
  }
  return value
}

/** Less would not even hold the first frames of a session and a channel. */
function from1024(name: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 1024)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a number, 1024 or more, or Infinity.`)
  }
  return value
}

function wholeFrom0(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a whole number, 0 or more.`)
  }
  return value
}

function oneOf<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) {
    throw new SseError('INVALID_OPTION', `${name} is ${JSON.stringify(value)}: choose one of ${choices.join(', ')}.`)
  }
  return value
}

function callable<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a function.`)
  }
  return value
}

function objectOf<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && (typeof value !== 'object' || value === null)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be an object or Headers.`)
  }
  return value
}

function signal(name: string, value: AbortSignal | undefined): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be an AbortSignal.`)
  }
  return value
}

function logError(error: unknown): void {
  console.error('headwater: a session failed:', error)
}
