import type { KeyObject } from 'node:crypto'

/**
 * Algorithms with a shared secret. Used only if configured: a hub that took a public key for a
 * secret would let anyone sign.
 */
export const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const
/** Algorithms with a public key (RFC 7518, RFC 8037, RFC 9864). */
export const publicKeyAlgorithms = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const

/** Every supported algorithm. `none` is not one. */
export type Algorithm = (typeof secretAlgorithms)[number] | (typeof publicKeyAlgorithms)[number]

export function isAlgorithm(name: unknown): name is Algorithm {
  return [...secretAlgorithms, ...publicKeyAlgorithms].some((algorithm) => algorithm === name)
}

export function isSecretAlgorithm(algorithm: Algorithm): boolean {
  return algorithm.startsWith('HS')
}

/**
 * The algorithms that a public or private key can be used with; none if its type is not supported
 * or it is too weak.
 */
export function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly Algorithm[] {
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  if (asymmetricKeyType === 'ec') return curveAlgorithms[asymmetricKeyDetails?.namedCurve ?? ''] ?? []
  // [RFC 7518, 3.3] A key of 2048 bits or larger must be used.
  const isLongEnough = (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
  return asymmetricKeyType === 'rsa' && isLongEnough ? rsaAlgorithms : []
}

const curveAlgorithms: Record<string, readonly Algorithm[]> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

const rsaAlgorithms: readonly Algorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

/** Describes a key for a message. */
export function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'ec') return `a key on the curve ${asymmetricKeyDetails?.namedCurve}`
  const { modulusLength } = asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined) return `an ${asymmetricKeyType?.toUpperCase()} key of ${modulusLength} bits`
  return `a key of type ${asymmetricKeyType}`
}
