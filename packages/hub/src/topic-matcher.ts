/** Decides by topic. Made from what a subscriber asks for, and from what a token grants. */
export interface TopicMatcher {
  /** Matchers with the same key match the same topics. */
  readonly key: string
  /** The one topic it matches, for an index; `undefined` when it may match several. */
  readonly topic: string | undefined
  matches(topic: string): boolean
}

/** Matches every topic. */
export const everyTopic: TopicMatcher = { key: '*', topic: undefined, matches: () => true }

/** Matches one topic, byte for byte: nothing is normalised or resolved. `*` is no topic, it matches all of them. */
export function exactTopic(topic: string): TopicMatcher {
  if (topic === '*') return everyTopic
  return { key: `exact:${topic}`, topic, matches: (other) => other === topic }
}
