import type { Matcher } from '../matching/matcher.ts'
import type { StoredEvent } from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import type { Selection } from './selection.ts'

/** Which part of the history an operator looks at. */
export interface HistoryView {
  /** Which topics. Every event with one of them is shown, private ones included. */
  readonly matchers: readonly Matcher[]
  /** The topics whose private events are shown with their data. */
  readonly rights: readonly Matcher[]
  /** Only events of these types; one without a type is a `message`. Default: all. */
  readonly types?: ReadonlySet<string> | undefined
  /** No events of these types. Default: all. */
  readonly exceptTypes?: ReadonlySet<string> | undefined
}

/** The most events, and about the most bytes, of one read of the history for an operator. */
export const viewRead = { maxEvents: 500, maxBytes: 512 * 1024 }

/** Those events of a page that a view shows. Rejects with the signal's reason. */
export async function shownEvents(
  events: readonly StoredEvent[],
  selection: Selection,
  { types, exceptTypes }: HistoryView,
  signal: AbortSignal | undefined,
): Promise<readonly StoredEvent[]> {
  const admitted = await admittedEvents(events, selection, signal)
  return admitted.filter(({ type = 'message' }) => (!types || types.has(type)) && !exceptTypes?.has(type))
}
