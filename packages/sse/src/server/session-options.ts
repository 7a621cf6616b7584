import { SseError } from '../protocol/index.ts'
import type { ContentCoding } from './content-coding.ts'

/** What to do with an event for a client that already has `maxUnsentBytes` to read. */
export type WhenFull = 'disconnect' | 'drop' | 'wait'

/** Headers of the response. `undefined` values are left out. */
export type ResponseHeaders = Headers | Readonly<Record<string, string | number | readonly string[] | undefined>>

/** Times are in milliseconds and take `Infinity` for "never". */
export interface SessionOptions {
  /**
   * Headers to add to, or to put in place of, those a session sends by itself (`Cache-Control: no-cache, no-transform`,
   * `X-Accel-Buffering: no`). What middleware set on a Node response before is kept.
   */
  headers?: ResponseHeaders | undefined
  /**
   * How long nothing may be sent before a comment is, so that no proxy takes the connection for dead. Default 10000; on
   * Bun 5000, where a response idle for its default of 10 seconds is cut. `authorize` is asked as often.
   */
  heartbeatMs?: number | undefined
  /**
   * How many bytes may wait for a client that reads too slowly. Default 1048576 (1 MiB), at least 1024. An event is
   * taken as long as fewer than this many wait, so that one of any size gets through.
   */
  maxUnsentBytes?: number | undefined
  /**
   * What happens to an event beyond `maxUnsentBytes`. Default `disconnect`: the session ends as `too-slow` after what
   * it accepted before, and the client comes back and resumes from its last event ID.
   * - `drop`: the oldest events not yet on their way are dropped, without a trace. For values of which only the newest
   *   count.
   * - `wait`: everything is kept. For producers that await each `send`; one that does not will fill the memory.
   */
  whenFull?: WhenFull | undefined
  /**
   * How long bytes may wait without any progress. Default 30000. A computer that went to sleep neither reads nor closes
   * its connections.
   */
  stallTimeoutMs?: number | undefined
  /**
   * The longest a session lasts. Default `Infinity`. Set it below the limit of a serverless platform: it ends cleanly,
   * up to a tenth earlier so that sessions begun together do not all end together, and the client resumes, after `retryMs` and up to
   * as much again.
   */
  maxDurationMs?: number | undefined
  /**
   * The reconnection time told to the client at the start. Default 2000. It is always told, because a browser keeps the
   * one that an earlier `drain` set; `null` says nothing.
   */
  retryMs?: number | null | undefined
  /** Aborting it drains the session: one `AbortController` can end every session of a process that stops. */
  drainSignal?: AbortSignal | undefined
  /** Drained clients come back spread over this time, after `retryMs`. Default 5000. */
  drainSpreadMs?: number | undefined
  /**
   * Asked every `heartbeatMs` whether the client may still listen. `false`, an error, or no answer within
   * `stallTimeoutMs` ends the session as `unauthorized`; what the client gets when it reconnects is up to the route.
   */
  authorize?: (() => boolean | Promise<boolean>) | undefined
  /**
   * Takes the connection from Node's HTTP server, for this response and for good: an idle client then takes 3 KB of memory
   * instead of 15, and sending costs less. Its response ends with its connection, so a client cannot tell an end from a
   * break, which to an `EventSource` is the same; `res` and `req` report nothing any more, and limits and timeouts of the
   * server no longer apply. For servers of one's own with many clients. Default false. Has no effect in HTTP/2 and
   * Fetch, where middleware replaced `res.write`, and while the request is still being read: await something first.
   */
  takesConnection?: boolean | undefined
  /**
   * Codes the bytes of this response, for a client that takes it by its `Accept-Encoding`. For one session only. What waits counts as it
   * is coded. Default: none, and middleware that compresses works as it does.
   */
  contentCoding?: ContentCoding | undefined
  /**
   * Gets what a piped source, a producer or `authorize` threw: the client only learns that something failed. Default:
   * it goes to `console.error`.
   */
  onError?: ((error: unknown) => void) | undefined
}

/** Options with every default in place. */
export interface SessionSettings {
  headers: ResponseHeaders
  heartbeatMs: number
  maxUnsentBytes: number
  whenFull: WhenFull
  stallTimeoutMs: number
  maxDurationMs: number
  retryMs: number | null
  drainSignal: AbortSignal | undefined
  drainSpreadMs: number
  authorize: (() => boolean | Promise<boolean>) | undefined
  takesConnection: boolean
  contentCoding: ContentCoding | undefined
  onError: (error: unknown) => void
}

/** Checks options and fills in the defaults. Throws `INVALID_OPTION`. */
export function readSessionOptions(options: SessionOptions): SessionSettings {
  if (typeof options !== 'object' || options === null) {
    throw new SseError('INVALID_OPTION', `The session's options are ${String(options)}, not an object.`)
  }
  if (options.authorize && options.heartbeatMs === Number.POSITIVE_INFINITY) {
    throw new SseError(
      'INVALID_OPTION',
      'authorize is asked every heartbeatMs, and that is Infinity: it would never be.',
    )
  }
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) {
      throw new SseError(
        'INVALID_OPTION',
        `Unknown session option "${name}". There are: ${[...optionNames].join(', ')}.`,
      )
    }
  }
  return {
    headers: objectOf('headers', options.headers) ?? {},
    heartbeatMs: above0('heartbeatMs', options.heartbeatMs ?? (runsOnBun ? 5000 : 10_000)),
    maxUnsentBytes: from1024('maxUnsentBytes', options.maxUnsentBytes ?? 1_048_576),
    whenFull: oneOf('whenFull', options.whenFull ?? 'disconnect', ['disconnect', 'drop', 'wait']),
    stallTimeoutMs: above0('stallTimeoutMs', options.stallTimeoutMs ?? 30_000),
    maxDurationMs: above0('maxDurationMs', options.maxDurationMs ?? Number.POSITIVE_INFINITY),
    retryMs: options.retryMs === null ? null : wholeFrom0('retryMs', options.retryMs ?? 2000),
    drainSignal: signal('drainSignal', options.drainSignal),
    drainSpreadMs: wholeFrom0('drainSpreadMs', options.drainSpreadMs ?? 5000),
    authorize: callable('authorize', options.authorize),
    takesConnection: options.takesConnection === true,
    contentCoding: objectOf('contentCoding', options.contentCoding),
    onError: callable('onError', options.onError) ?? logError,
  }
}

const optionNames: ReadonlySet<string> = new Set<keyof SessionSettings>([
  'headers',
  'heartbeatMs',
  'maxUnsentBytes',
  'whenFull',
  'stallTimeoutMs',
  'maxDurationMs',
  'retryMs',
  'drainSignal',
  'drainSpreadMs',
  'authorize',
  'takesConnection',
  'contentCoding',
  'onError',
])

const runsOnBun = 'Bun' in globalThis

function above0(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a number above 0, or Infinity.`)
  }
  return value
}

/** Less would not even hold the frames by which a session and a channel begin. */
function from1024(name: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 1024)) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a number from 1024 up, or Infinity.`)
  }
  return value
}

function wholeFrom0(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a whole number from 0 up.`)
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
