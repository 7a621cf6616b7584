import type { Work } from './automaton.ts'
import { costOf, everyTopic, type Matcher, selects } from './matcher.ts'
import type { Topic } from './topic.ts'

/**
 * A set of matchers that selects what any of them selects: a subscription, or the rights of a
 * token.
 */
export class MatcherSet {
  /** Each matcher once, in order of key. If one matches every topic, only that one. */
  readonly matchers: readonly Matcher[]
  /** Sets with the same key select the same topics. */
  readonly key: string
  /** The selected topics if all matchers are exact, for use by an index. */
  readonly topics: ReadonlySet<string> | undefined
  /** The most steps that a character of a topic costs. */
  readonly cost: number
  readonly #exact = new Set<string>()
  readonly #others: readonly Matcher[]

  constructor(matchers: readonly Matcher[]) {
    this.matchers = simplify(matchers)
    this.key = JSON.stringify(this.matchers.map(({ key }) => key))
    for (const matcher of this.matchers) if (matcher.type === 'exact') this.#exact.add(matcher.source)
    this.#others = this.matchers.filter(({ type }) => type !== 'exact')
    this.topics = this.#others.length === 0 ? this.#exact : undefined
    this.cost = this.#others.reduce((sum, matcher) => sum + costOf(matcher), 0)
  }

  /** Whether any of the matchers selects any of the topics. */
  selectsAny(topics: readonly Topic[], work?: Work): boolean {
    return (
      topics.some(({ text }) => this.#exact.has(text)) ||
      this.#others.some((matcher) => topics.some((topic) => selects(matcher, topic, work)))
    )
  }
}

function simplify(matchers: readonly Matcher[]): readonly Matcher[] {
  const byKey = new Map(matchers.map((matcher) => [matcher.key, matcher]))
  if (byKey.has(everyTopic.key)) return [everyTopic]
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
