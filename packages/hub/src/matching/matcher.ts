import { HubError } from '../base/errors.ts'
import type { Work } from './automaton.ts'
import type { Topic } from './topic.ts'
import { UriTemplate } from './uri-template.ts'
import { UrlPattern } from './url-pattern.ts'
import { forbiddenCharacter } from './visible-text.ts'

/**
 * Selects topics. Made from what a subscriber asks for, and from what a token grants. `source` is how it was spelled there; matchers
 * with the same `key` match the same topics, however they were spelled.
 */
export type Matcher = { readonly source: string; readonly key: string } & (
  | /** Every topic: `*`, whatever the type. */
  { readonly type: 'all' }
  /** One topic, byte for byte: nothing is normalised or resolved. */
  | { readonly type: 'exact' }
  /** The topics that a WHATWG URL pattern matches, both relative to the hub's URL. */
  | { readonly type: 'urlpattern'; readonly pattern: UrlPattern }
  /** A selector of Mercure 0.x that is a URI template: what it can expand to, and the topic that is spelled as it is. */
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
 * @param hubUrl what the pattern, and topics, are relative to: an absolute `http:` or `https:` URL
 * @throws HubError `INVALID_MATCHER`; `INVALID_OPTION` for a hub's URL that is none
 */
export function urlPattern(pattern: string, hubUrl: string): Matcher {
  assertMatcherText(pattern)
  if (pattern === '*') return everyTopic
  const compiled = new UrlPattern(pattern, hubUrl)
  return { type: 'urlpattern', source: pattern, key: `urlpattern:${compiled.key}`, pattern: compiled }
}

/**
 * [Mercure 0.x] `topic`, and the strings in the claim of a token: a topic, or a URI template. What has a brace and is no valid
 * template is a topic.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function topicSelector(selector: string): Matcher {
  assertMatcherText(selector)
  if (selector === '*') return everyTopic
  const template = UriTemplate.parse(selector)
  return template ? { type: 'template', source: selector, key: `template:${selector}`, template } : exactly(selector)
}

/** Whether a matcher selects a topic. Takes time linear in the length of the topic, whatever the matcher. */
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

/** The most steps that a character of a topic costs a matcher, and its beginning one more; 0 for those that are only looked up. */
export function costOf(matcher: Matcher): number {
  if (matcher.type === 'urlpattern') return 1 + matcher.pattern.cost
  return matcher.type === 'template' ? 1 + matcher.template.cost : 0
}

function exactly(topic: string): Matcher {
  return { type: 'exact', source: topic, key: `exact:${topic}` }
}

function assertMatcherText(text: unknown): asserts text is string {
  if (typeof text !== 'string') {
    throw new HubError('INVALID_MATCHER', `A matcher is text, and this one of type ${typeof text}.`)
  }
  if (text === '') throw new HubError('INVALID_MATCHER', 'A matcher is empty. Give it a topic, a pattern, or *.')
  const bytes = Buffer.byteLength(text)
  if (bytes > maxMatcherBytes) {
    throw new HubError('INVALID_MATCHER', `A matcher is ${bytes} bytes long; the most is ${maxMatcherBytes}.`)
  }
  const unwelcome = forbiddenCharacter(text)
  if (unwelcome !== undefined) {
    throw new HubError(
      'INVALID_MATCHER',
      `The matcher ${JSON.stringify(text)} has the control or format character ${unwelcome}, which no topic has. Leave it out.`,
    )
  }
}
