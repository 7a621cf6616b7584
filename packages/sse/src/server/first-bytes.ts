import { encodeComment, encodeRetry, type Frame } from '../protocol/index.ts'
import { frameBytes } from './frame-bytes.ts'

/** Usually all sessions of a process begin alike, so they share the same bytes. */
let lastFirst: { retryMs: number | null; bytes: Uint8Array } | undefined

/** The bytes with which a session begins: a comment, and the reconnection time. */
export function firstBytes(retryMs: number | null): Uint8Array {
  if (lastFirst?.retryMs !== retryMs) {
    const frame = retryMs === null ? encodeComment() : `${encodeComment()}${encodeRetry(retryMs)}`
    lastFirst = { retryMs, bytes: frameBytes(frame as Frame) }
  }
  return lastFirst.bytes
}
