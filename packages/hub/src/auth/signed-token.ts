import { compactVerify, decodeJwt, decodeProtectedHeader, errors } from 'jose'
import { RecentMap } from '../base/recent-map.ts'
import { isAlgorithm } from './algorithms.ts'
import type { KeySource, VerificationKey } from './key-source.ts'
import { quoted, Refusal } from './refusal.ts'

/** The claims of a token whose signature is valid. Nothing else is checked yet. */
export type Claims = Readonly<Record<string, unknown>>

/** A decoded, unverified token. Do not trust anything in it yet. */
export interface UnverifiedToken {
  readonly text: string
  readonly alg: unknown
  readonly kid: unknown
  readonly typ: unknown
  readonly claims: Claims
}

/** Decodes a token without verifying it. */
export function readToken(text: string): UnverifiedToken | Refusal {
  try {
    const { alg, kid, typ, ...header } = decodeProtectedHeader(text)
    // [RFC 7515, 4.1.11] A critical extension that we do not understand makes the token invalid.
    // JWTs may not use `b64` (RFC 7797, 7).
    if ('crit' in header || 'b64' in header) return new Refusal('invalid_token', 'its header has crit or b64')
    return { text, alg, kid, typ, claims: decodeJwt(text) }
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) {
      return new Refusal('invalid_token', `it is not a JWT as a compact JWS (${error.message})`)
    }
    throw error
  }
}

/**
 * Verifies the signature with the keys of a source, by the algorithms of these keys, and returns
 * the claims. In the header, `alg` and `kid` can exclude keys, and nothing can add one: `jwk`,
 * `jku`, `x5c` and `x5u` are ignored.
 */
export async function verifySignature(token: UnverifiedToken, source: KeySource): Promise<Claims | Refusal> {
  let keys = await source.current()
  if (!keys) return new Refusal('keys_unavailable', 'the keys of its issuer could not be fetched')
  const known = verified.get(keys)?.get(token.text)
  if (known) return known
  let outcome = await verifyWith(keys, token)
  // The issuer may have published a new key since.
  for (let isComplete = false, attempts = 0; outcome instanceof Refusal && !isComplete; attempts++) {
    // A key of this name that does not fit is not worth waiting for another one.
    const isNamed = token.kid !== undefined && keys.some(({ kid }) => kid === token.kid)
    const renewal = await source.renewed(keys, { mayWait: !isNamed })
    if (renewal.name === 'none' || (renewal.name === 'unknown' && isNamed)) return outcome
    if (renewal.name === 'unknown' || attempts === maxRenewals) return unavailable(outcome)
    keys = renewal.keys
    isComplete = renewal.isComplete
    outcome = await verifyWith(keys, token)
  }
  if (!(outcome instanceof Refusal)) remember(keys, token.text, outcome)
  return outcome
}

/** With several key sets, how often one of them may change while another has to be waited for. */
const maxRenewals = 3

function unavailable({ reason }: Refusal): Refusal {
  return new Refusal('keys_unavailable', `${reason}, and its issuer cannot be asked for its keys again yet`)
}

/**
 * Caches the claims of verified tokens, by the keys that verified them: a publisher sends the same
 * token again and again, and verifying it takes longer than everything else in a request. When the
 * source has other keys, the cached claims are no longer used. Expiry and rights are checked each
 * time.
 */
const verified = new WeakMap<readonly VerificationKey[], RecentMap<Claims>>()
const maxRemembered = 1000
/** Longer tokens are unusual and would fill the memory. */
const maxRememberedLength = 4096

function remember(keys: readonly VerificationKey[], text: string, claims: Claims): void {
  if (text.length > maxRememberedLength) return
  let claimsOf = verified.get(keys)
  if (!claimsOf) {
    claimsOf = new RecentMap(maxRemembered)
    verified.set(keys, claimsOf)
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
  // [RFC 7515, 4.1.4] `kid` is a hint. Keys without a name are tried in any case.
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
