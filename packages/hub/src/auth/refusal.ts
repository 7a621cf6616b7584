import type { Dialect } from './dialect.ts'

/** What a client may know about its refusal. It never learns why a token failed. */
export type FailureName =
  /** The request has no token, but needs one. */
  | 'missing_token'
  /** A token that is bad in any way. */
  | 'invalid_token'
  /** A valid token without the required right. */
  | 'insufficient_scope'
  /** A token presented in a way that is not allowed. */
  | 'invalid_request'
  /** The token cannot be checked, because the issuer's keys could not be fetched. */
  | 'keys_unavailable'

/** A refusal for the client; `challengeFor` returns its header. */
export interface Failure {
  readonly name: FailureName
  readonly dialect: Dialect
}

/**
 * A failed check. The reason is only for the operator's log: it says which check failed and why,
 * but contains no token, no topic and nothing of a token's payload.
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
 * Quotes a value from a token for a reason: escaped, so that it cannot forge a line of the log, and
 * cut, so that it cannot fill it. Use it only for claims and headers that say nothing about a
 * person (`iss`, `aud`, `alg`, `kid`, `typ`).
 */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  // JSON leaves characters beyond ASCII as they are, and some of them break or reorder lines.
  const escaped = text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return escaped.length > 120 ? `${escaped.slice(0, 120)}…` : escaped
}
