import type { Frame } from '../protocol/index.ts'

/** The bytes of a frame, in the form that every sink accepts. */
export function frameBytes(frame: Frame): Uint8Array {
  const bytes = encoder.encode(frame)
  return asWritten ? asWritten(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes
}

const encoder = new TextEncoder()

/** Node writes only Buffers, and would otherwise create one at each write of the same bytes. */
const asWritten: ((buffer: ArrayBuffer, offset: number, length: number) => Uint8Array) | undefined =
  globalThis.Buffer?.from
