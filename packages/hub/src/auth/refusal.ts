import type { Dialect } from './dialect.ts'

/** What a client may know of why it was refused; never why a token failed. */
export type FailureName =
  /** No token, and one is needed. */
  | 'missing_token'
  /** A token that is bad in any way. */
  | 'invalid_token'
  /** A good token without the right that was needed. */
  | 'insufficient_scope'
  /** A token presented in a way that is not allowed. */
  | 'invalid_request'
  /** The token cannot be judged, because the issuer's keys could not be fetched. */
  | 'keys_unavailable'

/** A refusal as the client gets it; `challengeFor` has its header. */
export interface Failure {
  readonly name: FailureName
  readonly dialect: Dialect
}

/**
 * A check that failed. The reason is for the operator's log only: it says which check and why, but holds no token, no topic and
 * nothing of a token's payload.
 */
export class Refusal {
  readonly name: FailureName
  readonly reason: string

  constructor(name: FailureName, reason: string) {
    this.name = name
    this.reason = reason
  }
}

/**
 * A value from a token, for a reason: in quotes and escaped, so that it cannot forge a line of the log, and cut, so that it cannot
 * fill it. The names of claims and headers that say nothing about a person only (`iss`, `aud`, `alg`, `kid`, `typ`).
 */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  // JSON leaves what is above ASCII as it is, and some of that breaks or reorders lines.
  const escaped = text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return escaped.length > 120 ? `${escaped.slice(0, 120)}…` : escaped
}
