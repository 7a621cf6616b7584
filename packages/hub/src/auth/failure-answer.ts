import type { Failure, FailureName } from './refusal.ts'

/** How a failure is told over HTTP. */
export interface FailureAnswer {
  readonly status: 400 | 401 | 403 | 503
  /** The `WWW-Authenticate` header; `undefined` for none. */
  readonly challenge: string | undefined
}

/**
 * How a failure is told to the client (RFC 6750, 3; RFC 9728, 5.1). `metadataUrl` is where the hub describes itself as a protected
 * resource, if it does. Clients of before 1.0 know only 401, whatever the failure.
 */
export function answerTo({ name, dialect }: Failure, metadataUrl: string | undefined): FailureAnswer {
  // A token that cannot be judged now may be good: whoever has it should come back, not throw it away.
  if (name === 'keys_unavailable') return { status: 503, challenge: undefined }
  // [RFC 9110, 15.5.2] Even there a 401 has a challenge. That it is a token that is wanted tells nothing.
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
