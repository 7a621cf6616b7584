/**
 * The last event ID that these bytes give a client, or `undefined` if they give none: that of the
 * last `id` line. The bytes are whole lines made by an encoder, which ends a block with its ID.
 */
export function lastIdIn(bytes: Uint8Array): string | undefined {
  if (last?.bytes !== bytes) last = { bytes, id: findLastId(bytes) }
  return last.id
}

/** The same bytes go to many sessions, one after the other. */
let last: { readonly bytes: Uint8Array; readonly id: string | undefined } | undefined

function findLastId(bytes: Uint8Array): string | undefined {
  const LF = 10
  for (let end = bytes.length - 1; end > 0; ) {
    const start = bytes.lastIndexOf(LF, end - 1) + 1
    if (bytes[start] === 105 && bytes[start + 1] === 100 && bytes[start + 2] === 58) {
      // A copy: a decoder need not accept shared memory.
      return decoder.decode(Uint8Array.prototype.slice.call(bytes, start + (bytes[start + 3] === 32 ? 4 : 3), end))
    }
    end = start - 1
  }
  return undefined
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
