import { HubError } from '../base/errors.ts'
import { exactTopic, type Matcher, maxMatcherBytes, topicSelector, urlPattern } from '../matching/matcher.ts'
import { forbiddenCharacter } from '../matching/visible-text.ts'
import type { Role } from './dialect.ts'

/** The grant of one entry of a token. */
export interface Grant {
  readonly roles: ReadonlySet<Role>
  readonly matchers: readonly Matcher[]
  /** Whether the holder may copy the whole history, private events included: a hub at the edge. */
  readonly mayReplicate: boolean
  /** Whether the holder may look at the whole hub: figures, subscribers, topics and history. */
  readonly mayObserve: boolean
  /** Whether the holder may trim the history. */
  readonly mayTrim: boolean
  /**
   * The payload of the entry, which others may read in subscription events. Boxed, because it may
   * be any JSON.
   */
  readonly payload: { readonly value: unknown } | undefined
}

/** How the matches of a token are read. */
export interface GrantRules {
  /** The base URL of URL patterns. */
  readonly hubUrl: string
  /** Whether the hub also accepts what Mercure 0.x does. */
  readonly isCompat: boolean
}

/**
 * Makes the matcher of a grant; `selector` is that of Mercure 0.x. Returns a string that says what
 * is wrong with it, without showing it.
 */
export function grantMatcher(
  type: 'exact' | 'urlpattern' | 'selector',
  match: string,
  { hubUrl, isCompat }: GrantRules,
): Matcher | string {
  if (match === '') return 'its match is empty'
  if (Buffer.byteLength(match) > maxMatcherBytes) return `its match is longer than ${maxMatcherBytes} bytes`
  if (forbiddenCharacter(match, { joiners: isCompat }) !== undefined)
    return 'its match has a control or format character'
  try {
    if (type === 'exact') return exactTopic(match)
    return type === 'urlpattern' ? urlPattern(match, hubUrl) : topicSelector(match)
  } catch (error) {
    if (error instanceof HubError && error.code === 'INVALID_MATCHER') return `its match is not a valid ${type}`
    throw error
  }
}
