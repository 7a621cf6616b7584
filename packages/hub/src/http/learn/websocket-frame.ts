/** A frame of a WebSocket that is a whole message. [RFC 6455, 5.2] */
export interface WebSocketFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/**
 * Reads the first frame of a client. `undefined`: it is not complete yet. `refused`: it is larger
 * than allowed, a part of a message, or not masked as a client's must be.
 */
export function readFrame(
  bytes: Buffer,
  maxBytes: number,
): { readonly frame: WebSocketFrame; readonly bytes: number } | 'refused' | undefined {
  if (bytes.length < 2) return undefined
  const first = bytes[0]!
  const second = bytes[1]!
  const isWhole = (first & 0xf0) === 0x80 && (first & 0x0f) !== 0
  if (!isWhole || (second & 0x80) === 0) return 'refused'
  const short = second & 0x7f
  if (short === 127) return 'refused'
  if (short === 126 && bytes.length < 4) return undefined
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  if (length > maxBytes) return 'refused'
  const maskAt = short === 126 ? 4 : 2
  const end = maskAt + 4 + length
  if (bytes.length < end) return undefined
  const payload = Buffer.from(bytes.subarray(maskAt + 4, end))
  for (let index = 0; index < length; index++) payload[index] = payload[index]! ^ bytes[maskAt + (index % 4)]!
  return { frame: { opcode: first & 0x0f, payload }, bytes: end }
}

/** Writes a frame as a server sends it: not masked. At most 65535 bytes. */
export function writeFrame({ opcode, payload }: WebSocketFrame): Buffer {
  const { length } = payload
  const head =
    length < 126 ? Buffer.of(0x80 | opcode, length) : Buffer.of(0x80 | opcode, 126, length >> 8, length & 0xff)
  return Buffer.concat([head, payload])
}
