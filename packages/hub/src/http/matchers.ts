import type { CompileMatcher } from '../auth/grant.ts'
import { HubError } from '../errors.ts'
import { type Matcher, selects, topicSelector, urlPattern } from '../matching/matcher.ts'
import { Topic } from '../matching/topic.ts'
import { everyTopic, exactTopic, type TopicMatcher } from '../topic-matcher.ts'

/** Compiles the matchers of tokens. Patterns are relative to the hub's URL. */
export function matcherCompiler(hubUrl: string): CompileMatcher {
  return (matchType, match) => {
    if (matchType === 'urlpattern') return toTopicMatcher(urlPattern(match, hubUrl)).matches
    const matcher = topicSelector(match)
    if (matchType === 'template' && matcher.type === 'template') return toTopicMatcher(matcher).matches
    throw new HubError('INVALID_MATCHER', `${JSON.stringify(match)} is no matcher of type ${matchType}.`)
  }
}

/** A matcher in the form that the hub selects by. */
export function toTopicMatcher(matcher: Matcher): TopicMatcher {
  if (matcher.type === 'all') return everyTopic
  if (matcher.type === 'exact') return exactTopic(matcher.source)
  return { key: matcher.key, topic: undefined, matches: (topic) => selects(matcher, toTopic(topic)) }
}

/** An event is held against many matchers in turn: what it takes to read its topics is worked out once. */
function toTopic(text: string): Topic {
  const known = recent.get(text)
  if (known) return known
  if (recent.size >= maxRecent) recent.clear()
  const topic = new Topic(text)
  recent.set(text, topic)
  return topic
}

const recent = new Map<string, Topic>()
const maxRecent = 64
