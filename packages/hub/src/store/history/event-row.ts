import type { EventFields } from '../event-fields.ts'
import { bytesOf } from '../retention.ts'

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

export function bytesOfRow([, , topic, alternates, , id, type, , data]: EventRow): number {
  return bytesOf(data, id, type, alternates === null ? topic : topicsOf(topic, alternates))
}
