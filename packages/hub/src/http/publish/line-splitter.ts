/** A line of a stream. */
export interface Line {
  /** From 1 up; empty lines count, and are left out. */
  readonly number: number
  /** Without its end; `undefined` when there were too many of them. */
  readonly bytes: Buffer | undefined
}

/**
 * The lines of a stream of bytes, ended by LF or CRLF, the last one also by the end. Lines that came together are yielded together. Of a line
 * longer than `maxBytes` nothing is kept.
 */
export async function* splitLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 0
  /** The beginning of a line whose end has not come yet. */
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
