import type { Matcher } from '../matching/matcher.ts'
import { type Grant, type GrantRules, grantMatcher } from './grant.ts'
import { Refusal } from './refusal.ts'
import type { Claims } from './signed-token.ts'

/**
 * The claim with the rights of Mercure 0.x tokens. The second is for issuers that require a
 * namespace, and wins.
 */
const claimName = 'mercure'
const namespacedClaimName = 'https://mercure.rocks/'
/** The most selectors for publishing, and for subscribing. */
const maxSelectors = 1000

export function hasOldClaim(claims: Claims): boolean {
  return claims[namespacedClaimName] !== undefined || claims[claimName] !== undefined
}

/**
 * Reads the claim of Mercure 0.x: arrays of selectors, `publish` and `subscribe`, and a payload.
 */
export function readOldClaim(claims: Claims, rules: GrantRules): readonly Grant[] | Refusal {
  const claim = claims[namespacedClaimName] ?? claims[claimName]
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) {
    return new Refusal('invalid_token', 'its mercure claim is not an object')
  }
  const { publish, subscribe } = claim as Record<string, unknown>
  const publishing = readSelectors('publish', publish, rules)
  if (publishing instanceof Refusal) return publishing
  const subscribing = readSelectors('subscribe', subscribe, rules)
  if (subscribing instanceof Refusal) return subscribing
  const payload = Object.hasOwn(claim, 'payload') ? { value: (claim as { payload?: unknown }).payload } : undefined
  return [
    {
      roles: new Set(['publisher']),
      matchers: publishing,
      mayReplicate: false,
      mayObserve: false,
      mayTrim: false,
      payload: undefined,
    },
    {
      roles: new Set(['subscriber']),
      matchers: subscribing,
      mayReplicate: false,
      mayObserve: false,
      mayTrim: false,
      payload,
    },
  ]
}

function readSelectors(name: string, value: unknown, rules: GrantRules): readonly Matcher[] | Refusal {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return new Refusal('invalid_token', `mercure.${name} is not an array`)
  if (value.length > maxSelectors) {
    return new Refusal('invalid_token', `mercure.${name} has ${value.length} selectors; the most is ${maxSelectors}`)
  }
  const matchers: Matcher[] = []
  for (const [index, selector] of value.entries()) {
    const matcher = typeof selector === 'string' ? grantMatcher('selector', selector, rules) : 'it is not a string'
    if (typeof matcher === 'string') return new Refusal('invalid_token', `mercure.${name}[${index}]: ${matcher}`)
    matchers.push(matcher)
  }
  return matchers
}
