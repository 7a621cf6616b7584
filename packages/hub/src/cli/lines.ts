/**
 * Reads the lines of a UTF-8 stream. A line ends at LF, CRLF or the end of the stream. Node's
 * `readline` would also break lines at U+2028, which JSON may contain.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let pieces: string[] = []
  for await (const chunk of stream) {
    const [first = '', ...rest] = decoder.decode(chunk, { stream: true }).split('\n')
    pieces.push(first)
    for (const next of rest) {
      yield pieces.join('').replace(/\r$/, '')
      pieces = [next]
    }
  }
  pieces.push(decoder.decode())
  const last = pieces.join('')
  if (last !== '') yield last
}
