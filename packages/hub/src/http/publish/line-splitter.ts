import { GatheredBytes } from '../message/gathered-bytes.ts'

/** A line of a stream. */
export interface Line {
  /** Starts at 1. Empty lines count, but are left out. */
  readonly number: number
  /** Without the line ending; `undefined` if the line is too long. */
  readonly bytes: Buffer | undefined
}

/**
 * The most lines in one array. What is made of a line of two bytes takes hundreds of bytes: for all
 * lines that fit in what is read at once, that would be tens of megabytes.
 */
const maxLinesTogether = 1000

/**
 * Splits a stream of bytes into lines, which end with LF or CRLF; the last one may also end with
 * the stream. Yields lines that arrive together as one array. Keeps nothing of a line longer than
 * `maxBytes`.
 */
export async function* splitLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 0
  /** The beginning of a line that is not complete yet. */
  const beginning = new GatheredBytes()
  let isTooLong = false
  let lines: Line[] = []

  const take = (piece: Uint8Array) => {
    isTooLong ||= beginning.length + piece.length > maxBytes
    if (isTooLong) beginning.take()
    else beginning.add(piece)
  }
  const finish = (rest: Uint8Array) => {
    number++
    const isWhole = beginning.length === 0 && !isTooLong
    if (!isWhole || rest.length > maxBytes) take(rest)
    const bytes = isTooLong ? undefined : withoutReturn(isWhole ? rest : beginning.take())
    if (isTooLong || bytes?.length) lines.push({ number, bytes })
    isTooLong = false
  }

  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      finish(chunk.subarray(start, end))
      start = end + 1
      if (lines.length < maxLinesTogether) continue
      yield lines
      lines = []
    }
    take(chunk.subarray(start))
    if (lines.length === 0) continue
    yield lines
    lines = []
  }
  if (beginning.length > 0 || isTooLong) finish(nothing)
  if (lines.length > 0) yield lines
}

const nothing = new Uint8Array()
const lineFeed = 0x0a
const carriageReturn = 0x0d

function withoutReturn(line: Uint8Array): Buffer {
  const end = line.at(-1) === carriageReturn ? line.length - 1 : line.length
  return Buffer.from(line.buffer, line.byteOffset, end)
}
