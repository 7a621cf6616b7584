import type { Frame } from '../protocol/index.ts'

/** The bytes of a frame, as every sink takes them. */
export function frameBytes(frame: Frame): Uint8Array {
  return encoder.encode(frame)
}

const encoder = new TextEncoder()
