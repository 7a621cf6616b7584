import type { EventRecord } from './store.ts'

/** How much history to keep. Whichever bound is reached first trims the oldest events. */
export interface Retention {
  /** The age in milliseconds past which an event is dropped. Default `Infinity`. */
  readonly maxAgeMs?: number | undefined
  /** The most events to keep. */
  readonly maxEvents?: number | undefined
  /** The most bytes to keep, each event counted as {@link storedBytes} does. */
  readonly maxBytes?: number | undefined
}

/**
 * What an event counts for in limits: the UTF-8 length of its texts, and 200 bytes for keeping it at all. An estimate
 * that is the same in every store, so that a page or a retention means the same everywhere.
 */
export function storedBytes(event: EventRecord): number {
  let bytes = 200 + Buffer.byteLength(event.data)
  if (event.id !== undefined) bytes += Buffer.byteLength(event.id)
  if (event.type !== undefined) bytes += Buffer.byteLength(event.type)
  for (const topic of event.topics) bytes += Buffer.byteLength(topic)
  return bytes
}

/** What an idempotency key takes in a history, about. */
const keyBytes = 128
/** So many keys are remembered however little is kept. */
const leastKeys = 1000

/**
 * The most idempotency keys that a store remembers: they may take a quarter of the bytes of the
 * history, in addition to its events. Beyond that, the store forgets the oldest keys early.
 */
export function maxIdempotencyKeys(maxBytes: number): number {
  return Math.max(leastKeys, Math.floor(maxBytes / 4 / keyBytes))
}
