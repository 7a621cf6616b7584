import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto'
import { type AuthOptions, parseAuthOptions } from '../../src/auth/auth-options.ts'
import { Authenticator, type AuthenticatorOptions, type AuthResult } from '../../src/auth/authenticator.ts'
import type { AuthRequest } from '../../src/auth/presented-token.ts'
import type { Rights } from '../../src/auth/rights.ts'

export const secret = 'a secret of 32 bytes or more, for tests'
export const otherSecret = 'another secret of 32 bytes and more.'
export const issuer = 'https://shop.example'
export const audience = 'https://hub.shop.example/.well-known/mercure'
/** When all tests happen. */
export const now = 1_767_225_300_000
export const nowSeconds = now / 1000

/** A hub with one issuer and a shared secret for both roles. */
export const oneSecret: AuthOptions = {
  issuer,
  audience,
  publisher: { key: secret, algorithms: 'HS256' },
  subscriber: { key: secret, algorithms: 'HS256' },
}

/** An authenticator with a clock that stands still, and what it warned of. */
export async function authenticatorOf(
  options: AuthOptions,
  more: Partial<AuthenticatorOptions> = {},
): Promise<{ authenticator: Authenticator; warnings: string[] }> {
  const warnings: string[] = []
  const onWarning = (warning: string) => warnings.push(warning)
  const authenticator = await Authenticator.create(parseAuthOptions(options), {
    hubUrl: 'https://hub.example/.well-known/mercure',
    now: () => now,
    onWarning,
    ...more,
  })
  return { authenticator, warnings }
}

export function requestWith(parts: Partial<AuthRequest> = {}): AuthRequest {
  return {
    method: 'GET',
    authorization: [],
    cookie: undefined,
    origin: undefined,
    referer: undefined,
    query: new URLSearchParams(),
    ...parts,
  }
}

export function bearer(token: string, parts: Partial<AuthRequest> = {}): AuthRequest {
  return requestWith({ authorization: [`Bearer ${token}`], ...parts })
}

export function rightsOf(result: AuthResult): Rights {
  if (result.name === 'authorized') return result.rights
  throw new Error(`It was refused: ${result.reason}`)
}

export interface Detail {
  readonly type: string
  readonly actions: unknown
  readonly topics: unknown
  readonly payload?: unknown
}

export const detailType = 'https://mercure.rocks/authorization-detail'

export function detail(actions: unknown, topics: unknown, more: Record<string, unknown> = {}): Detail {
  return { type: detailType, actions, topics, ...more }
}

/** The claims of a good token that grants everything. A claim set to `undefined` is left out. */
export function claims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer,
    aud: audience,
    exp: nowSeconds + 300,
    authorization_details: [detail(['publish', 'subscribe'], [{ match: '*' }])],
    ...more,
  }
}

/** Signs anything, also what no library would. `undefined` in the header leaves it out. */
export function sign(
  payload: Record<string, unknown> | string,
  { key = secret, ...header }: { key?: string | Buffer | KeyObject; [name: string]: unknown } = {},
): string {
  const fullHeader = { alg: 'HS256', typ: 'at+jwt', ...header }
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const signed = `${base64url(JSON.stringify(fullHeader))}.${base64url(body)}`
  return `${signed}.${signatureOf(signed, String(fullHeader.alg), key)}`
}

function signatureOf(signed: string, alg: string, key: string | Buffer | KeyObject): string {
  if (alg.toLowerCase() === 'none') return ''
  const hash = `sha${alg.slice(2)}`
  if (alg.startsWith('HS')) return createHmac(hash, key).update(signed).digest('base64url')
  const bytes = Buffer.from(signed)
  const keyObject = key as KeyObject
  if (alg.startsWith('ES'))
    return signBytes(hash, bytes, { key: keyObject, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  if (alg.startsWith('PS')) {
    const saltLength = Number(alg.slice(2)) / 8
    return signBytes(hash, bytes, { key: keyObject, padding: 6, saltLength }).toString('base64url')
  }
  return signBytes(alg.startsWith('RS') ? hash : null, bytes, keyObject).toString('base64url')
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** The public key as PEM. */
  readonly pem: string
  /** The public key as a JWK. */
  jwk(more?: Record<string, unknown>): Record<string, unknown>
}

export function keyPair(kind: 'rsa' | 'rsa1024' | 'p256' | 'p384' | 'p521' | 'secp256k1' | 'ed25519'): KeyPair {
  const { privateKey, publicKey } = generate(kind)
  return {
    privateKey,
    publicKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: (more = {}) => ({ ...publicKey.export({ format: 'jwk' }), ...more }),
  }
}

function generate(kind: Parameters<typeof keyPair>[0]): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (kind === 'rsa1024') return generateKeyPairSync('rsa', { modulusLength: 1024 })
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  const namedCurve = { p256: 'P-256', p384: 'P-384', p521: 'P-521', secp256k1: 'secp256k1' }[kind]
  return generateKeyPairSync('ec', { namedCurve })
}
