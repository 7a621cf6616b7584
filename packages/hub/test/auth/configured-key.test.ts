import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Algorithm } from '../../src/auth/algorithms.ts'
import { HubError } from '../../src/base/errors.ts'
import { authenticatorOf, bearer, claims, keyPair, oneSecret, otherSecret, secret, sign } from './tokens.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fileWith(text: string): Promise<string> {
  const path = join(folder, `${Math.random()}`)
  await writeFile(path, text)
  return `file:${path}`
}

/** A hub whose publishers have this key. */
function hubWith(key: string | readonly string[], algorithms?: Algorithm | readonly Algorithm[]) {
  return authenticatorOf({ ...oneSecret, publisher: { key, ...(algorithms && { algorithms }) } })
}

/** Whether a hub with this key takes what was signed so. */
async function takes(
  key: string | readonly string[],
  algorithms: Algorithm | readonly Algorithm[] | undefined,
  signed: Parameters<typeof sign>[1],
): Promise<boolean> {
  const { authenticator } = await hubWith(key, algorithms)
  return (await authenticator.authenticate(bearer(sign(claims(), signed)), 'publisher')).name === 'authorized'
}

/** What a hub says at its start that cannot have this key. Never shows the key. */
async function refusalOf(
  key: string | readonly string[],
  algorithms?: Algorithm | readonly Algorithm[],
): Promise<string> {
  const error = await hubWith(key, algorithms).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof HubError)) throw new Error(`It was taken, or failed otherwise: ${String(error)}`)
  expect(error.code).toBe('INVALID_OPTION')
  expect(error.message).toMatch(/^publisher\.(key|algorithms)/)
  for (const text of [key].flat()) {
    if (!/^(https?|file):/.test(text) && text !== '') expect(error.message).not.toContain(text)
  }
  return error.message
}

const rsa = keyPair('rsa')
const p256 = keyPair('p256')
const p384 = keyPair('p384')
const p521 = keyPair('p521')
const ed25519 = keyPair('ed25519')

describe('a shared secret', () => {
  it('is used with the algorithm chosen', async () => {
    const long = 's'.repeat(64)
    for (const algorithm of ['HS256', 'HS384', 'HS512'] as const) {
      expect(await takes(long, algorithm, { alg: algorithm, key: long })).toBe(true)
    }
    expect(await takes(long, ['HS256', 'HS512'], { alg: 'HS384', key: long })).toBe(false)
    expect(await takes(long, ['HS256', 'HS512'], { alg: 'HS512', key: long })).toBe(true)
  })

  it('is refused without an algorithm, or with one for public keys', async () => {
    expect(await refusalOf(secret)).toContain('--key-alg HS256')
    expect(await refusalOf(secret, 'ES256')).toContain('HS256, HS384 or HS512')
  })

  it('is refused when it is shorter than the hash', async () => {
    expect(await takes('s'.repeat(32), 'HS256', { key: 's'.repeat(32) })).toBe(true)
    expect(await refusalOf('s'.repeat(31), 'HS256')).toContain('at least 32')
    expect(await refusalOf('s'.repeat(63), 'HS512')).toContain('at least 64')
    expect(await refusalOf('!ChangeMe!', 'HS256')).toContain('openssl rand')
  })

  it('may be in a file, which may end with a line break', async () => {
    for (const end of ['', '\n', '\r\n']) {
      expect(await takes(await fileWith(secret + end), 'HS256', { key: secret })).toBe(true)
    }
    expect(await takes(await fileWith(`${secret}\n\n`), 'HS256', { key: secret })).toBe(false)
  })

  it('may be two while one replaces the other', async () => {
    for (const key of [secret, otherSecret]) expect(await takes([secret, otherSecret], 'HS256', { key })).toBe(true)
    expect(await takes([secret, otherSecret], 'HS256', { key: 'a third secret that nobody ever chose' })).toBe(false)
  })
})

describe('a PEM key', () => {
  const cases: [string, typeof rsa, Algorithm[]][] = [
    ['RSA', rsa, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['P-256', p256, ['ES256']],
    ['P-384', p384, ['ES384']],
    ['P-521', p521, ['ES512']],
    ['Ed25519', ed25519, ['EdDSA', 'Ed25519']],
  ]
  it.each(cases)('%s is used with the algorithms that fit it', async (_name, pair, algorithms) => {
    for (const alg of algorithms) expect(await takes(pair.pem, undefined, { alg, key: pair.privateKey })).toBe(true)
  })

  it('used as an HMAC secret is refused at the start', async () => {
    for (const text of [p256.pem, rsa.pem, rsa.pem.replaceAll('\n', '\\n'), ` ${rsa.pem}`, await fileWith(rsa.pem)]) {
      expect(await refusalOf(text, 'HS256')).toContain('anyone who has the public key could sign')
      expect(await refusalOf([text], ['HS256', 'HS512'])).toContain('HS256, HS512 is for shared secrets')
    }
    // Not either beside a real secret.
    expect(await refusalOf([secret, rsa.pem], 'HS256')).toMatch(/^publisher\.key\[1\] is a PEM key/)
  })

  it('of another kind than the algorithm chosen is refused', async () => {
    expect(await refusalOf(p256.pem, 'RS256')).toContain('a key on the curve prime256v1, for ES256, not for RS256')
    expect(await refusalOf(rsa.pem, 'ES256')).toContain('an RSA key of 2048 bits')
  })

  it('may have its line breaks as \\n, as environment variables do', async () => {
    expect(await takes(p256.pem.replaceAll('\n', '\\n'), undefined, { alg: 'ES256', key: p256.privateKey })).toBe(true)
  })

  it('may be in a file, and of PKCS #1', async () => {
    const pkcs1 = rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    expect(await takes(await fileWith(pkcs1), undefined, { alg: 'RS256', key: rsa.privateKey })).toBe(true)
  })

  it('that is private is refused, and what to do is said', async () => {
    for (const options of [{ type: 'pkcs8' }, { type: 'sec1' }] as const) {
      const pem = p256.privateKey.export({ ...options, format: 'pem' }).toString()
      expect(await refusalOf(pem)).toContain('openssl pkey')
    }
  })

  it('that is a certificate, several, broken or too weak is refused', async () => {
    expect(await refusalOf('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----')).toContain('openssl x509')
    expect(await refusalOf(p256.pem + p384.pem)).toContain('2 PEM blocks')
    expect(await refusalOf(p256.pem.replace(/M[A-Za-z]/, '!!'))).toContain('is not a readable PEM public key')
    expect(await refusalOf('-----BEGIN')).toContain('not a public key')
    expect(await refusalOf(keyPair('rsa1024').pem)).toContain('an RSA key of 1024 bits, which cannot be used')
    expect(await refusalOf(keyPair('secp256k1').pem)).toContain('the curve secp256k1')
    const x25519 = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
    expect(await refusalOf(x25519)).toContain('a key of type x25519')
  })
})

describe('a JWK Set', () => {
  const set = (...keys: unknown[]) => JSON.stringify({ keys })
  const es256 = { alg: 'ES256', key: p256.privateKey }

  it('has a key for each kid', async () => {
    const text = set(p256.jwk({ kid: 'a' }), keyPair('p256').jwk({ kid: 'b' }), rsa.jwk({ kid: 'c' }))
    expect(await takes(text, undefined, { ...es256, kid: 'a' })).toBe(true)
    expect(await takes(text, undefined, { ...es256, kid: 'b' })).toBe(false)
    expect(await takes(text, undefined, { ...es256, kid: 'x' })).toBe(false)
    // Only a hint: without it every key is tried that the algorithm allows.
    expect(await takes(text, undefined, es256)).toBe(true)
    expect(await takes(text, undefined, { alg: 'RS256', key: rsa.privateKey })).toBe(true)
  })

  it('may have keys without a kid, which are tried for every token', async () => {
    expect(await takes(set(rsa.jwk(), keyPair('p256').jwk(), p256.jwk()), undefined, { ...es256, kid: 'x' })).toBe(true)
  })

  it('uses each key only as its alg, use and key_ops say', async () => {
    const key = rsa.privateKey
    expect(
      await takes(set(rsa.jwk({ alg: 'RS256', use: 'sig', key_ops: ['verify'] })), undefined, { alg: 'RS256', key }),
    ).toBe(true)
    expect(await takes(set(rsa.jwk({ alg: 'RS256' })), undefined, { alg: 'PS256', key })).toBe(false)
    for (const unusable of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'RSA-OAEP' }, { alg: 'HS256' }]) {
      expect(await refusalOf(set(rsa.jwk(unusable)))).toContain('key 0 of the set is not used')
    }
  })

  it('is limited to the algorithms chosen', async () => {
    const text = set(rsa.jwk(), p256.jwk())
    expect(await takes(text, 'ES256', es256)).toBe(true)
    expect(await takes(text, 'ES256', { alg: 'RS256', key: rsa.privateKey })).toBe(false)
  })

  it('with HMAC is refused at the start', async () => {
    expect(await refusalOf(set(rsa.jwk()), 'HS256')).toContain('a JWK Set, which is public')
    expect(await refusalOf('https://login.example/jwks.json', 'HS256')).toContain('a JWK Set, which is public')
  })

  it('passes over secrets, private and unreadable keys, and says so', async () => {
    const own = p256.privateKey.export({ format: 'jwk' })
    const bad = [
      { kty: 'oct', k: 'c2VjcmV0' },
      { ...own, kid: 'leaked' },
      { kty: 'RSA', n: 1 },
      { kty: 'AKP' },
      null,
      'x',
    ]
    const { authenticator, warnings } = await hubWith(set(...bad, rsa.jwk()))
    const signed = (header: Parameters<typeof sign>[1]) =>
      authenticator.authenticate(bearer(sign(claims(), header)), 'publisher')
    expect((await signed({ alg: 'RS256', key: rsa.privateKey })).name).toBe('authorized')
    expect((await signed({ alg: 'HS256', key: 'secret' })).name).toBe('refused')
    expect((await signed(es256)).name).toBe('refused')
    expect(warnings).toHaveLength(bad.length)
    expect(warnings[1]).toContain('key 1 of the set (kid "leaked") is not used: it is a private key')
    expect(warnings.join()).not.toContain(String(own.d))
  })

  it('may be in a file', async () => {
    expect(await takes(await fileWith(`${set(p256.jwk())}\n`), undefined, es256)).toBe(true)
  })

  it('without a key that can be used, too large, or no set at all is refused', async () => {
    expect(await refusalOf(set())).toContain('has no keys')
    expect(await refusalOf(set(...Array(101).fill(p256.jwk())))).toContain('it has 101 keys')
    expect(await refusalOf('{"keys":{}}')).toContain('it is not a JWK Set')
    expect(await refusalOf(JSON.stringify(p256.jwk()))).toContain('is a single JWK')
  })
})

describe('keys of several kinds', () => {
  it('are used each with its own algorithms', async () => {
    const keys = [secret, p256.pem]
    const algorithms = ['HS256', 'ES256'] as const
    expect(await takes(keys, algorithms, { key: secret })).toBe(true)
    expect(await takes(keys, algorithms, { alg: 'ES256', key: p256.privateKey })).toBe(true)
    expect(await takes(keys, algorithms, { key: p256.pem })).toBe(false)
  })

  it('are refused with an algorithm that is for none of them', async () => {
    expect(await refusalOf([p256.pem], ['ES256', 'HS256'])).toBe(
      'publisher.algorithms: no key of publisher.key is for HS256. Remove it.',
    )
  })
})

describe('a URL or a file', () => {
  it('must be safe to fetch from', async () => {
    expect(await refusalOf('http://login.example/jwks.json')).toContain('Use https')
    expect(await refusalOf('http://127.evil.example/jwks.json')).toContain('Use https')
    expect(await refusalOf('https://user:password@login.example/jwks.json')).toContain(
      'must not contain a user and password',
    )
    expect(await refusalOf('https://')).toContain('cannot be parsed')
  })

  it('must be there to be read', async () => {
    expect(await refusalOf(`file:${folder}/nothing`)).toContain('ENOENT')
    expect(await refusalOf(await fileWith(''))).toContain('is empty')
  })
})
