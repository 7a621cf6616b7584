import type { Failure } from './refusal.ts'

/**
 * The `WWW-Authenticate` header of a refusal (RFC 6750, 3; RFC 9728, 5.1); `undefined` for none.
 * `metadataUrl` is the URL of the hub's metadata, if it has any.
 */
export function challengeFor({ name, dialect }: Failure, metadataUrl: string | undefined): string | undefined {
  // A token that cannot be checked now may be valid: the client should retry, not discard it.
  if (name === 'keys_unavailable') return undefined
  // [RFC 9110, 15.5.2] Even a 401 of Mercure 0.x has a challenge. That the hub wants a token
  // reveals nothing.
  if (dialect === '0.x') return 'Bearer'
  const parameters: string[] = []
  // [RFC 6750, 3.1] No error code when there was no token.
  if (name !== 'missing_token') parameters.push(`error="${name}"`)
  if (metadataUrl !== undefined) parameters.push(`resource_metadata="${metadataUrl}"`)
  return `Bearer ${parameters.join(', ')}`.trimEnd()
}
