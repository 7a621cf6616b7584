import type { Matcher } from '../matching/matcher.ts'
import type { StoredEvent } from '../store/store.ts'

/** Which part of the history an operator looks at. */
export interface HistoryView {
  /** Which topics. Every event with one of them is shown, private ones included. */
  readonly matchers: readonly Matcher[]
  /** The topics whose private events are shown with their data. */
  readonly rights: readonly Matcher[]
  /** Only events of these types. Default: all. */
  readonly types?: ReadonlySet<string> | undefined
  /** No events of these types. Default: all. */
  readonly exceptTypes?: ReadonlySet<string> | undefined
}

/** Whether a view shows events of this type. An event without a type is a `message`. */
export function hasShownType(
  { types, exceptTypes }: Pick<HistoryView, 'types' | 'exceptTypes'>,
  { type = 'message' }: Pick<StoredEvent, 'type'>,
): boolean {
  return (!types || types.has(type)) && !exceptTypes?.has(type)
}
