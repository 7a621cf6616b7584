import type { EventFields } from '../event-fields.ts'
import { bytesOf } from '../retention.ts'
import { checksumOf } from './checksum.ts'
import type { CheckedRow, EventRow } from './event-tuples.ts'

/** The fields of an event, followed by whatever is added where they are used. */
export type RecordTuple = readonly [...EventFields, ...more: unknown[]]

/** The columns of a {@link CheckedRow}. */
export const eventColumns =
  'event.position, event.tag, event.topic, event.alternates, event.is_private, event.id, event.type, event.retry_ms, event.data, ' +
  'event.stored_at, event.trace_context, event.total_bytes, event.holes, event.checksum'

/** Whether the event is as it was stored. */
export function isIntact(row: CheckedRow): boolean {
  const { 8: data, 13: checksum } = row
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) return false
  if (checksum === null) return isPlausible(row)
  return checksum === checksumOf(row)
}

/** Without a checksum, only what would not be an event at all is found. */
function isPlausible([position, tag, topic, alternates, , , , , , storedAt, , totalBytes, holes]: CheckedRow): boolean {
  const numbers = [position, tag, storedAt, totalBytes, holes]
  if (!numbers.every(Number.isSafeInteger) || typeof topic !== 'string') return false
  if (alternates === null) return true
  try {
    return Array.isArray(JSON.parse(alternates))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return false
  }
}

/** The number of events up to and including this one, trimmed ones included. */
export function ordinalOf(row: CheckedRow): number {
  return row[0] - row[12]
}

/** Drops the columns that only the store needs. */
export function toEventRow(row: CheckedRow): EventRow {
  row.length = 11 as 14
  return row as unknown as EventRow
}

/** All topics of an event, from the two columns that hold them. */
export function topicsOf(topic: string, alternates: string | null): readonly string[] {
  return alternates === null ? [topic] : [topic, ...(JSON.parse(alternates) as string[])]
}

export function bytesOfRow([, , topic, alternates, , id, type, , data]: EventRow): number {
  return bytesOf(data, id, type, alternates === null ? topic : topicsOf(topic, alternates))
}
