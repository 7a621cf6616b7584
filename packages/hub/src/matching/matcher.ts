import { HubError } from '../base/errors.ts'
import type { Work } from './automaton.ts'
import type { Topic } from './topic.ts'
import { UriTemplate } from './uri-template.ts'
import { UrlPattern } from './url-pattern.ts'
import { forbiddenCharacter } from './visible-text.ts'

/**
 * Selects topics. Made from a subscriber's request or a token's grant. `source` is the original
 * text. Matchers with the same `key` match the same topics, whatever their text.
 */
export type Matcher = { readonly source: string; readonly key: string } & (
  | /** Every topic: `*`, whatever the type. */
  { readonly type: 'all' }
  /** One topic, byte for byte, without normalising or resolving. */
  | { readonly type: 'exact' }
  /** The topics that a WHATWG URL pattern matches, both relative to the hub's URL. */
  | { readonly type: 'urlpattern'; readonly pattern: UrlPattern }
  /**
   * A selector of Mercure 0.x that is a URI template: matches its expansions, and the topic with
   * the same text.
   */
  | { readonly type: 'template'; readonly template: UriTemplate }
)

/** The longest matcher in bytes of UTF-8. */
export const maxMatcherBytes = 4096

/** Matches every topic. */
export const everyTopic: Matcher = { type: 'all', source: '*', key: '*' }

/**
 * [Mercure] `match` and `match_exact`, and the match type `exact` of a token.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function exactTopic(topic: string): Matcher {
  assertMatcherText(topic)
  return topic === '*' ? everyTopic : exactly(topic)
}

/**
 * [Mercure] `match_urlpattern`, and the match type `urlpattern` of a token.
 *
 * @param hubUrl the base URL of the pattern and of topics: an absolute `http:` or `https:` URL
 * @throws HubError `INVALID_MATCHER`; `INVALID_OPTION` if the hub's URL is not a URL
 */
export function urlPattern(pattern: string, hubUrl: string): Matcher {
  assertMatcherText(pattern)
  if (pattern === '*') return everyTopic
  const compiled = new UrlPattern(pattern, hubUrl)
  return { type: 'urlpattern', source: pattern, key: `urlpattern:${compiled.key}`, pattern: compiled }
}

/**
 * [Mercure 0.x] `topic`, and the strings in the claim of a token: a topic or a URI template. Text
 * with a brace that is not a valid template is a topic.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function topicSelector(selector: string): Matcher {
  assertMatcherText(selector)
  if (selector === '*') return everyTopic
  const template = UriTemplate.parse(selector)
  return template ? { type: 'template', source: selector, key: `template:${selector}`, template } : exactly(selector)
}

/**
 * Whether a matcher selects a topic. Takes time linear in the length of the topic, whatever the
 * matcher.
 */
export function selects(matcher: Matcher, topic: Topic, work?: Work): boolean {
  switch (matcher.type) {
    case 'all':
      return true
    case 'exact':
      return matcher.source === topic.text
    case 'urlpattern':
      return matcher.pattern.matches(topic, work)
    case 'template':
      return matcher.source === topic.text || matcher.template.matches(topic, work)
  }
}

/**
 * The most steps per character of a topic for a matcher, plus one at the beginning; 0 for matchers
 * that are only looked up.
 */
export function costOf(matcher: Matcher): number {
  if (matcher.type === 'urlpattern') return 1 + matcher.pattern.cost
  return matcher.type === 'template' ? 1 + matcher.template.cost : 0
}

function exactly(topic: string): Matcher {
  return { type: 'exact', source: topic, key: `exact:${topic}` }
}

function assertMatcherText(text: unknown): asserts text is string {
  if (typeof text !== 'string') {
    throw new HubError('INVALID_MATCHER', `A matcher must be a string, but this one is of type ${typeof text}.`)
  }
  if (text === '') throw new HubError('INVALID_MATCHER', 'A matcher is empty. Write a topic, a pattern, or *.')
  const bytes = Buffer.byteLength(text)
  if (bytes > maxMatcherBytes) {
    throw new HubError('INVALID_MATCHER', `A matcher is ${bytes} bytes long; the most is ${maxMatcherBytes}.`)
  }
  const unwelcome = forbiddenCharacter(text, { joiners: true })
  if (unwelcome !== undefined) {
    throw new HubError(
      'INVALID_MATCHER',
      `The matcher ${JSON.stringify(text)} has the control or format character ${unwelcome}, which no topic contains. Remove it.`,
    )
  }
}
