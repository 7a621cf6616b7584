import type { EventFields } from '../event-fields.ts'

/** The fields of an event, followed by whatever is added where they are used. */
export type RecordTuple = readonly [...EventFields, ...more: unknown[]]

/** The rows of the database, as `SELECT` returns them; see `schema.ts`. */
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
]

/** The columns of an {@link EventRow}. */
export const eventColumns =
  'event.position, event.tag, event.topic, event.alternates, event.is_private, event.id, event.type, event.retry_ms, event.data'

/** All topics of an event, from the two columns that hold them. */
export function topicsOf(topic: string, alternates: string | null): readonly string[] {
  return alternates === null ? [topic] : [topic, ...(JSON.parse(alternates) as string[])]
}

/** Counts as `storedBytes` does, from the parts of an event. */
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

export function bytesOfRow([, , topic, alternates, , id, type, , data]: EventRow): number {
  return bytesOf(data, id, type, alternates === null ? topic : topicsOf(topic, alternates))
}
