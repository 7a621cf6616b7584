/** An event as it is read from the database, and as threads send it to each other. */
export type EventRow = readonly [
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
  traceContext: string | null,
]

/** Every column of an event that its checksum covers, in the order in which it does. */
export type CheckedFields = readonly [...EventRow, totalBytes: number, holes: number]

/** A row of the database, as `SELECT` returns it; see `schema.ts`. */
export type CheckedRow = [
  ...CheckedFields,
  /** `null` if the event was stored before there were checksums. */
  checksum: number | null,
]
