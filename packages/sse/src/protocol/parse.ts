import { check } from './check.ts'
import { SseError, type SseErrorCode } from './errors.ts'
import type { ParsedEvent } from './event.ts'
import { namesOf, refuseUnknownName } from './names.ts'

/** The callbacks of a parser, and its limit. */
export interface ParserOptions {
  /** Called with each complete event. */
  onEvent?: ((event: ParsedEvent) => void) | undefined
  /** Called with each comment line, without its colon and one space after it. */
  onComment?: ((comment: string) => void) | undefined
  /**
   * Called with a new reconnection time in milliseconds, as soon as its line is read. Clamped to
   * 2147483647, the most a timer accepts.
   */
  onRetry?: ((milliseconds: number) => void) | undefined
  /**
   * Called with a new last event ID, at the end of its block and before `onEvent`, even if the
   * block has no data. `''` resets the ID.
   */
  onId?: ((id: string) => void) | undefined
  /**
   * Called with `EVENT_TOO_LARGE`, after which the parser ignores everything until `reset()`;
   * without `onError`, `feed()` throws it. `UNKNOWN_FIELD`, `INVALID_RETRY` and `INVALID_EVENT_ID`
   * are diagnostics: the standard ignores such lines, and so does the parser.
   */
  onError?: ((error: SseError) => void) | undefined
  /**
   * The largest event and the longest line to accept. Default 104857600 (100 MiB). A line that is
   * ignored may be longer: a comment without `onComment`, an unknown field. Counted as
   * decoded text, in UTF-16 code units: ASCII text has as many as bytes, other text fewer, so an
   * event of this many bytes always passes.
   */
  maxEventBytes?: number | undefined
}

/**
 * A parser of one event stream at a time: [HTML] 9.2.5 "Parsing an event stream", 9.2.6
 * "Interpreting an event stream".
 */
export interface Parser {
  /**
   * Parses the next chunk of the stream, cut anywhere: bytes, even cut inside a character, or text.
   * If a callback throws, so does `feed()`; the rest of the chunk is not lost, but parsed with the
   * next one.
   *
   * @throws SseError `EVENT_TOO_LARGE` without `onError`; `PARSER_BUSY` inside a callback;
   * `INVALID_OPTION` if the chunk is neither bytes nor text.
   */
  feed(chunk: Uint8Array | string): void
  /**
   * Forgets everything read so far, including the rest of the current chunk. The next chunk begins
   * a new stream.
   */
  reset(): void
  /**
   * Whether the stream, if it ended now, would end inside an event, which the standard drops: in a
   * block with data, a type or an ID, or in an unfinished line other than a comment.
   */
  isIncomplete(): boolean
}

const STREAM = { stream: true }

/**
 * Creates a parser for one event stream. Takes linear time and bounded memory for any input, cut
 * into any chunks.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createParser(options: ParserOptions): Parser {
  checkOptions(options)
  const { onError } = options
  // Creates the error only if there is an `onError`, because that takes time.
  const parser = startParser(options, onError && ((field, value) => onError(ignoredLine(field, value))))
  let isFeeding = false
  return {
    ...parser,
    feed(chunk) {
      if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk))
        throw new SseError('INVALID_OPTION', `A chunk is ${chunk}, expected Uint8Array or string`)
      if (isFeeding)
        throw new SseError('PARSER_BUSY', 'feed() was called by a callback of the same parser: call it later')
      isFeeding = true
      try {
        // Another view's last element says nothing of its last byte.
        parser.feed(typeof chunk === 'string' ? chunk : bytesOf(chunk))
      } finally {
        isFeeding = false
      }
    },
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function checkOptions(options: ParserOptions): void {
  if (Object(options) !== options || typeof options === 'function')
    throw new SseError('INVALID_OPTION', `The options are ${options}, expected createParser({ onEvent: … })`)
  refuseUnknownName("a parser's options", options, parserNames, { maxbuffersize: 'maxEventBytes' })
  const { maxEventBytes, ...callbacks } = options
  check({ maxEventBytes }, 'number from 0 up')
  check(callbacks, 'function')
}

const parserNames = /* @__PURE__ */ namesOf<ParserOptions>({
  onEvent: true,
  onComment: true,
  onRetry: true,
  onId: true,
  onError: true,
  maxEventBytes: true,
})

/** [spec] "Otherwise: The field is ignored." */
function ignoredLine(field: string, value: string): SseError {
  const ignored = (code: SseErrorCode, what: string, text: string) =>
    new SseError(code, `Ignored ${what} ${JSON.stringify(text.slice(0, 40))}`)
  if (field === 'retry') return ignored('INVALID_RETRY', field, value)
  if (field === 'id') return ignored('INVALID_EVENT_ID', 'id with NUL', value)
  return ignored('UNKNOWN_FIELD', 'field', field)
}

/**
 * The parser itself, for internal callers whose arguments the compiler has checked, and whose
 * callbacks do not call `feed()`. A client's bundle has nothing else of this module.
 *
 * `onIgnored` is called with the field and the value of each line that the standard ignores.
 */
export function startParser(options: ParserOptions, onIgnored?: (field: string, value: string) => void): Parser {
  const { onEvent, onComment, onRetry, onId, onError, maxEventBytes = 104857600 } = options

  // State of the stream. Each reset makes a new decoder, by which the caller of a callback sees it.
  let decoder: TextDecoder
  let isAtStart: boolean
  /** The last chunk ended in a CR: an LF now completes that line end. */
  let isAfterCr: boolean
  let hasFailed: boolean
  /** The input that was not parsed because a callback threw. */
  let unparsed: string
  /** The pieces of the unfinished line, and their length. */
  let line: string[]
  let lineLength: number

  // State of the block, which a blank line ends.
  /** The length of its fields so far, including line ends. */
  let size: number
  /** The first line of data, and the others. */
  let data: string | undefined
  let moreData: string[]
  let event: string | undefined
  let id: string | undefined

  reset()
  return { feed, reset, isIncomplete: () => (data ?? event ?? id) !== undefined || /^[^:]/.test(line.join('')) }

  function reset(): void {
    // The code below drops a byte order mark, because text may have one too.
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    isAtStart = true
    isAfterCr = hasFailed = false
    unparsed = ''
    line = []
    moreData = []
    lineLength = size = 0
    data = event = id = undefined
  }

  // One long function, on purpose: with the block in local variables, and the three usual fields
  // recognised inline by their characters, it is a tenth (LF) to a third (CRLF) faster than a
  // function per line.
  function feed(chunk: Uint8Array | string): void {
    // Module constants would be loaded at each comparison; these are compiled in.
    const LF = 10
    const CR = 13
    const SPACE = 32
    const COLON = 58

    if (hasFailed) return
    // With `stream: true` a decoder is slower (in Node 20 many times, and permanently). Without it,
    // the decoder still finishes the character it was in, so that is enough unless the chunk may
    // end inside one.
    const text =
      unparsed +
      (typeof chunk === 'string' ? chunk : decoder.decode(chunk, chunk[chunk.length - 1]! < 128 ? undefined : STREAM))
    const { length } = text
    const began = decoder
    let next = 0
    if (length > 0) {
      const first = text.charCodeAt(0)
      // [spec] "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
      if ((isAtStart && first === 0xfeff) || (isAfterCr && first === LF)) next = 1
      isAtStart = isAfterCr = false
    }
    let blockSize = size
    let blockData = data
    let blockEvent = event
    let blockId = id
    let hasNul: boolean | undefined
    // The index of the next LF and the next CR; `length` if there is none. Both are kept, so that
    // neither is searched twice.
    let lf = -1
    let cr = -1
    unparsed = ''
    try {
      while (next < length && decoder === began) {
        const start = next
        const first = lineLength > 0 ? 0 : text.charCodeAt(start)
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

          const added = lineLength + end - start + 1
          if (first === 105 && hasNul === undefined) hasNul = text.includes('\0')
          blockSize += added
          if (blockSize > maxEventBytes + 1 && !isIgnored(text.slice(start, Math.min(end, start + 6)))) {
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
            if (lineLength > 0) {
              line.push(whole)
              whole = join(line, '')
              line = []
              lineLength = 0
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
              else onIgnored?.(field, value)
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
        if (endedData !== undefined && decoder === began) {
          const more = moreData.length > 0 ? `\n${join(moreData.splice(0), '\n')}` : ''
          onEvent?.({ type: endedEvent, data: endedData + more, id: endedId })
        }
      }
      if (decoder === began && next < length) {
        const whole = lineLength + length - next
        // Asked once of a line that counts, and of none that is short: lines in many pieces are
        // usual.
        if ((whole > 63 || blockSize + whole > maxEventBytes) && isIgnored(text.slice(next, next + 64))) {
          // Its field (for `onError`) is all that has to be kept.
          line = [(line.join('') + text.slice(next, next + 64)).slice(0, 63)]
          lineLength = line[0]!.length
        } else {
          add(line, text.slice(next), '')
          lineLength = whole
          if (blockSize + lineLength > maxEventBytes) fail()
        }
        next = length
      }
    } finally {
      if (decoder === began) {
        size = blockSize
        data = blockData
        event = blockEvent
        id = blockId
        unparsed = text.slice(next)
      }
    }
  }

  /**
   * Whether the held line, which goes on like this, has no effect that anybody listens to: a
   * comment without `onComment`, an unknown field. Of such a line at most 63 characters are held.
   * (Any line counts as one until its first characters are there; nothing is lost by that.)
   */
  function isIgnored(rest: string): boolean {
    if (lineLength > 63) return false
    const begin = line.join('') + rest
    return begin[0] === ':' ? !onComment : !/^(data|event|id|retry)(:|$)/.test(begin)
  }

  function fail(): void {
    reset()
    hasFailed = true
    const error = new SseError('EVENT_TOO_LARGE', `An event is larger than maxEventBytes (${maxEventBytes}).`)
    if (!onError) throw error
    onError(error)
  }
}

/**
 * Joins strings by the hundred: many small ones take many times the memory of one, and each may
 * keep its chunk alive.
 */
function add(pieces: string[], piece: string, separator: string): void {
  if (pieces.push(piece) > 128) pieces[0] = join(pieces.splice(0, 129), separator)
}

/** Does not copy the first piece, which may be long. */
function join(pieces: readonly string[], separator: string): string {
  return pieces.length > 1 ? pieces[0] + separator + pieces.slice(1).join(separator) : pieces[0]!
}
