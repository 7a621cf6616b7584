import { HubError } from '../base/errors.ts'
import { exactTopic, type Matcher, maxMatcherBytes, topicSelector, urlPattern } from '../matching/matcher.ts'
import { forbiddenCharacter } from '../matching/visible-text.ts'
import type { Role } from './dialect.ts'

/** What one entry of a token grants. */
export interface Grant {
  readonly roles: ReadonlySet<Role>
  readonly matchers: readonly Matcher[]
  /** What the entry says about whom it is for, which others may read in subscription events; boxed, since it may be any JSON. */
  readonly payload: { readonly value: unknown } | undefined
}

/**
 * Makes the matcher of a grant; `selector` is that of before 1.0. A string in its place says what is wrong with it, without showing
 * it.
 */
export function grantMatcher(
  type: 'exact' | 'urlpattern' | 'selector',
  match: string,
  hubUrl: string,
): Matcher | string {
  if (match === '') return 'its match is empty'
  if (Buffer.byteLength(match) > maxMatcherBytes) return `its match is longer than ${maxMatcherBytes} bytes`
  if (forbiddenCharacter(match) !== undefined) return 'its match has a control or format character'
  try {
    if (type === 'exact') return exactTopic(match)
    return type === 'urlpattern' ? urlPattern(match, hubUrl) : topicSelector(match)
  } catch (error) {
    if (error instanceof HubError && error.code === 'INVALID_MATCHER') return `its match is no valid ${type}`
    throw error
  }
}
