import { SseError, type SseErrorCode } from './errors.ts'
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
  /**
   * The largest event, and the longest line, accepted. Default 104857600 (100 MiB). Counted as decoded text, in UTF-16 code
   * units: as many as bytes where all is ASCII and fewer elsewhere, so that an event of this many bytes always passes.
   */
  maxEventBytes?: number | undefined
}

/** A parser of one event stream at a time: [HTML] 9.2.5 "Parsing an event stream", 9.2.6 "Interpreting an event stream". */
export interface Parser {
  /**
   * Parses the next piece of the stream, cut anywhere: bytes, which may be cut inside a character, or text. What a callback
   * throws comes out of here; the rest of the piece is not lost, but parsed with the next one.
   *
   * @throws SseError `EVENT_TOO_LARGE` without `onError`; `PARSER_BUSY` from inside a callback; `INVALID_OPTION` for what is
   * neither bytes nor text.
   */
  feed(chunk: Uint8Array | string): void
  /** Forgets everything read so far, the rest of a chunk being fed included: the next chunk begins a new stream. */
  reset(): void
}

const LF = 10
const SPACE = 32
const COLON = 58
const STREAM = { stream: true }

/** How many data lines wait to be joined. Many small strings take many times the memory of one, and each may hold on to its chunk. */
const MAX_LOOSE_LINES = 128

/**
 * Makes a parser for one event stream. Time is linear and memory bounded whatever comes in whatever pieces.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createParser(options: ParserOptions): Parser {
  checkOptions(options)
  const { feed, reset } = startParser(options)
  return {
    feed(chunk) {
      if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk))
        throw invalid('A chunk', chunk, 'a Uint8Array or a string')
      feed(chunk)
    },
    reset,
  }
}

/** The parser itself, for callers whose arguments the compiler has checked. */
export function startParser(options: ParserOptions): Parser {
  const { onEvent, onComment, onRetry, onId, onError, maxEventBytes = 104857600 } = options

  // Of the stream.
  let wholeDecoder: TextDecoder
  let cutDecoder: TextDecoder
  /** Whether the decoder may hold the first bytes of a character. */
  let isCut: boolean
  let isAtStart: boolean
  /** The last chunk ended in a CR; an LF now would be the rest of that line end. */
  let isAfterCr: boolean
  let hasFailed: boolean
  /** What was not parsed because a callback threw. */
  let unparsed: string
  /** The pieces of a line whose end has not come yet. */
  let line: string[]
  let lineLength: number

  // Of the block, which a blank line will end.
  /** How long its lines are so far. 0 before the first field. */
  let size: number
  /** The first line of data, and the further ones. */
  let data: string | undefined
  let moreData: string[] = []
  let event: string | undefined
  let id: string | undefined

  let isFeeding = false
  /** Counts up so that whoever called a callback sees that it called `reset()`. */
  let resets = 0

  reset()
  return { feed, reset }

  function reset(): void {
    resets++
    // A mark of byte order is dropped below, where text may have one too.
    wholeDecoder = new TextDecoder('utf-8', { ignoreBOM: true })
    cutDecoder = new TextDecoder('utf-8', { ignoreBOM: true })
    isAtStart = true
    isCut = isAfterCr = hasFailed = false
    unparsed = ''
    line = []
    lineLength = 0
    clearBlock()
  }

  function clearBlock(): void {
    size = 0
    data = event = id = undefined
    if (moreData.length > 0) moreData = []
  }

  function feed(chunk: Uint8Array | string): void {
    if (isFeeding) {
      throw new SseError('PARSER_BUSY', 'feed() was called by a callback of the same parser: call it later')
    }
    if (hasFailed) return
    isFeeding = true
    try {
      const text = typeof chunk === 'string' ? chunk : decode(chunk)
      // [spec] "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
      const begin = (isAtStart && text.charCodeAt(0) === 0xfeff) || (isAfterCr && text.charCodeAt(0) === LF) ? 1 : 0
      if (text !== '') isAtStart = isAfterCr = false
      parse(unparsed === '' ? text : unparsed + text.slice(begin), unparsed === '' ? begin : 0)
    } finally {
      isFeeding = false
    }
  }

  /** A decoder told that more may follow is many times slower in Node, so only where a character may be cut in two. */
  function decode(chunk: Uint8Array): string {
    const endsInAscii = (chunk[chunk.length - 1] as number) < 128
    if (endsInAscii && !isCut) return wholeDecoder.decode(chunk)
    isCut = !endsInAscii
    return cutDecoder.decode(chunk, STREAM)
  }

  function parse(text: string, begin: number): void {
    const began = resets
    const { length } = text
    let at = begin
    // Where the next LF and the next CR are; `length` when there is none. Both kept, so that none is looked for twice.
    let lf = -1
    let cr = -1
    unparsed = ''
    try {
      while (at < length) {
        if (lf < at) {
          lf = text.indexOf('\n', at)
          if (lf < 0) lf = length
        }
        if (cr < at) {
          cr = text.indexOf('\r', at)
          if (cr < 0) cr = length
        }
        const start = at
        const end = lf < cr ? lf : cr
        at = end + 1
        if (end === length) {
          hold(text.slice(start))
          return
        }
        if (end === cr) {
          if (at === length) isAfterCr = true
          else if (lf === at) at++
        }

        const first = text.charCodeAt(start)
        if (size + lineLength + end - start > maxEventBytes) {
          fail()
        } else if (lineLength > 0) {
          line.push(text.slice(start, end))
          const joined = line.join('')
          line = []
          lineLength = 0
          readLine(joined)
        } else if (start === end) {
          dispatch(moreData.length > 0 ? `${data}\n${moreData.join('\n')}` : data)
        } else if (
          first === 100 &&
          text.charCodeAt(start + 1) === 97 &&
          text.charCodeAt(start + 2) === 116 &&
          text.charCodeAt(start + 3) === 97 &&
          text.charCodeAt(start + 4) === COLON
        ) {
          const value = text.slice(start + (text.charCodeAt(start + 5) === SPACE ? 6 : 5), end)
          if (data === undefined && text.charCodeAt(at) === LF) {
            // The only line of data, as in most events: dispatched without a detour by the block.
            at++
            dispatch(value)
          } else addData(value, end - start)
        } else if (first === 101 && text.startsWith('vent:', start + 1)) {
          setEvent(text.slice(start + (text.charCodeAt(start + 6) === SPACE ? 7 : 6), end), end - start)
        } else if (first === 105 && text.startsWith('d:', start + 1)) {
          setId(text.slice(start + (text.charCodeAt(start + 3) === SPACE ? 4 : 3), end), end - start)
        } else readLine(text.slice(start, end))
        if (resets !== began) return
      }
    } finally {
      if (at < length && resets === began) unparsed = text.slice(at)
    }
  }

  function hold(piece: string): void {
    line.push(piece)
    lineLength += piece.length
    if (size + lineLength > maxEventBytes) fail()
  }

  function fail(): void {
    reset()
    hasFailed = true
    const error = new SseError('EVENT_TOO_LARGE', `An event is larger than maxEventBytes (${maxEventBytes}).`)
    if (!onError) throw error
    onError(error)
  }

  function readLine(text: string): void {
    // [spec] "If the line starts with a colon: ignore the line." "If the line contains a colon: collect the characters before
    // the first one as field, those after it as value; if value starts with a space, remove it." "Otherwise: process the field
    // using the whole line as the field name, and the empty string as the field value."
    const colon = text.indexOf(':')
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + (text.charCodeAt(colon + 1) === SPACE ? 2 : 1))
    if (colon === 0) onComment?.(value)
    else if (field === 'data') addData(value, text.length)
    else if (field === 'event') setEvent(value, text.length)
    else if (field === 'id') setId(value, text.length)
    else if (field === 'retry' && /^[0-9]+$/.test(value)) onRetry?.(Math.min(+value, 2147483647))
    else if (field === 'retry') ignore('INVALID_RETRY', 'retry', value)
    else ignore('UNKNOWN_FIELD', 'field', field)
  }

  function addData(value: string, length: number): void {
    size += length + 1
    if (data === undefined) data = value
    else if (moreData.push(value) > MAX_LOOSE_LINES) moreData[0] += `\n${moreData.splice(1).join('\n')}`
  }

  function setEvent(value: string, length: number): void {
    size += length + 1
    event = value || undefined
  }

  function setId(value: string, length: number): void {
    // [spec] "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise,
    // ignore the field."
    if (value.includes('\0')) {
      ignore('INVALID_EVENT_ID', 'id with NUL', value)
      return
    }
    size += length + 1
    id = value
  }

  /** [spec] "Otherwise: The field is ignored." Making an error takes its time: only where somebody wants it. */
  function ignore(code: SseErrorCode, what: string, text: string): void {
    onError?.(new SseError(code, `Ignored ${what} ${JSON.stringify(text.slice(0, 40))}`))
  }

  /** [spec] "Dispatch the event": with this data, or without an event if there is none. */
  function dispatch(value: string | undefined): void {
    const began = resets
    const type = event
    const newId = id
    if (size > 0) clearBlock()
    if (newId !== undefined) onId?.(newId)
    if (value !== undefined && resets === began) onEvent?.({ event: type, data: value, id: newId })
  }
}

function checkOptions(options: ParserOptions): void {
  if (Object(options) !== options || typeof options === 'function') {
    throw invalid('The argument of createParser', options, 'an object, such as createParser({ onEvent: (event) => … })')
  }
  for (const [name, value] of Object.entries(options)) {
    const isLimit = name === 'maxEventBytes'
    if (value !== undefined && (isLimit ? !(typeof value === 'number' && value >= 0) : typeof value !== 'function')) {
      throw invalid(name, value, isLimit ? 'a number from 0 up' : 'a function')
    }
  }
}

function invalid(what: string, value: unknown, expected: string): SseError {
  return new SseError('INVALID_OPTION', `${what} is ${String(value)}. Give ${expected}.`)
}
