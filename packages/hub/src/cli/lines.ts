import { isUtf8 } from 'node:buffer'

/** A line whose bytes are not valid UTF-8. */
export const notUtf8 = Symbol('not UTF-8')

/**
 * Reads the lines of a UTF-8 stream. A line ends at LF, CRLF or the end of the stream. Node's
 * `readline` would also break lines at U+2028, which JSON may contain.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string | typeof notUtf8> {
  let begun: Uint8Array[] = []
  let isFirst = true
  // No character but LF has that byte in its encoding.
  for await (const chunk of stream) {
    const end = chunk.lastIndexOf(LF)
    begun.push(chunk.subarray(0, end < 0 ? undefined : end))
    if (end < 0) continue
    yield* linesOf(Buffer.concat(begun), isFirst)
    begun = [chunk.subarray(end + 1)]
    isFirst = false
  }
  const last = Buffer.concat(begun)
  if (last.length > 0) yield* linesOf(last, isFirst)
}

const LF = 0x0a

/** The lines of a piece that ends where a line does. */
function* linesOf(bytes: Buffer, isStart: boolean): Generator<string | typeof notUtf8> {
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8', isStart && bytes.toString('utf8', 0, 3) === '\uFEFF' ? 3 : 0)
    for (const line of text.split('\n')) yield line.replace(/\r$/, '')
    return
  }
  for (let from = 0; from <= bytes.length; ) {
    const end = bytes.indexOf(LF, from)
    const line = bytes.subarray(from, end < 0 ? undefined : end)
    if (isUtf8(line)) yield* linesOf(line, isStart && from === 0)
    else yield notUtf8
    if (end < 0) return
    from = end + 1
  }
}
