import { compactVerify, decodeJwt, decodeProtectedHeader, errors } from 'jose'
import { isAlgorithm } from './algorithms.ts'
import type { KeySource, VerificationKey } from './key-source.ts'
import { quoted, Refusal } from './refusal.ts'

/** The claims of a token whose signature is good. Nothing else about them is known. */
export type Claims = Readonly<Record<string, unknown>>

/** A token as it can be read by anybody: nothing in it is to be believed yet. */
export interface UnverifiedToken {
  readonly text: string
  readonly alg: unknown
  readonly kid: unknown
  readonly typ: unknown
  readonly claims: Claims
}

/** Takes a token apart, without verifying anything. */
export function readToken(text: string): UnverifiedToken | Refusal {
  try {
    const { alg, kid, typ, ...header } = decodeProtectedHeader(text)
    // [RFC 7515, 4.1.11] What must be understood, and is not, makes it invalid. `b64` is for no JWT (RFC 7797, 7).
    if ('crit' in header || 'b64' in header) return new Refusal('invalid_token', 'its header has crit or b64')
    return { text, alg, kid, typ, claims: decodeJwt(text) }
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) {
      return new Refusal('invalid_token', `it is no JWT as a compact JWS (${error.message})`)
    }
    throw error
  }
}

/**
 * Verifies the signature with the keys of a source, by algorithms that these keys are for, and returns the claims. Of the header,
 * `alg` and `kid` can rule keys out, and nothing in it can bring one in: `jwk`, `jku`, `x5c` and `x5u` are not looked at.
 */
export async function verifySignature(token: UnverifiedToken, source: KeySource): Promise<Claims | Refusal> {
  const keys = await source.current()
  if (!keys) return new Refusal('keys_unavailable', 'the keys of its issuer could not be fetched')
  const known = verified.get(keys)?.get(token.text)
  if (known) return known
  const outcome = await verifyWith(keys, token)
  if (!(outcome instanceof Refusal)) {
    remember(keys, token.text, outcome)
    return outcome
  }
  // The issuer may have a new key since.
  const renewed = await source.renewed(keys)
  return renewed ? verifyWith(renewed, token) : outcome
}

/**
 * The claims of tokens whose signature was found good, by the keys that it was found good with: a publisher comes with the same token again and
 * again, and verifying it takes longer than all else of a request. When its source has other keys nothing of this is used any more. Whether the
 * token is still good, and for what, is decided each time.
 */
const verified = new WeakMap<readonly VerificationKey[], Map<string, Claims>>()
const maxRemembered = 1000
/** What is longer is nobody's usual token, and would fill the memory. */
const maxRememberedLength = 4096

function remember(keys: readonly VerificationKey[], text: string, claims: Claims): void {
  if (text.length > maxRememberedLength) return
  let claimsOf = verified.get(keys)
  if (!claimsOf) {
    claimsOf = new Map()
    verified.set(keys, claimsOf)
  }
  if (claimsOf.size === maxRemembered) {
    const [oldest] = claimsOf.keys()
    claimsOf.delete(oldest!)
  }
  claimsOf.set(text, claims)
}

async function verifyWith(
  keys: readonly VerificationKey[],
  { text, alg, kid }: UnverifiedToken,
): Promise<Claims | Refusal> {
  const fitting = keys.filter(({ algorithms }) => isAlgorithm(alg) && algorithms.has(alg))
  if (fitting.length === 0) {
    const known = [...new Set(keys.flatMap(({ algorithms }) => [...algorithms]))].join(', ') || 'none'
    return new Refusal('invalid_token', `its alg is ${quoted(alg)}, and the keys of its issuer are for ${known}`)
  }
  // [RFC 7515, 4.1.4] A hint which key it is. Keys without a name are tried in any case.
  const named = fitting.filter((key) => kid === undefined || key.kid === undefined || key.kid === kid)
  if (named.length === 0) {
    return new Refusal('invalid_token', `no key of its issuer for ${quoted(alg)} has its kid ${quoted(kid)}`)
  }
  for (const { key, algorithms } of named) {
    try {
      const { payload } = await compactVerify(text, key, { algorithms: [...algorithms] })
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Claims
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue
      if (error instanceof errors.JOSEError) return new Refusal('invalid_token', `it is malformed (${error.message})`)
      throw error
    }
  }
  const count = named.length === 1 ? 'the key' : `any of the ${named.length} keys`
  return new Refusal('invalid_token', `its signature does not fit ${count} of its issuer for ${quoted(alg)}`)
}
