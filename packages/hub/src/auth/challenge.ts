import type { Failure } from './refusal.ts'

/**
 * The `WWW-Authenticate` header of a refusal (RFC 6750, 3; RFC 9728, 5.1); `undefined` for none. `metadataUrl` is where the hub
 * describes itself as a protected resource, if it does.
 */
export function challengeFor({ name, dialect }: Failure, metadataUrl: string | undefined): string | undefined {
  // A token that cannot be judged now may be good: whoever has it should come back, not throw it away.
  if (name === 'keys_unavailable') return undefined
  // [RFC 9110, 15.5.2] Even a 401 of Mercure 0.x has a challenge. That a token is wanted gives nothing away.
  if (dialect === '0.x') return 'Bearer'
  const parameters: string[] = []
  // [RFC 6750, 3.1] No error code when there was no token.
  if (name !== 'missing_token') parameters.push(`error="${name}"`)
  if (metadataUrl !== undefined) parameters.push(`resource_metadata="${metadataUrl}"`)
  return `Bearer ${parameters.join(', ')}`.trimEnd()
}
