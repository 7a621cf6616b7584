import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { authenticatorOf, claims, detailType, keyPair, oneSecret, requestWith, sign } from './tokens.ts'

const pair = keyPair('p256')
const jwk = { keys: [pair.jwk({ kid: 'k' })] }
const { authenticator } = await authenticatorOf({
  ...oneSecret,
  publisher: { key: JSON.stringify(jwk) },
  anonymousSubscribers: true,
  compat: true,
})

const json = fc.jsonValue({ maxDepth: 3 })
const someDetail = fc.record(
  {
    type: fc.oneof({ weight: 4, arbitrary: fc.constant(detailType) }, json),
    actions: fc.oneof(fc.constant(['publish', 'subscribe']), json),
    topics: fc.oneof(
      fc.array(fc.record({ match: fc.oneof(fc.string(), json), match_type: json }, { requiredKeys: [] }), {
        maxLength: 4,
      }),
      json,
    ),
    payload: json,
  },
  { requiredKeys: [] },
)
const selectors = fc.oneof(fc.array(fc.oneof(fc.string(), json)), json)
const someClaims = fc
  .record(
    {
      iss: json,
      aud: json,
      exp: json,
      nbf: json,
      mercure: fc.oneof(fc.record({ publish: selectors, subscribe: selectors }, { requiredKeys: [] }), json),
      authorization_details: fc.oneof(fc.array(someDetail, { maxLength: 4 }), json),
    },
    { requiredKeys: [] },
  )
  .map((some) => ({ ...claims(), ...some }))
const someHeader = fc.record(
  { alg: fc.oneof(fc.constantFrom('HS256', 'ES256', 'none'), json), typ: json, kid: json, jwk: json, crit: json },
  { requiredKeys: [] },
)

describe('whatever a token says', () => {
  it('it is judged, never the cause of a failure, and a refusal holds nothing of it', async () => {
    await fc.assert(
      fc.asyncProperty(someClaims, fc.constantFrom('publisher', 'subscriber'), async (some, role) => {
        const signed = role === 'publisher' ? { alg: 'ES256', kid: 'k', key: pair.privateKey } : {}
        const token = sign(some, signed)
        const result = await authenticator.authenticate(requestWith({ authorization: [`Bearer ${token}`] }), role)
        if (result.name === 'refused') {
          expect(['invalid_token', 'insufficient_scope']).toContain(result.failure.name)
          expect(result.reason).toMatch(/^[\x20-\x7e…]+$/)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('without a signature of the key it is never good', async () => {
    await fc.assert(
      fc.asyncProperty(
        someHeader,
        fc.constantFrom('publisher', 'subscriber'),
        fc.uint8Array(),
        async (header, role, mac) => {
          const unsigned = ['typ' in header ? header : { ...header, typ: 'at+jwt' }, claims()]
            .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
            .join('.')
          const token = `${unsigned}.${Buffer.from(mac).toString('base64url')}`
          const result = await authenticator.authenticate(requestWith({ authorization: [`Bearer ${token}`] }), role)
          expect(result).toMatchObject({ name: 'refused', failure: { name: 'invalid_token' } })
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('and however it is presented, it is never the cause of a failure', async () => {
    const header = fc.oneof(
      fc.string(),
      fc.string().map((text) => `Bearer ${text}`),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(header, { maxLength: 2 }),
        fc.option(
          fc.oneof(
            fc.string(),
            fc.string().map((text) => `mercureAuthorization=${text}`),
          ),
          { nil: undefined },
        ),
        fc.option(fc.string(), { nil: undefined }),
        async (authorization, cookie, authorizationInQuery) => {
          const query = new URLSearchParams(
            authorizationInQuery === undefined ? '' : { authorization: authorizationInQuery },
          )
          const request = requestWith({ method: 'POST', authorization, cookie, referer: cookie, query })
          const result = await authenticator.authenticate(request, 'publisher')
          expect(result.name).toBe('refused')
        },
      ),
      { numRuns: 2000 },
    )
  })
})
