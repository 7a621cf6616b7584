/** A line of a stream. */
export interface Line {
  /** Starts at 1. Empty lines count, but are left out. */
  readonly number: number
  /** Without the line ending; `undefined` if the line is too long. */
  readonly bytes: Buffer | undefined
}

/**
 * Splits a stream of bytes into lines, which end with LF or CRLF; the last one may also end with
 * the stream. Yields lines that arrive together as one array. Keeps nothing of a line longer than
 * `maxBytes`.
 */
export async function* splitLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 0
  /** The beginning of a line that is not complete yet. */
  let pieces: Uint8Array[] = []
  let length = 0

  const take = (piece: Uint8Array) => {
    length += piece.length
    if (length > maxBytes) pieces = []
    else if (piece.length > 0) pieces.push(piece)
  }
  const finish = (lines: Line[]) => {
    number++
    const isTooLong = length > maxBytes
    const bytes = isTooLong ? undefined : withoutReturn(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    if (isTooLong || bytes?.length) lines.push({ number, bytes })
    pieces = []
    length = 0
  }

  for await (const chunk of source) {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, end))
      finish(lines)
      start = end + 1
    }
    take(chunk.subarray(start))
    if (lines.length > 0) yield lines
  }
  const last: Line[] = []
  if (length > 0) finish(last)
  if (last.length > 0) yield last
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

function withoutReturn(line: Uint8Array): Buffer {
  const end = line.at(-1) === carriageReturn ? line.length - 1 : line.length
  return Buffer.from(line.buffer, line.byteOffset, end)
}
