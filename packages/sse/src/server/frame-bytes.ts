import type { Frame } from '../protocol/index.ts'

/** The bytes of a frame, in the form that every sink accepts. */
export function frameBytes(frame: Frame): Uint8Array {
  return sendable(encoder.encode(frame))
}

/** The two one after the other, in that form. */
export function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return sendable(joined)
}

function sendable(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return asWritten ? asWritten(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes
}

const encoder = new TextEncoder()

/** Node writes only Buffers, and would otherwise create one at each write of the same bytes. */
const asWritten: ((buffer: ArrayBuffer, offset: number, length: number) => Uint8Array) | undefined =
  globalThis.Buffer?.from
