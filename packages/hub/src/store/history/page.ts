import type { HistoryPosition } from '../store.ts'
import type { EventRow } from './event-tuples.ts'

/**
 * Selects the events of a page: those after one position and up to another, with at least one of
 * the topics.
 */
export interface PageRange {
  readonly after: number
  readonly through: number
  /** `undefined` for all. */
  readonly topics: readonly string[] | undefined
  readonly maxEvents: number
  readonly maxBytes: number
}

export interface Page {
  readonly rows: readonly EventRow[]
  /** How far it reaches: between here and where it began there are no other events. */
  readonly reach: number
  /** Everything that is damaged in its range is at or before this point, and before its events. */
  readonly damaged: HistoryPosition | undefined
}
