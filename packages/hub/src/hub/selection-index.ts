import { MatcherIndex } from '../matching/matcher-index.ts'
import { toTopics } from '../matching/topic.ts'
import type { StoredEvent } from '../store/store.ts'
import type { Selection } from './selection.ts'

/** Finds, for an event, all values whose selections admit it. */
export class SelectionIndex<Value extends { readonly selection: Selection }> {
  readonly #index = new MatcherIndex<Value>()

  add(value: Value): void {
    this.#index.add(value.selection.matchers.matchers, value)
  }

  delete(value: Value): void {
    this.#index.delete(value.selection.matchers.matchers, value)
  }

  /** Calls back with each value whose selection admits an event; it may be deleted meanwhile. */
  select(event: StoredEvent, onValue: (value: Value) => void): void {
    const { topics, isPrivate } = event
    const privately = isPrivate ? toTopics(topics) : undefined
    for (const value of this.#index.select(topics)) {
      if (!privately || (value.selection.grants(privately) && value.selection.reads(event))) onValue(value)
    }
  }
}
