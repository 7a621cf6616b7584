import { describe, expect, test } from 'vitest'
import { claims, detail, keyPair, nowSeconds, oneSecret, otherSecret, sign } from '../auth/tokens.ts'
import { serveGuarded } from '../http/access/guarded-hub.ts'

const farFuture = 4_102_444_800
const good = claims({ exp: farFuture })
const withDetails = (...details: unknown[]) => claims({ exp: farFuture, authorization_details: details })
const subscribe = (topic: unknown) => detail(['subscribe'], [topic])

const keys = keyPair('rsa')

/** Every way of being bad, as a subscriber and as a publisher. */
const bad: Record<string, string> = {
  'with a wrong signature': sign(good, { key: otherSecret }),
  'without a signature': sign(good, { alg: 'none' }),
  'with alg NONE': sign(good, { alg: 'NONE' }),
  'of an algorithm that is not on the list': sign(good, { alg: 'HS512' }),
  'signed by an RSA key where a secret is meant': sign(good, { alg: 'RS256', key: keys.privateKey }),
  'that brings its key along (jwk)': sign(good, { alg: 'RS256', key: keys.privateKey, jwk: keys.jwk() }),
  'that says where its key is (jku)': sign(good, { alg: 'RS256', key: keys.privateKey, jku: 'https://evil.example/' }),
  'of typ JWT': sign(good, { typ: 'JWT' }),
  'without typ': sign(good, { typ: undefined }),
  'of another issuer': sign({ ...good, iss: 'https://other.example' }),
  'of almost the same issuer': sign({ ...good, iss: `${String(good.iss)}/` }),
  'without iss': sign({ ...good, iss: undefined }),
  'for another audience': sign({ ...good, aud: 'https://other.example/.well-known/mercure' }),
  'for the origin of the hub instead of its URL': sign({ ...good, aud: 'https://hub.shop.example' }),
  'without aud': sign({ ...good, aud: undefined }),
  'without exp': sign({ ...good, exp: undefined }),
  'that has expired': sign({ ...good, exp: nowSeconds - 1 }),
  'that is not good yet': sign({ ...good, nbf: farFuture - 1 }),
  'with a bare string for a topic': sign(withDetails(subscribe('a'))),
  'with null for a topic': sign(withDetails(subscribe(null))),
  'with an empty match': sign(withDetails(subscribe({ match: '' }))),
  'with a match type in the wrong case': sign(withDetails(subscribe({ match: 'a', match_type: 'Exact' }))),
  'with a pattern that is none': sign(withDetails(subscribe({ match: '/(', match_type: 'urlpattern' }))),
  'without topics': sign(withDetails(detail(['subscribe'], []))),
  'without actions': sign(withDetails(detail([], [{ match: 'a' }]))),
  'with one bad entry among good ones': sign(withDetails(subscribe({ match: 'a' }), subscribe({ match: 'a\nb' }))),
  'with 101 entries': sign(withDetails(...Array(101).fill(subscribe({ match: 'a' })))),
  'of before 1.0': sign({ mercure: { publish: ['*'], subscribe: ['*'] } }, { typ: 'JWT' }),
  'that is no token at all': 'x'.repeat(60),
}

describe('a token', () => {
  test.each(Object.entries(bad))(
    '%s is invalid_token for both roles, and nobody becomes anonymous by it',
    async (_, token) => {
      const { url, post } = await serveGuarded()
      const headers = { authorization: `Bearer ${token}` }
      for (const response of [await fetch(`${url}?match=a`, { headers }), await post('topic=a', headers)]) {
        await response.body?.cancel()
        expect([response.status, response.headers.get('www-authenticate')]).toEqual([
          401,
          expect.stringMatching(/^Bearer error="invalid_token", resource_metadata="https:[^"]+"$/),
        ])
      }
    },
  )

  test('that is bad is refused in the same words whatever is bad', async () => {
    const { url } = await serveGuarded()
    const answers = await Promise.all(
      Object.values(bad).map(async (token) => {
        const response = await fetch(`${url}?match=a`, { headers: { authorization: `Bearer ${token}` } })
        return await response.text()
      }),
    )
    expect(new Set(answers).size).toBe(1)
  })

  test('signed by HMAC with the public key as the secret is refused (alg confusion)', async () => {
    const publicKey = { key: keys.pem, algorithms: undefined }
    const { post } = await serveGuarded({ publisher: publicKey, subscriber: publicKey })
    const signed = (header: Parameters<typeof sign>[1]) => ({ authorization: `Bearer ${sign(good, header)}` })
    expect((await post('topic=a', signed({ alg: 'RS256', key: keys.privateKey }))).status).toBe(200)
    for (const key of [keys.pem, keys.pem.trim(), `${keys.pem}\n`]) {
      for (const alg of ['HS256', 'HS384', 'HS512'])
        expect((await post('topic=a', signed({ alg, key }))).status).toBe(401)
    }
  })

  test('may be of any of several issuers, each with keys of its own for each role', async () => {
    const secrets = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32))
    const issuerOf = (n: number, publisher: string, subscriber: string) => ({
      issuer: `https://${n}.example`,
      publisher: { key: publisher, algorithms: 'HS256' as const },
      subscriber: { key: subscriber, algorithms: 'HS256' as const },
    })
    const { post, url } = await serveGuarded({
      issuer: undefined,
      publisher: undefined,
      subscriber: undefined,
      issuers: [issuerOf(1, secrets[0]!, secrets[1]!), issuerOf(2, secrets[2]!, secrets[3]!)],
    })
    const outcomes: Record<string, number[]> = {}
    for (const n of [1, 2]) {
      for (const [index, key] of secrets.entries()) {
        const headers = { authorization: `Bearer ${sign({ ...good, iss: `https://${n}.example` }, { key })}` }
        const subscribed = await fetch(`${url}?match=a`, { method: 'HEAD', headers })
        outcomes[`issuer ${n}, secret ${index}`] = [(await post('topic=a', headers)).status, subscribed.status]
      }
    }
    expect(outcomes).toEqual({
      'issuer 1, secret 0': [200, 401],
      'issuer 1, secret 1': [401, 200],
      'issuer 1, secret 2': [401, 401],
      'issuer 1, secret 3': [401, 401],
      'issuer 2, secret 0': [401, 401],
      'issuer 2, secret 1': [401, 401],
      'issuer 2, secret 2': [200, 401],
      'issuer 2, secret 3': [401, 200],
    })
  })

  test('in the query is never read as access_token; as authorization only with compat, and only one of before 1.0', async () => {
    const old = sign({ mercure: { subscribe: ['*'] } }, { typ: 'JWT' })
    const statusOf = async (isCompat: boolean, query: string) => {
      const { url } = await serveGuarded({ anonymousSubscribers: false, compat: isCompat })
      return (await fetch(`${url}?match=a&${query}`, { method: 'HEAD' })).status
    }
    expect(await statusOf(false, `access_token=${sign(good)}`)).toBe(401)
    expect(await statusOf(true, `access_token=${old}`)).toBe(401)
    expect(await statusOf(false, `authorization=${old}`)).toBe(401)
    expect(await statusOf(true, `authorization=${sign(good)}`)).toBe(401)
    expect(await statusOf(true, `authorization=${old}`)).toBe(200)
  })

  test('in the cookie is of no account beside an Authorization header', async () => {
    const { url } = await serveGuarded({ anonymousSubscribers: false })
    const cookie = `__Secure-mercure_access_token=${sign(good)}`
    const statusOf = async (headers: Record<string, string>) =>
      (await fetch(`${url}?match=a`, { method: 'HEAD', headers })).status
    expect(await statusOf({ cookie })).toBe(200)
    expect(await statusOf({ cookie, authorization: `Bearer ${bad.expired ?? bad['that has expired']}` })).toBe(401)
    expect(await statusOf({ cookie, authorization: 'Basic eDp5' })).toBe(400)
    expect(await statusOf({ cookie: `mercureAuthorization=${sign(good)}` })).toBe(401)
  })

  test('that is good without the grant is insufficient_scope to publish, and gets what is public to subscribe', async () => {
    const { url, post } = await serveGuarded({ anonymousSubscribers: false })
    const headers = { authorization: `Bearer ${sign(withDetails({ type: 'of something else', anything: 1 }))}` }
    const response = await post('topic=a', headers)
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('insufficient_scope'),
    ])
    expect((await fetch(`${url}?match=a`, { method: 'HEAD', headers })).status).toBe(200)
  })

  test('with a PEM key configured for HMAC never comes to be: the hub refuses to start', async () => {
    const publisher = { key: keys.pem, algorithms: 'HS256' as const }
    await expect(serveGuarded({ publisher })).rejects.toThrow(/publisher\.key.*HS256/)
    await expect(serveGuarded({ publisher: { ...oneSecret.publisher!, algorithms: 'RS256' } })).rejects.toThrow(
      /publisher/,
    )
  })
})
