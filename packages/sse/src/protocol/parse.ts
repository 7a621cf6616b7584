import { SseError } from './errors.ts'
import type { ParsedEvent } from './event.ts'

/** What a parser calls, and its limit. */
export interface ParserOptions {
  /** One event, complete. */
  onEvent?: ((event: ParsedEvent) => void) | undefined
  /** One comment line, without its colon and one space after it. */
  onComment?: ((comment: string) => void) | undefined
  /** A new reconnection time in milliseconds, as soon as its line is read; clamped to 2147483647, what a timer can take. */
  onRetry?: ((milliseconds: number) => void) | undefined
  /** A new last event ID, at the end of its block and before `onEvent`, also when the block had no data. `''` resets. */
  onId?: ((id: string) => void) | undefined
  /**
   * `EVENT_TOO_LARGE`, after which everything is ignored until `reset()`; without `onError` it is thrown from `feed()`.
   * `UNKNOWN_FIELD`, `INVALID_RETRY` and `INVALID_EVENT_ID` are diagnostics: the standard ignores such a line, and so do we.
   */
  onError?: ((error: SseError) => void) | undefined
  /** The largest event, and the longest line, accepted. Default 104857600 (100 MiB). */
  maxEventBytes?: number | undefined
}

export interface Parser {
  /** Parses the next piece of the stream, cut anywhere. */
  feed(chunk: Uint8Array | string): void
  /** Forgets everything read so far, the rest of a chunk being fed included: the next chunk begins a new stream. */
  reset(): void
}

/** Makes a parser for one event stream. */
export function createParser(options: ParserOptions): Parser {
  const { onEvent, onComment, onRetry, onId, onError, maxEventBytes = 104857600 } = options
  let decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  let atStart = true
  let afterCr = false
  let failed = false
  let feeding = false
  let generation = 0
  let event = ''
  let id: string | undefined
  let data: string[] = []
  let size = 0

  return { feed, reset }

  function reset(): void {
    generation++
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    rest = event = ''
    atStart = true
    afterCr = failed = false
    id = undefined
    data = []
    size = 0
  }

  function feed(chunk: Uint8Array | string): void {
    if (feeding) throw new SseError('PARSER_BUSY', 'feed() was called from a callback of the same parser.')
    if (failed) return
    feeding = true
    try {
      consume(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    } finally {
      feeding = false
    }
  }

  function consume(chunk: string): void {
    const started = generation
    rest += chunk
    if (atStart && rest !== '') {
      atStart = false
      if (rest.startsWith('\uFEFF')) rest = rest.slice(1)
    }
    if (afterCr && rest !== '') {
      afterCr = false
      if (rest.startsWith('\n')) rest = rest.slice(1)
    }
    for (let match = /\r\n?|\n/.exec(rest); match; match = /\r\n?|\n/.exec(rest)) {
      const text = rest.slice(0, match.index)
      rest = rest.slice(match.index + match[0].length)
      afterCr = match[0] === '\r' && rest === ''
      if (size + text.length > maxEventBytes) {
        tooLarge()
        return
      }
      line(text)
      if (generation !== started) return
    }
    if (size + rest.length > maxEventBytes) tooLarge()
  }

  function tooLarge(): void {
    reset()
    failed = true
    const error = new SseError('EVENT_TOO_LARGE', `An event is larger than maxEventBytes (${maxEventBytes}).`)
    if (!onError) throw error
    onError(error)
  }

  function line(text: string): void {
    if (text === '') {
      dispatch()
      return
    }
    const colon = text.indexOf(':')
    const name = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1))
    if (colon === 0) onComment?.(value)
    else if (name === 'data') data.push(value)
    else if (name === 'event') event = value
    else if (name === 'id') {
      if (!value.includes('\0')) id = value
      else onError?.(new SseError('INVALID_EVENT_ID', 'An id with a NUL character was ignored.'))
    } else if (name === 'retry') {
      if (/^[0-9]+$/.test(value)) onRetry?.(Math.min(+value, 2147483647))
      else onError?.(new SseError('INVALID_RETRY', `retry ${JSON.stringify(value.slice(0, 50))} was ignored.`))
    } else onError?.(new SseError('UNKNOWN_FIELD', `Field ${JSON.stringify(name.slice(0, 50))} was ignored.`))
    if (name === 'data' || name === 'event' || name === 'id') size += text.length + 1
  }

  function dispatch(): void {
    const started = generation
    const parsed = data.length > 0 ? { event: event || undefined, data: data.join('\n'), id } : undefined
    const newId = id
    event = ''
    id = undefined
    data = []
    size = 0
    if (newId !== undefined) onId?.(newId)
    if (parsed && generation === started) onEvent?.(parsed)
  }
}
