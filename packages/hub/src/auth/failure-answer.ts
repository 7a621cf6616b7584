import type { Failure, FailureName } from './refusal.ts'

/** The HTTP response to a failure. */
export interface FailureAnswer {
  readonly status: 400 | 401 | 403 | 503
  /** The `WWW-Authenticate` header; `undefined` for none. */
  readonly challenge: string | undefined
}

/**
 * Converts a failure to a response (RFC 6750, 3; RFC 9728, 5.1). `metadataUrl` is the URL of the
 * hub's metadata, if it has any. Clients of Mercure 0.x know only 401, whatever the failure.
 */
export function answerTo({ name, dialect }: Failure, metadataUrl: string | undefined): FailureAnswer {
  // A token that cannot be checked now may be valid: the client should retry, not discard it.
  if (name === 'keys_unavailable') return { status: 503, challenge: undefined }
  // [RFC 9110, 15.5.2] A 401 needs a challenge in 0.x, too. That the hub wants a token reveals
  // nothing.
  if (dialect === '0.x') return { status: 401, challenge: 'Bearer' }
  const parameters: string[] = []
  // [RFC 6750, 3.1] No error code when there was no token.
  if (name !== 'missing_token') parameters.push(`error="${name}"`)
  if (metadataUrl !== undefined) parameters.push(`resource_metadata="${metadataUrl}"`)
  return { status: statusOf[name], challenge: `Bearer ${parameters.join(', ')}`.trimEnd() }
}

const statusOf: Record<Exclude<FailureName, 'keys_unavailable'>, 400 | 401 | 403> = {
  missing_token: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_request: 400,
}
