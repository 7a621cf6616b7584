import { everyTopic, type Matcher } from '../matching/matcher.ts'
import type { Role } from './dialect.ts'
import { type Grant, type GrantRules, grantMatcher } from './grant.ts'
import { Refusal } from './refusal.ts'

/** The type of the entries for a Mercure hub. */
export const detailType = 'https://mercure.rocks/authorization-detail'

/** The most Mercure entries, and the most topics of all of them together. */
const maxDetails = 100
const maxTopics = 100
const matchTypes = ['exact', 'urlpattern'] as const

/**
 * Reads the claim `authorization_details` (RFC 9396). Ignores entries of other types: they are for
 * other servers. One bad entry makes the whole token invalid: without that entry, the token would
 * say something its issuer did not.
 */
export function readAuthorizationDetails(value: unknown, rules: GrantRules): readonly Grant[] | Refusal {
  if (value === undefined) return []
  if (!Array.isArray(value)) return new Refusal('invalid_token', 'its authorization_details are not an array')
  const grants: Grant[] = []
  let topicCount = 0
  for (const [index, detail] of value.entries()) {
    if (!isObject(detail) || detail.type !== detailType) continue
    const topics = Array.isArray(detail.topics) ? detail.topics.length : 0
    topicCount += topics
    // Checked before any pattern is compiled.
    if (grants.length === maxDetails) return tooMany('entries', maxDetails)
    if (topicCount > maxTopics) return tooMany('topics', maxTopics)
    const grant = readDetail(detail, rules)
    if (typeof grant === 'string') return new Refusal('invalid_token', `authorization_details[${index}]: ${grant}`)
    grants.push(grant)
  }
  return grants
}

function tooMany(what: string, most: number): Refusal {
  return new Refusal('invalid_token', `its authorization_details have more than ${most} Mercure ${what}`)
}

/** Returns the grant of an entry, or a string that says what is wrong with it. */
function readDetail(detail: Record<string, unknown>, rules: GrantRules): Grant | string {
  const { actions, topics } = detail
  if (!Array.isArray(actions) || actions.length === 0) return 'its actions are not an array with at least one item'
  if (!actions.every((action) => typeof action === 'string')) return 'its actions are not all strings'
  if (!Array.isArray(topics) || topics.length === 0) return 'its topics are not an array with at least one item'
  const matchers: Matcher[] = []
  for (const [index, topic] of topics.entries()) {
    const matcher = readTopic(topic, rules)
    if (typeof matcher === 'string') return `topics[${index}]: ${matcher}`
    matchers.push(matcher)
  }
  // Ignores other actions: later versions may define them.
  const roles = new Set(actions.map((action) => roleOf.get(action)).filter((role) => role !== undefined))
  // A history is copied as a whole or not at all, and a hub is looked at as a whole.
  const isForAll = matchers.includes(everyTopic)
  return {
    roles,
    matchers,
    mayReplicate: isForAll && actions.includes('replicate'),
    mayObserve: isForAll && actions.includes('observe'),
    mayTrim: isForAll && actions.includes('trim'),
    payload: Object.hasOwn(detail, 'payload') ? { value: detail.payload } : undefined,
  }
}

const roleOf: ReadonlyMap<unknown, Role> = new Map([
  ['publish', 'publisher'],
  ['subscribe', 'subscriber'],
])

function readTopic(topic: unknown, rules: GrantRules): Matcher | string {
  if (!isObject(topic)) return 'it is not an object'
  const { match, match_type: matchType = 'exact' } = topic
  if (typeof match !== 'string') return 'its match is not a string'
  // Case-sensitive. Also checked for *, which means the same in each type, but needs a known one.
  const known = matchTypes.find((name) => name === matchType)
  return known ? grantMatcher(known, match, rules) : `its match_type is none of ${matchTypes.join(', ')}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
