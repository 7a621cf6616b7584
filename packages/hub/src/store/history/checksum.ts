// Not by name: older versions of Node.js have no crc32, and must still load what needs no disk.
import * as zlib from 'node:zlib'

/** Every column of an event that its checksum covers, in the order in which it does. */
export type CheckedFields = readonly [
  position: number,
  tag: number,
  topic: string,
  alternates: string | null,
  isPrivate: number,
  id: string | null,
  type: string | null,
  retryMs: number | null,
  data: string | Uint8Array,
  storedAt: number,
  totalBytes: number,
  holes: number,
]

/**
 * The CRC-32 of an event with its place in the history. It finds every damage of up to 32 bits in a
 * row, and a row that is read in the place of another. The fields are separated by line breaks,
 * which only the data may contain.
 */
export function checksumOf(fields: CheckedFields): number {
  const [position, tag, topic, alternates, isPrivate, id, type, retryMs, data, storedAt, totalBytes, holes] = fields
  const place = `${position}\n${tag}\n${storedAt}\n${totalBytes}\n${holes}\n${isPrivate}`
  const text = `${place}\n${retryMs ?? ''}\n${id ?? ''}\n${type ?? ''}\n${topic}\n${alternates ?? ''}\n`
  // For little data, to join the two costs less than a second call.
  if (typeof data === 'string' && data.length < 1024) return zlib.crc32(text + data)
  return zlib.crc32(data, zlib.crc32(text))
}

/** The CRC-32 of the values of another row. */
export function checksumOfValues(values: readonly (string | number | null)[]): number {
  return zlib.crc32(JSON.stringify(values))
}
