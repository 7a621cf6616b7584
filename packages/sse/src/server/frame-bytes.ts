import type { Frame } from '../protocol/index.ts'

/** The bytes of a frame, as every sink takes them. */
export function frameBytes(frame: Frame): Uint8Array {
  const bytes = encoder.encode(frame)
  return asWritten ? asWritten(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes
}

const encoder = new TextEncoder()

/** Node writes nothing but its own kind of byte array, and would make one anew at each write of the same bytes. */
const asWritten: ((buffer: ArrayBuffer, offset: number, length: number) => Uint8Array) | undefined =
  globalThis.Buffer?.from
