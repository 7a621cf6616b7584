import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { type Algorithm, algorithmsOf } from './algorithms.ts'
import type { VerificationKey } from './key-source.ts'
import { quoted } from './refusal.ts'

export type KeySetReading =
  | {
      readonly name: 'keys'
      readonly keys: readonly VerificationKey[]
      /** The keys that were skipped, and why, for the operator. */
      readonly remarks: readonly string[]
    }
  | { readonly name: 'problem'; readonly problem: string }

/** The most keys of a set. Real sets have a handful. */
const maxKeys = 100

/**
 * Reads a JWK Set (RFC 7517, 5): its public keys for signatures, each with the allowed algorithms
 * that fit it. Skips keys of other uses and types, as the RFC asks.
 */
export function readKeySet(value: unknown, allowed: ReadonlySet<Algorithm>): KeySetReading {
  const members = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  if (!Array.isArray(members))
    return { name: 'problem', problem: 'it is not a JWK Set, an object with an array "keys"' }
  if (members.length > maxKeys) {
    return { name: 'problem', problem: `it has ${members.length} keys; the most is ${maxKeys}` }
  }
  const keys: VerificationKey[] = []
  const remarks: string[] = []
  members.forEach((jwk: unknown, index) => {
    const key = readKey(jwk, allowed)
    if (typeof key !== 'string') keys.push(key)
    else remarks.push(`key ${index} of the set${kidOf(jwk)} is not used: ${key}`)
  })
  return { name: 'keys', keys, remarks }
}

/** Returns a key, or why it is not used. */
function readKey(jwk: unknown, allowed: ReadonlySet<Algorithm>): VerificationKey | string {
  if (typeof jwk !== 'object' || jwk === null) return 'it is not a JWK'
  const { kty, use, key_ops: operations, alg, kid, d } = jwk as Record<string, unknown>
  if (kty === 'oct') return 'it is a secret, but a set is for public keys; configure the secret itself'
  // Everyone who read the set can sign now.
  if (d !== undefined)
    return 'it is a private key, which must not be in the set; replace it, because it is no longer secret'
  if (use !== undefined && use !== 'sig') return `its use is ${quoted(use)}`
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'its key_ops do not include "verify"'
  }
  const key = importKey(jwk as JsonWebKey)
  if (typeof key === 'string') return key
  // [RFC 8725, 3.1] Each key is used only with its own algorithms.
  const algorithms = algorithmsOf(key).filter(
    (algorithm) => allowed.has(algorithm) && (alg === undefined || alg === algorithm),
  )
  if (algorithms.length === 0) return 'none of the allowed algorithms fits it'
  return { kid: typeof kid === 'string' ? kid : undefined, key, algorithms: new Set(algorithms) }
}

function importKey(jwk: JsonWebKey): KeyObject | string {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (error) {
    return `it cannot be read (${(error as Error).message})`
  }
}

function kidOf(jwk: unknown): string {
  const kid = typeof jwk === 'object' && jwk !== null && 'kid' in jwk ? jwk.kid : undefined
  return kid === undefined ? '' : ` (kid ${quoted(kid)})`
}
