import type { EventRecord } from './store.ts'

/** How much history to keep. The bound that is reached first trims the oldest events. */
export interface Retention {
  /** The age in milliseconds past which an event is dropped. Default `Infinity`. */
  readonly maxAgeMs?: number | undefined
  /** The most events to keep. */
  readonly maxEvents?: number | undefined
  /** The most bytes to keep, each event counted as {@link storedBytes} does. */
  readonly maxBytes?: number | undefined
}

/**
 * The size of an event in limits: the UTF-8 length of its texts, and 200 bytes for storing it at
 * all. This estimate is the same in every store, so that a page or a retention means the same
 * everywhere.
 */
export function storedBytes({ data, id, type, topics }: EventRecord): number {
  return bytesOf(data, id, type, topics)
}

/** Counts as {@link storedBytes} does, from the parts of an event. */
export function bytesOf(
  data: string | Uint8Array,
  id: string | null | undefined,
  type: string | null | undefined,
  topics: string | readonly string[],
): number {
  let bytes = 200 + (typeof data === 'string' ? Buffer.byteLength(data) : data.length)
  if (id) bytes += Buffer.byteLength(id)
  if (type) bytes += Buffer.byteLength(type)
  if (typeof topics === 'string') return bytes + Buffer.byteLength(topics)
  for (const topic of topics) bytes += Buffer.byteLength(topic)
  return bytes
}

/** The approximate size of an idempotency key in a history. */
const keyBytes = 128
/** This many keys are remembered, however small the history. */
const leastKeys = 1000

/**
 * The most idempotency keys that a store remembers: they may take a quarter of the bytes of the
 * history, in addition to its events. Beyond that, the store forgets the oldest keys early.
 */
export function maxIdempotencyKeys(maxBytes: number): number {
  return Math.max(leastKeys, Math.floor(maxBytes / 4 / keyBytes))
}
