import { createHash } from 'node:crypto'
import type { Claims } from './signed-token.ts'

/**
 * Identifies the holder of a token, to count what one holder uses. It is the same for all tokens of
 * one subject of one issuer. For a token without a subject, it is the same for all copies of the
 * token. It is a digest, so that the hub stores no name and no token.
 */
export function tokenHolder({ iss, sub, jti }: Claims, text: string): string {
  const isName = (claim: unknown) => typeof claim === 'string' && claim !== ''
  const names = isName(sub) ? ['sub', iss, sub] : isName(jti) ? ['jti', iss, jti] : ['token', text]
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url')
}
