// Not by name: older versions of Node.js have no crc32, and must still load what needs no disk.
import * as zlib from 'node:zlib'
import type { CheckedFields } from './event-tuples.ts'

const numberBytes = new Uint8Array(7 * 8)
const numbers = new DataView(numberBytes.buffer)

/**
 * The CRC-32 of an event with its place in the history. It finds every damage of up to 32 bits in a
 * row, and a row that is read in the place of another. First come the numbers as doubles, which
 * costs a fraction of their digits; then the texts, separated by line breaks, which only the data
 * may contain. A trace context comes last, if there is one.
 */
export function checksumOf(fields: readonly [...CheckedFields, ...more: unknown[]]): number {
  const [
    position,
    tag,
    topic,
    alternates,
    isPrivate,
    id,
    type,
    retryMs,
    data,
    storedAt,
    traceContext,
    totalBytes,
    holes,
  ] = fields
  numbers.setFloat64(0, position, true)
  numbers.setFloat64(8, tag, true)
  numbers.setFloat64(16, storedAt, true)
  numbers.setFloat64(24, totalBytes, true)
  numbers.setFloat64(32, holes, true)
  numbers.setFloat64(40, isPrivate, true)
  numbers.setFloat64(48, retryMs ?? -1, true)
  const checksum = zlib.crc32(numberBytes)
  const text = `${topic}\n${alternates ?? ''}\n${id ?? ''}\n${type ?? ''}\n`
  // For little data, to join the two costs less than another call.
  if (typeof data === 'string' && data.length < 1024) return withTrace(zlib.crc32(text + data, checksum), traceContext)
  return withTrace(zlib.crc32(data, zlib.crc32(text, checksum)), traceContext)
}

/** Few events have one, and those before schema 4 were checked without. */
function withTrace(checksum: number, traceContext: string | null): number {
  return traceContext === null ? checksum : zlib.crc32(`\n${traceContext}`, checksum)
}

/** The CRC-32 of the values of another row. */
export function checksumOfValues(values: readonly (string | number | null)[]): number {
  return zlib.crc32(JSON.stringify(values))
}
