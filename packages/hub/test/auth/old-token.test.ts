import { describe, expect, it } from 'vitest'
import type { Rights } from '../../src/auth/rights.ts'
import {
  authenticatorOf,
  bearer,
  claims,
  nowSeconds,
  oneSecret,
  otherSecret,
  rightsOf,
  secret,
  sign,
} from './tokens.ts'

const compat = { publisher: oneSecret.publisher, subscriber: oneSecret.subscriber, compat: true }
const { authenticator } = await authenticatorOf(compat)

const old = (mercure: unknown, more: Record<string, unknown> = {}) => sign({ mercure, ...more }, { typ: 'JWT' })

async function rights(token: string, role: 'publisher' | 'subscriber' = 'subscriber'): Promise<Rights> {
  return rightsOf(await authenticator.authenticate(bearer(token), role))
}

async function reasonFor(token: string, role: 'publisher' | 'subscriber' = 'subscriber'): Promise<string> {
  const result = await authenticator.authenticate(bearer(token), role)
  if (result.name === 'authorized') return 'good'
  expect(result.failure).toEqual({ name: 'invalid_token', dialect: '0.x' })
  return result.reason
}

describe('a token of before 1.0', () => {
  it('is no token without compat', async () => {
    const { authenticator } = await authenticatorOf(oneSecret)
    const result = await authenticator.authenticate(
      bearer(old({ subscribe: ['*'] }, { iss: oneSecret.issuer })),
      'subscriber',
    )
    expect(result).toMatchObject({ name: 'refused', failure: { name: 'invalid_token', dialect: '1.0' } })
  })

  it('needs no typ, issuer, audience or expiry', async () => {
    const some = await rights(old({ subscribe: ['a'] }))
    expect(some).toMatchObject({ dialect: '0.x', expiresAt: undefined, isAnonymous: false })
    expect(some.maySubscribe('a')).toBe(true)
    expect(await reasonFor(old({ subscribe: ['a'] }, { iss: 'anybody', aud: 'anything' }))).toBe('good')
  })

  it('with ["*"] grants everything', async () => {
    const token = old({ publish: ['*'], subscribe: ['*'] })
    expect((await rights(token, 'publisher')).mayPublish('anything')).toBe(true)
    expect((await rights(token)).maySubscribe('anything')).toBe(true)
  })

  it('without publish may not publish at all, which is told as 401 is', async () => {
    for (const claim of [{ subscribe: ['*'] }, { publish: null }, { publish: [] }]) {
      const refused = authenticator.refusePublish(await rights(old(claim), 'publisher'), ['a'])
      expect(refused?.failure).toEqual({ name: 'insufficient_scope', dialect: '0.x' })
    }
  })

  it('grants topics by equal strings and by URI templates', async () => {
    const some = await rights(old({ subscribe: ['https://a/b', 'https://a/{x}/c', '{invalid'] }))
    const topics = ['https://a/b', 'https://a/x/c', 'https://a/x/y/c', 'https://a/{x}/c', '{invalid', 'invalid']
    expect(topics.filter((topic) => some.maySubscribe(topic))).toEqual([
      'https://a/b',
      'https://a/x/c',
      'https://a/{x}/c',
      '{invalid',
    ])
    expect(some.subscribeMatchers.map(({ key }) => key)).toEqual([
      'exact:https://a/b',
      'exact:{invalid',
      'template:https://a/{x}/c',
    ])
  })

  it('may have its rights in the namespaced claim, which wins', async () => {
    const both = sign({ mercure: { subscribe: ['old'] }, 'https://mercure.rocks/': { subscribe: ['new'] } })
    expect((await rights(both)).maySubscribe('new')).toBe(true)
    expect((await rights(both)).maySubscribe('old')).toBe(false)
  })

  it('has one payload, for all subscriptions', async () => {
    expect((await rights(old({ subscribe: ['a'], payload: { name: 'Ada' } }))).payloadFor('b')).toEqual({ name: 'Ada' })
    expect((await rights(old({ subscribe: ['a'] }))).payloadFor('a')).toBeUndefined()
  })

  it('must be signed with the key of the role', async () => {
    expect(await reasonFor(sign({ mercure: { subscribe: ['*'] } }, { key: otherSecret }))).toContain('signature')
    expect(await reasonFor(sign({ mercure: { subscribe: ['*'] } }, { alg: 'none' }))).toContain('its alg is "none"')
  })

  it('is held to exp and nbf when it has them', async () => {
    expect((await rights(old({}, { exp: nowSeconds + 1 }))).expiresAt).toBe((nowSeconds + 1) * 1000)
    expect(await reasonFor(old({}, { exp: nowSeconds }))).toContain('it expired')
    expect(await reasonFor(old({}, { nbf: nowSeconds + 60 }))).toContain('nbf')
    expect(await reasonFor(old({}, { exp: 'never' }))).toContain('its exp is not a time')
  })

  it('is refused when its claim is malformed', async () => {
    const bad = [
      '*',
      [],
      1,
      { subscribe: '*' },
      { subscribe: [1] },
      { subscribe: [null] },
      { publish: {} },
      { subscribe: ['a\n'] },
    ]
    for (const claim of bad) expect(await reasonFor(old(claim))).not.toBe('good')
    expect(await reasonFor(sign({ mercure: null }))).toContain('claim is not an object')
  })

  it('may have 1000 selectors for each, and no more', async () => {
    const selectors = (count: number) => Array(count).fill('a')
    expect(await reasonFor(old({ subscribe: selectors(1000), publish: selectors(1000) }))).toBe('good')
    expect(await reasonFor(old({ subscribe: selectors(1001) }))).toContain('the most is 1000')
  })

  it('with several issuers is verified with the keys of its own, and never of another', async () => {
    const two = await authenticatorOf({
      compat: true,
      audience: oneSecret.audience,
      issuers: [
        { issuer: 'https://a.example', subscriber: { key: secret, algorithms: 'HS256' } },
        { issuer: 'https://b.example', subscriber: { key: otherSecret, algorithms: 'HS256' } },
      ],
    })
    const nameFor = async (iss: string | undefined, key: string) =>
      (
        await two.authenticator.authenticate(
          bearer(sign({ iss, mercure: { subscribe: ['*'] } }, { key })),
          'subscriber',
        )
      ).name
    expect(await nameFor('https://a.example', secret)).toBe('authorized')
    expect(await nameFor('https://b.example', otherSecret)).toBe('authorized')
    expect(await nameFor('https://a.example', otherSecret)).toBe('refused')
    expect(await nameFor(undefined, secret)).toBe('refused')
    expect(await nameFor('https://c.example', secret)).toBe('refused')
  })
})

describe('with compat, a token of 1.0', () => {
  it('is checked as strictly as without', async () => {
    const { authenticator } = await authenticatorOf({ ...oneSecret, compat: true })
    const nameOf = async (payload: Record<string, unknown>, header = {}) => {
      const result = await authenticator.authenticate(bearer(sign(payload, header)), 'subscriber')
      return result.name === 'authorized' ? result.rights.dialect : result.failure
    }
    const failure = { name: 'invalid_token', dialect: '1.0' }
    expect(await nameOf(claims())).toBe('1.0')
    expect(await nameOf(claims({ exp: undefined }))).toEqual(failure)
    expect(await nameOf(claims({ aud: 'https://other.example' }))).toEqual(failure)
    expect(await nameOf(claims(), { typ: 'JWT' })).toEqual(failure)
    // A claim of before does not help it.
    expect(await nameOf(claims({ exp: undefined, mercure: { subscribe: ['*'] } }))).toEqual(failure)
  })

  it('is refused, with the reason in the log, when no issuer is configured', async () => {
    const result = await authenticator.authenticate(bearer(sign(claims())), 'subscriber')
    expect(result).toMatchObject({ name: 'refused', reason: expect.stringContaining('no issuer is configured') })
  })
})
