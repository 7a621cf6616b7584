import { createHash } from 'node:crypto'
import type { Claims } from './signed-token.ts'

/**
 * Whose token it is, for counting what one holder takes: the same for all tokens of a subject of an issuer; of a token that names no subject,
 * for all copies of it. A digest, so that no name and no token is kept for it.
 */
export function tokenHolder({ iss, sub, jti }: Claims, text: string): string {
  const isName = (claim: unknown) => typeof claim === 'string' && claim !== ''
  const names = isName(sub) ? ['sub', iss, sub] : isName(jti) ? ['jti', iss, jti] : ['token', text]
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url')
}
