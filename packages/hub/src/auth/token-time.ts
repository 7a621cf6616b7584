import { Refusal } from './refusal.ts'
import type { Claims } from './signed-token.ts'

export interface TimeRules {
  /** The time, in milliseconds since 1970. */
  readonly now: number
  /** How far the issuer's clock may be ahead, for `nbf`. In milliseconds. */
  readonly clockToleranceMs: number
  readonly isExpiryRequired: boolean
}

/**
 * Checks the times in a token, and returns when it expires, in milliseconds since 1970; `undefined`
 * for never. `exp` has no tolerance, because streams must also have ended by then: one that began
 * after it would end at once.
 */
export function checkTimes(claims: Claims, rules: TimeRules): { readonly expiresAt: number | undefined } | Refusal {
  const { exp, nbf } = claims
  if (exp === undefined && rules.isExpiryRequired) return new Refusal('invalid_token', 'it has no exp')
  if (exp !== undefined && !isTime(exp)) return new Refusal('invalid_token', 'its exp is not a time in seconds')
  if (exp !== undefined && exp * 1000 <= rules.now) {
    return new Refusal('invalid_token', `it expired ${secondsBetween(exp, rules.now)} s ago`)
  }
  if (nbf !== undefined && !isTime(nbf)) return new Refusal('invalid_token', 'its nbf is not a time in seconds')
  if (nbf !== undefined && nbf * 1000 > rules.now + rules.clockToleranceMs) {
    return new Refusal(
      'invalid_token',
      `it is not valid before ${secondsBetween(nbf, rules.now)} s from now (nbf); compare the clocks`,
    )
  }
  return { expiresAt: exp === undefined ? undefined : exp * 1000 }
}

/** [RFC 7519, 2] A NumericDate: seconds since 1970, which may have a fraction. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function secondsBetween(seconds: number, now: number): number {
  return Math.round(Math.abs(seconds - now / 1000))
}
