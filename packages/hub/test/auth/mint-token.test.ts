import { describe, expect, it } from 'vitest'
import { type MintOptions, mintToken, parseTopicGrant } from '../../src/auth/mint-token.ts'
import { parseDuration } from '../../src/cli/options/option-types.ts'
import {
  audience,
  authenticatorOf,
  bearer,
  issuer,
  keyPair,
  now,
  nowSeconds,
  oneSecret,
  rightsOf,
  secret,
} from './tokens.ts'

const base: MintOptions = { key: secret, algorithm: 'HS256', issuer, audience, now: () => now }
const grant = (text: string) => parseTopicGrant(text, '--topic')

function decode(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = '', claims = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  return { header: JSON.parse(header), claims: JSON.parse(claims) }
}

describe('a token made for development', () => {
  it('is taken by a hub with the same secret, and grants what was asked for', async () => {
    const token = await mintToken({
      ...base,
      publish: [grant('*')],
      subscribe: [grant('a'), grant('urlpattern:https://a/*')],
      payload: { name: 'Ada' },
    })
    const { authenticator } = await authenticatorOf(oneSecret)
    const subscriber = rightsOf(await authenticator.authenticate(bearer(token), 'subscriber'))
    expect(['a', 'https://a/b', 'b'].filter((topic) => subscriber.maySubscribe(topic))).toEqual(['a', 'https://a/b'])
    expect(subscriber.payloadFor('a')).toEqual({ name: 'Ada' })
    expect(subscriber.expiresAt).toBe(now + 3600_000)
    expect(rightsOf(await authenticator.authenticate(bearer(token), 'publisher')).mayPublish('b')).toBe(true)
  })

  it('has all that RFC 9068 asks of an issuer', async () => {
    const { header, claims } = decode(await mintToken({ ...base, kid: 'k', subject: 'ada', lifetimeSeconds: 60 }))
    expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: 'k' })
    expect(claims).toEqual({
      iss: issuer,
      aud: audience,
      sub: 'ada',
      client_id: 'ada',
      iat: nowSeconds,
      exp: nowSeconds + 60,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      authorization_details: [],
    })
  })

  it('can be signed with a private key', async () => {
    for (const [kind, algorithm] of [
      ['p256', 'ES256'],
      ['rsa', 'PS256'],
      ['ed25519', 'EdDSA'],
    ] as const) {
      const { privateKey, pem } = keyPair(kind)
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const token = await mintToken({ ...base, key, algorithm, publish: [grant('a')] })
      const { authenticator } = await authenticatorOf({ ...oneSecret, publisher: { key: pem } })
      expect((await authenticator.authenticate(bearer(token), 'publisher')).name).toBe('authorized')
    }
  })

  it('can be one of before 1.0', async () => {
    const options: MintOptions = { key: secret, algorithm: 'HS256', dialect: '0.x', now: () => now, payload: 1 }
    const token = await mintToken({
      ...options,
      publish: [grant('*')],
      subscribe: [grant('a'), grant('template:b/{x}')],
    })
    expect(decode(token)).toEqual({
      header: { alg: 'HS256', typ: 'JWT' },
      claims: {
        iat: nowSeconds,
        exp: nowSeconds + 3600,
        mercure: { publish: ['*'], subscribe: ['a', 'b/{x}'], payload: 1 },
      },
    })
    const { authenticator } = await authenticatorOf({ ...oneSecret, compat: true })
    expect(rightsOf(await authenticator.authenticate(bearer(token), 'subscriber')).maySubscribe('b/1')).toBe(true)
  })

  it('is not made of what a hub would refuse', async () => {
    await expect(mintToken({ ...base, issuer: undefined })).rejects.toThrow('issuer is missing')
    await expect(mintToken({ ...base, audience: undefined })).rejects.toThrow('audience is missing')
    await expect(mintToken({ ...base, publish: [grant('template:a/{b}')] })).rejects.toThrow('Use urlpattern:')
    await expect(mintToken({ ...base, dialect: '0.x', publish: [grant('urlpattern:/a')] })).rejects.toThrow(
      'Use template:',
    )
    await expect(mintToken({ ...base, dialect: '0.x', publish: [grant('exact:a{b}')] })).rejects.toThrow(
      'cannot contain exact:',
    )
    await expect(mintToken({ ...base, lifetimeSeconds: 0 })).rejects.toThrow('lifetimeSeconds')
    await expect(mintToken({ ...base, key: '' })).rejects.toThrow('key is empty')
    await expect(mintToken({ ...base, key: keyPair('p256').pem })).rejects.toThrow('needs a shared secret')
    await expect(mintToken({ ...base, algorithm: 'ES256' })).rejects.toThrow('key is not a PEM private key')
    const key = keyPair('p384').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await expect(mintToken({ ...base, key, algorithm: 'ES256' })).rejects.toThrow('for ES384, not for ES256')
  })
})

describe('a grant', () => {
  it('is *, a topic, or says its type', () => {
    expect(grant('*')).toEqual({ match: '*', matchType: 'exact' })
    expect(grant('urlpattern:*')).toEqual({ match: '*', matchType: 'exact' })
    expect(grant('https://a/b:c')).toEqual({ match: 'https://a/b:c', matchType: 'exact' })
    expect(grant('exact:a*')).toEqual({ match: 'a*', matchType: 'exact' })
    expect(grant('urlpattern:/books/:id')).toEqual({ match: '/books/:id', matchType: 'urlpattern' })
    expect(grant('template:a/{b}')).toEqual({ match: 'a/{b}', matchType: 'template' })
  })

  it('that looks like a pattern and says no type is refused, and what to write is said', () => {
    expect(() => grant('https://a/*')).toThrow(
      '--topic is "https://a/*", which looks like a pattern. Write urlpattern:https://a/*',
    )
    expect(() => grant('a/{b}')).toThrow('template:a/{b}')
    expect(() => grant('')).toThrow('--topic is empty')
    expect(() => grant('exact:')).toThrow('--topic is empty')
  })
})

describe('a duration', () => {
  it('is a number and its unit', () => {
    expect(['90s', '15m', '1h', '7d'].map((text) => parseDuration(text, 'x'))).toEqual([90, 900, 3600, 604_800])
  })

  it('is refused by name when it is anything else', () => {
    for (const text of ['', '90', '0s', '-1s', '1.5h', '1 h', '1H', '1w', 'h', '9999999999s']) {
      expect(() => parseDuration(text, '--expires')).toThrow('--expires is')
    }
  })
})
