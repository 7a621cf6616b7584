import type { EventRecord, Trace } from './store/store.ts'
import { everyTopic, type TopicMatcher } from './topic-matcher.ts'

/**
 * Which events a subscriber is to have: those that one of its matchers selects by one of their topics, private ones only
 * if it also has a right to one of their topics. The two are independent: a subscriber may select an event by its canonical
 * topic and be granted it by an alternate. Without rights a subscriber never has a private event.
 */
export class Selection {
  /** Selections with the same key are the same: their subscribers share a feed. */
  readonly key: string
  /** The topics selected, when all matchers are exact: what an index can use. */
  readonly topics: ReadonlySet<string> | undefined
  readonly #matchers: readonly TopicMatcher[]
  readonly #rights: readonly TopicMatcher[]

  constructor(matchers: readonly TopicMatcher[], rights: readonly TopicMatcher[] = []) {
    this.#matchers = simplify(matchers)
    this.#rights = simplify(rights)
    this.key = JSON.stringify([this.#matchers, this.#rights].map((list) => list.map(({ key }) => key)))
    const topics = this.#matchers.map(({ topic }) => topic)
    this.topics = topics.every((topic) => topic !== undefined) ? new Set(topics) : undefined
  }

  admits({ topics, isPrivate }: Pick<EventRecord, 'topics' | 'isPrivate'>): boolean {
    return anyMatches(this.#matchers, topics) && (!isPrivate || anyMatches(this.#rights, topics))
  }

  /** Whether a trimmed event was, or may have been, one of these. */
  admitsTrace({ topics, isPrivate }: Trace): boolean {
    return topics === undefined || this.admits({ topics, isPrivate })
  }
}

/** The same matchers in one spelling: each once, in order of key, and nothing beside one that matches all. */
function simplify(matchers: readonly TopicMatcher[]): readonly TopicMatcher[] {
  const byKey = new Map(matchers.map((matcher) => [matcher.key, matcher]))
  if (byKey.has(everyTopic.key)) return [everyTopic]
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

function anyMatches(matchers: readonly TopicMatcher[], topics: readonly string[]): boolean {
  return matchers.some((matcher) => topics.some((topic) => matcher.matches(topic)))
}
