import { HubError } from '../errors.ts'
import type { Role } from './dialect.ts'

/**
 * Compiles a matcher: `exact` and `urlpattern`, and `template` for the selectors of before 1.0. Throws a `HubError` `INVALID_MATCHER` when the
 * text is none of its type.
 */
export type CompileMatcher = (matchType: string, match: string) => (topic: string) => boolean

/** A set of topics that a token grants something on. Has the form of a topic matcher of the hub. */
export interface GrantMatcher {
  /** How the token says it: to compile it again for other uses. */
  readonly matchType: 'all' | 'exact' | 'urlpattern' | 'template'
  readonly match: string
  /** Matchers with the same key match the same topics. */
  readonly key: string
  /** The one topic it matches, for an index; `undefined` when it may match several. */
  readonly topic: string | undefined
  matches(topic: string): boolean
}

/** What one entry of a token grants. */
export interface Grant {
  readonly roles: ReadonlySet<Role>
  readonly matchers: readonly GrantMatcher[]
  /** What the entry says about whom it is for, which others may read in subscription events; boxed, since it may be any JSON. */
  readonly payload: { readonly value: unknown } | undefined
}

/** The longest matcher, in bytes. */
const maxMatcherBytes = 4096

/** Matches every topic. */
export const everyTopic: GrantMatcher = {
  matchType: 'all',
  match: '*',
  key: '*',
  topic: undefined,
  matches: () => true,
}

/** Makes the matcher of a grant. A string in its place says what is wrong with it, without showing it. */
export function grantMatcher(
  matchType: 'exact' | 'urlpattern' | 'template',
  match: string,
  compile: CompileMatcher,
): GrantMatcher | string {
  if (match === '') return 'its match is empty'
  if (Buffer.byteLength(match) > maxMatcherBytes) return `its match is longer than ${maxMatcherBytes} bytes`
  if (/[\p{Cc}\p{Cf}\p{Cs}]/u.test(match)) return 'its match has a control or format character'
  if (match === '*') return everyTopic
  if (matchType === 'exact')
    return { matchType, match, key: `exact:${match}`, topic: match, matches: (topic) => topic === match }
  try {
    return { matchType, match, key: `${matchType}:${match}`, topic: undefined, matches: compile(matchType, match) }
  } catch (error) {
    if (error instanceof HubError && error.code === 'INVALID_MATCHER') return `its match is no valid ${matchType}`
    throw error
  }
}

/** The matcher of a selector of before 1.0: a string that may be a URI template, and matches the topic that is equal to it in any case. */
export function oldGrantMatcher(selector: string, compile: CompileMatcher): GrantMatcher | string {
  const exact = grantMatcher('exact', selector, compile)
  if (typeof exact === 'string' || exact === everyTopic || !selector.includes('{')) return exact
  const template = grantMatcher('template', selector, compile)
  // What is no template is only a string.
  if (typeof template === 'string') return exact
  return { ...template, matches: (topic) => topic === selector || template.matches(topic) }
}
