import type { HistoryPosition } from '../store.ts'

/** A place in the history, with totals of the history up to it. */
export interface Place extends HistoryPosition {
  readonly totalBytes: number
  /** The number of positions up to it that no event ever had. */
  readonly holes: number
}

/** The places at both ends of what is kept. */
export interface Extent {
  readonly head: Place
  readonly trimmed: Place
}

/** The number of events up to a place, trimmed ones included. */
export function ordinalAt({ position, holes }: { readonly position: number; readonly holes: number }): number {
  return position - holes
}

/** The number of events after one place, up to another. */
export function eventsBetween(from: Place, to: Place): number {
  return ordinalAt(to) - ordinalAt(from)
}

export function placeOf({ position, tag, totalBytes, holes }: Place): Place {
  return { position, tag, totalBytes, holes }
}
