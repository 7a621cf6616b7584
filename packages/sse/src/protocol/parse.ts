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

const STREAM = { stream: true }

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
  let decoder: TextDecoder
  let isAtStart: boolean
  /** The last chunk ended in a CR; an LF now would be the rest of that line end. */
  let isAfterCr: boolean
  let hasFailed: boolean
  /** What was not parsed because a callback threw. */
  let unparsed: string
  /** The pieces of a line whose end has not come yet, and their length. */
  let line: string[]
  let lineLength: number

  // Of the block, which a blank line will end.
  /** How long its fields are so far, line ends included. */
  let size: number
  /** The first line of data, and the further ones. */
  let data: string | undefined
  let moreData: string[]
  let event: string | undefined
  let id: string | undefined

  let isFeeding = false
  /** Counts up so that whoever called a callback sees that it called `reset()`. */
  let resets = 0

  reset()
  return { feed, reset }

  function reset(): void {
    resets++
    // A byte order mark is dropped below, where text may have one too.
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    isAtStart = true
    isAfterCr = hasFailed = false
    unparsed = ''
    line = ['']
    moreData = ['']
    lineLength = size = 0
    data = event = id = undefined
  }

  // One long function, on purpose: with the block in its local variables, and the three usual fields told by their
  // characters on the spot, it is a tenth (LF) to a third (CRLF) faster than a function for each line was.
  function feed(chunk: Uint8Array | string): void {
    // The module's constants would be loaded each time they are compared with; these are compiled in.
    const LF = 10
    const CR = 13
    const SPACE = 32
    const COLON = 58

    if (isFeeding) {
      throw new SseError('PARSER_BUSY', 'feed() was called by a callback of the same parser: call it later')
    }
    if (hasFailed) return
    // A decoder told that more may follow is slower (in Node 20 many times, and for good). One told that nothing follows
    // still finishes the character that it was in, so that will do unless the chunk may end inside one.
    const text =
      unparsed +
      (typeof chunk === 'string' ? chunk : decoder.decode(chunk, chunk[chunk.length - 1]! < 128 ? undefined : STREAM))
    const { length } = text
    const began = resets
    let next = 0
    if (length > 0) {
      const first = text.charCodeAt(0)
      // [spec] "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
      if ((isAtStart && first === 0xfeff) || (isAfterCr && first === LF)) next = 1
      isAtStart = isAfterCr = false
    }
    let held = lineLength
    let blockSize = size
    let blockData = data
    let blockEvent = event
    let blockId = id
    let hasNul: boolean | undefined
    // Where the next LF and the next CR are; `length` when there is none. Both kept, so that none is looked for twice.
    let lf = -1
    let cr = -1
    unparsed = ''
    isFeeding = true
    try {
      while (next < length && resets === began) {
        const start = next
        const first = held > 0 ? 0 : text.charCodeAt(start)
        if (first === LF || first === CR) {
          next++
          if (first === CR) {
            if (next === length) isAfterCr = true
            else if (text.charCodeAt(next) === LF) next++
          }
        } else {
          if (lf < start) {
            lf = text.indexOf('\n', start)
            if (lf < 0) lf = length
          }
          if (cr < start) {
            cr = text.indexOf('\r', start)
            if (cr < 0) cr = length
          }
          const end = lf < cr ? lf : cr
          if (end === length) break
          next = end + 1
          if (end === cr) {
            if (next === length) isAfterCr = true
            else if (lf === next) next++
          }

          const added = held + end - start + 1
          if (first === 105 && hasNul === undefined) hasNul = text.includes('\0')
          blockSize += added
          if (blockSize > maxEventBytes + 1) {
            fail()
          } else if (first === 100 && text.startsWith('ata', start + 1) && text.charCodeAt(start + 4) === COLON) {
            const value = text.slice(start + (text.charCodeAt(start + 5) === SPACE ? 6 : 5), end)
            if (blockData === undefined) blockData = value
            else add(moreData, value, '\n')
          } else if (first === 105 && !hasNul && text.startsWith('d:', start + 1)) {
            blockId = text.slice(start + (text.charCodeAt(start + 3) === SPACE ? 4 : 3), end)
          } else if (first === 101 && text.startsWith('ven', start + 1) && text.startsWith('t:', start + 4)) {
            blockEvent = text.slice(start + (text.charCodeAt(start + 6) === SPACE ? 7 : 6), end) || undefined
          } else {
            let whole = text.slice(start, end)
            if (held > 0) {
              line.push(whole)
              // Not `line.join('')`: what is flat by then would be copied twice.
              whole = line[0] + line.slice(1).join('')
              line = ['']
              lineLength = held = 0
            }
            const colon = whole.indexOf(':')
            const field = colon < 0 ? whole : whole.slice(0, colon)
            const value = colon < 0 ? '' : whole.slice(colon + (whole[colon + 1] === ' ' ? 2 : 1))
            if (field === 'data') {
              if (blockData === undefined) blockData = value
              else add(moreData, value, '\n')
            } else if (field === 'event') blockEvent = value || undefined
            else if (field === 'id' && !value.includes('\0')) blockId = value
            else {
              blockSize -= added
              if (colon === 0) onComment?.(value)
              else if (field === 'retry' && /^[0-9]+$/.test(value)) onRetry?.(Math.min(+value, 2147483647))
              else if (field === 'retry') ignore('INVALID_RETRY', 'retry', value)
              else if (field === 'id') ignore('INVALID_EVENT_ID', 'id with NUL', value)
              else ignore('UNKNOWN_FIELD', 'field', field)
            }
          }
          if (first !== 100 || text.charCodeAt(next) !== LF) continue
          next++
        }

        const endedData = blockData
        const endedEvent = blockEvent
        const endedId = blockId
        blockData = blockEvent = blockId = undefined
        blockSize = 0
        if (endedId !== undefined) onId?.(endedId)
        if (endedData !== undefined && resets === began) {
          onEvent?.({ event: endedEvent, data: moreData.length > 1 ? joinData(endedData) : endedData, id: endedId })
        }
      }
      if (resets === began && next < length) {
        add(line, text.slice(next), '')
        lineLength = held + length - next
        next = length
        if (blockSize + lineLength > maxEventBytes) fail()
      }
    } finally {
      isFeeding = false
      if (resets === began) {
        size = blockSize
        data = blockData
        event = blockEvent
        id = blockId
        unparsed = text.slice(next)
      }
    }
  }

  function joinData(first: string): string {
    const joined = `${first}${moreData[0]}\n${moreData.slice(1).join('\n')}`
    moreData = ['']
    return joined
  }

  /** [spec] "Otherwise: The field is ignored." Making an error takes its time: only where somebody wants it. */
  function ignore(code: SseErrorCode, what: string, text: string): void {
    onError?.(new SseError(code, `Ignored ${what} ${JSON.stringify(text.slice(0, 40))}`))
  }

  function fail(): void {
    reset()
    hasFailed = true
    const error = new SseError('EVENT_TOO_LARGE', `An event is larger than maxEventBytes (${maxEventBytes}).`)
    if (!onError) throw error
    onError(error)
  }
}

/** Many small strings take many times the memory of one, and each may keep its chunk: they are joined by the hundred. */
function add(pieces: string[], piece: string, separator: string): void {
  if (pieces.push(piece) > 128) pieces[0] += separator + pieces.splice(1).join(separator)
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
