import { LogThrottle } from './log-throttle.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export const logFormats = ['text', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

/**
 * All events that a line can report, with their levels. Programs tell lines apart by these names;
 * docs/log.md lists them.
 */
export const logEvents = {
  starting: 'info',
  'store-opened': 'info',
  'unclean-stop': 'warn',
  'events-missing': 'error',
  authorization: 'info',
  limits: 'info',
  ready: 'info',
  'start-failed': 'error',
  request: 'debug',
  'stream-ended': 'debug',
  'token-refused': 'warn',
  'request-refused': 'warn',
  'page-refused': 'warn',
  'browser-full': 'info',
  'connection-refused': 'warn',
  'descriptors-exhausted': 'error',
  'subscriber-too-slow': 'warn',
  'thread-started': 'info',
  'thread-ended': 'error',
  'store-failed': 'error',
  'store-recovered': 'info',
  'store-slow': 'warn',
  'history-trimmed': 'warn',
  'upstream-lost': 'error',
  'upstream-connected': 'info',
  reloaded: 'info',
  'reload-failed': 'error',
  'restart-needed': 'warn',
  'certificate-reloaded': 'info',
  'certificate-failed': 'error',
  caution: 'warn',
  failure: 'error',
  stopping: 'info',
  stopped: 'info',
  'stop-forced': 'error',
} as const satisfies Record<string, LogLevel>

export type LogEvent = keyof typeof logEvents

/**
 * Details of a line for programs that read the log. Never a token, a key, a topic or the data of an
 * event.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface LogOptions {
  /**
   * `text` for people; `json` for programs: an object on each line, with `time`, `level`, `event`,
   * `message` and the fields.
   */
  readonly format: LogFormat
  /** The log leaves out lines below this level. */
  readonly level: LogLevel
  /** Receives each line, including its line break. */
  readonly write: (line: string) => void
  /** Returns the time, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * The operator's log, one line per event. Text from clients can neither start a line nor reorder
 * one.
 */
export class Log {
  level: LogLevel
  readonly #format: LogFormat
  readonly #write: (line: string) => void
  readonly #now: () => number
  readonly #throttle: LogThrottle<LogEvent>

  constructor({ format, level, write, now = Date.now }: LogOptions) {
    this.level = level
    this.#format = format
    this.#write = write
    this.#now = now
    this.#throttle = new LogThrottle((omissions) => {
      for (const { event, client, count } of omissions) {
        const whose = client === undefined ? '' : ` from ${client}`
        const message = `… and ${count.toLocaleString('en')} more (${event})${whose}.`
        this.write(event, message, { omitted: count, address: client })
      }
    })
  }

  /** Whether a line about this event is written. Check it before building a line per request. */
  isLogged(event: LogEvent): boolean {
    return this.#wants(logEvents[event])
  }

  /** Writes a line. */
  write(event: LogEvent, message: string, fields: LogFields = {}): void {
    const level = logEvents[event]
    if (!this.#wants(level)) return
    const time = new Date(this.#now()).toISOString()
    const line =
      this.#format === 'json'
        ? clean(JSON.stringify({ time, level, event, message, ...fields }))
        : [`${time} ${level.padEnd(5)} ${clean(message)}`, ...stackOf(fields)].join('\n    ')
    this.#write(`${line}\n`)
  }

  /**
   * Writes a line that a client can cause as often as it likes: a few per minute, then how many
   * more there were.
   */
  writeThrottled(
    event: LogEvent,
    message: string,
    fields: LogFields & { readonly address?: string | undefined } = {},
  ): void {
    if (this.#wants(logEvents[event]) && this.#throttle.admits(event, fields.address)) {
      this.write(event, message, fields)
    }
  }

  /** Reports the lines left out since the last minute ended. */
  flush(): void {
    this.#throttle.flush()
  }

  #wants(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.level)
  }
}

/**
 * The stack trace of a failure, on indented lines: in text format, an indented line does not start
 * a line of the log.
 */
function stackOf({ stack }: LogFields): string[] {
  if (typeof stack !== 'string') return []
  return stack.split('\n').map((line) => clean(line.trim()))
}

function clean(text: string): string {
  return escapeInvisible(withoutTokens(text))
}

/**
 * Escapes control and format characters and line breaks: a terminal would execute them or hide
 * text. The escape is valid in JSON, too.
 */
function escapeInvisible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (found) => found.split('').map(toEscape).join(''))
}

function toEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/**
 * Removes tokens. No line is made with one, but another library's error message might contain one.
 * Text that only begins like a token is removed, too. Looking for the dot of a token first would
 * cost a text with many such beginnings the square of its length.
 */
function withoutTokens(text: string): string {
  return text.replace(/\beyJ[\w-]{8}[\w.-]*/g, '(a token)')
}
