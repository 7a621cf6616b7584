import type { Frame } from '../protocol/index.ts'

/** The bytes of a frame, in the form that every sink accepts. */
export function frameBytes(frame: Frame): Uint8Array {
  return sendable(encoder.encode(frame))
}

/** The length of a text in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length
}

/** Bytes and a text of ASCII after them, in that form. */
export function withText(bytes: Uint8Array, text: string): Uint8Array {
  const joined = new Uint8Array(bytes.length + text.length)
  joined.set(bytes)
  encoder.encodeInto(text, joined.subarray(bytes.length))
  return sendable(joined)
}

function sendable(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return asWritten ? asWritten(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes
}

const encoder = new TextEncoder()

/** Node writes only Buffers, and would otherwise create one at each write of the same bytes. */
const asWritten: ((buffer: ArrayBuffer, offset: number, length: number) => Uint8Array) | undefined =
  globalThis.Buffer?.from
