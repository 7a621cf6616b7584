import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { AuthOptions } from '../../../src/auth/auth-options.ts'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { audience, claims, detail, issuer, now, nowSeconds, oneSecret, otherSecret, sign } from '../../auth/tokens.ts'
import { createFetchHandler } from '../handlers.ts'
import { problemOf, type ServeOptions, type Serving, sendRaw, serve } from '../serve-hub.ts'

const metadataUrl = 'https://hub.shop.example/.well-known/oauth-protected-resource/.well-known/mercure'
/** Streams end by the real clock, whenever these tests are run. */
const farFuture = 4_102_444_800
const all = sign(claims({ exp: farFuture }))
const oldToken = (mercure: Record<string, unknown>, more = {}) => sign({ mercure, ...more }, { typ: 'JWT' })

interface Guarded extends Serving {
  readonly gate: TokenAuthorizer
  /** Why requests were refused, as the operator was told. */
  readonly refusals: string[]
  /** What else the operator was told. */
  readonly warnings: string[]
  /** Moves the clock by which tokens expire. */
  advance(ms: number): void
}

async function guard(rules: AuthOptions = oneSecret, options: ServeOptions = {}): Promise<Guarded> {
  const refusals: string[] = []
  const warnings: string[] = []
  let time = now
  const gate = await TokenAuthorizer.create(rules, {
    onRefused: (reason) => refusals.push(reason),
    onWarning: (warning) => warnings.push(warning),
    now: () => time,
  })
  const serving = await serve({ tokens: gate, ...options })
  const advance = (ms: number) => {
    time += ms
  }
  return { ...serving, gate, refusals, warnings, advance }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

/** What a refusal says where clients look. */
async function refusalOf(response: Response): Promise<[status: number, challenge: string | null]> {
  await response.body?.cancel()
  return [response.status, response.headers.get('www-authenticate')]
}

const badTokens: Record<string, string> = {
  'signed with another key': sign(claims(), { key: otherSecret }),
  'with alg none': sign(claims(), { alg: 'none' }),
  'with another algorithm than allowed': sign(claims(), { alg: 'HS512' }),
  'of another typ': sign(claims(), { typ: 'JWT' }),
  'of another issuer': sign(claims({ iss: 'https://other.example' })),
  'for another audience': sign(claims({ aud: 'https://other.example/.well-known/mercure' })),
  'without expiry': sign(claims({ exp: undefined })),
  expired: sign(claims({ exp: nowSeconds - 1 })),
  'not good yet': sign(claims({ nbf: nowSeconds + 60 })),
  'with bad details': sign(claims({ authorization_details: [detail(['subscribe'], ['*'])] })),
  'over the limits': sign(claims({ authorization_details: [detail(['subscribe'], Array(101).fill({ match: 'a' }))] })),
  'of before 1.0, without compat': oldToken({ publish: ['*'], subscribe: ['*'] }),
  'that is none': 'x'.repeat(60),
}

describe('a subscriber', () => {
  test('without a token is refused with a bare challenge where one is needed', async () => {
    const { url, refusals } = await guard()
    for (const path of ['?match=a', '/last?match=a']) {
      expect(await refusalOf(await fetch(url + path))).toEqual([401, `Bearer resource_metadata="${metadataUrl}"`])
    }
    expect(refusals).toEqual(Array(2).fill("the request has no subscriber's token"))
  })

  test('without a token gets what is public where anonymous subscribers are allowed', async () => {
    const { post, open } = await guard({ ...oneSecret, anonymousSubscribers: true })
    const subscribed = await open('match=a')
    await post('topic=a&data=secret&private', bearer(all))
    await post('topic=a&data=public', bearer(all))
    expect((await subscribed.next()).data).toBe('public')
  })

  test.each(Object.entries(badTokens))('with a token %s is refused, and never becomes anonymous', async (_, token) => {
    const { url, post, refusals } = await guard({ ...oneSecret, anonymousSubscribers: true })
    const refusal = [401, `Bearer error="invalid_token", resource_metadata="${metadataUrl}"`]
    const response = await fetch(`${url}?match=a`, { headers: bearer(token) })
    const { detail } = await problemOf(response.clone())
    expect(await refusalOf(response)).toEqual(refusal)
    expect(await refusalOf(await post('topic=a', bearer(token)))).toEqual(refusal)
    expect(refusals).toHaveLength(2)
    // The operator knows why, the client only that; and the log has no token.
    expect(detail).toBe("The token is not valid here, or no longer valid. Get a new one. The hub's log says why.")
    for (const reason of refusals) expect(reason).not.toContain(token.slice(-20))
  })

  test.each([
    ['Basic dXNlcjpwYXNzd29yZA=='],
    ['Bearer'],
    ['Bearer short'],
    [`Bearer ${all} ${all}`],
    [`Bearer ${all}, Bearer ${all}`],
  ])('with the header "Authorization: %.20s…" is told that it is malformed', async (authorization) => {
    const { url } = await guard({ ...oneSecret, anonymousSubscribers: true })
    expect(await refusalOf(await fetch(`${url}?match=a`, { headers: { authorization } }))).toEqual([
      400,
      `Bearer error="invalid_request", resource_metadata="${metadataUrl}"`,
    ])
  })

  test('with two Authorization headers, of which Node shows one, is told that it is malformed', async () => {
    const { server } = await guard()
    const header = `Authorization: Bearer ${all}\r\n`
    const received = await sendRaw(
      server.url,
      `GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}${header}\r\n`,
    )
    expect(received).toMatch(/^HTTP\/1.1 400 /)
    expect(received).toContain('error="invalid_request"')
  })

  test('with a bad token and a bad matcher hears of the token; with a good one of the matcher, without a challenge', async () => {
    const { url } = await guard()
    expect((await refusalOf(await fetch(`${url}?matches=a`, { headers: bearer('x'.repeat(60)) })))[0]).toBe(401)
    expect(await refusalOf(await fetch(`${url}?matches=a`, { headers: bearer(all) }))).toEqual([400, null])
    expect(await problemOf(await fetch(`${url}?topic=a`, { headers: bearer(all) }))).toMatchObject({
      status: 400,
      detail: expect.stringContaining('Use match'),
    })
  })

  test('may have its token in the cookie, whoever its page is of; the header counts before it', async () => {
    const { url } = await guard()
    const ask = (headers: Record<string, string>) => fetch(`${url}/last?match=a`, { headers })
    const cookie = `a=b; __Secure-mercure_access_token=${all}; c=d`
    expect((await ask({ cookie, origin: 'https://elsewhere.example' })).status).toBe(200)
    expect((await ask({ cookie, ...bearer('x'.repeat(60)) })).status).toBe(401)
    expect((await ask({ cookie: `mercureAuthorization=${all}` })).status).toBe(401)
    expect((await fetch(`${url}/last?match=a&access_token=${all}&authorization=${all}`)).status).toBe(401)
  })

  test('by QUERY needs a token before its body is read', async () => {
    const { url } = await guard()
    const ask = (headers: Record<string, string>) =>
      fetch(`${url}/last`, {
        method: 'QUERY',
        body: 'match=a',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      })
    expect((await ask({})).status).toBe(401)
    expect((await ask(bearer(all))).status).toBe(200)
  })
})

describe('private events', () => {
  const tokenFor = (...topics: object[]) =>
    sign(claims({ exp: farFuture, authorization_details: [detail(['subscribe'], topics)] }))

  test('reach those alone who are granted one of their topics, live and replayed', async () => {
    const { post, open } = await guard({ ...oneSecret, anonymousSubscribers: true })
    const subscribeAs = (headers: Record<string, string>) =>
      open('match=books&match=end&last_event_id=earliest', headers)
    const publishAll = async () => {
      await post('topic=books&topic=users/42&data=for 42&private', bearer(all))
      await post('topic=books&topic=users/7&data=for 7&private', bearer(all))
      await post('topic=books&data=for those with books&private', bearer(all))
      await post('topic=end&data=end', bearer(all))
    }
    const readUntilEnd = async (stream: Awaited<ReturnType<typeof open>>) => {
      const data: string[] = []
      while (data.at(-1) !== 'end') data.push((await stream.next()).data)
      return data
    }
    const tokens = {
      anonymous: {},
      'of 42': bearer(tokenFor({ match: 'users/42' })),
      'of books': bearer(tokenFor({ match: 'books', match_type: 'exact' })),
      'of all': bearer(tokenFor({ match: '*' })),
      // Verified as a subscriber's, to publish is nothing.
      'of a publisher': bearer(
        sign(claims({ exp: farFuture, authorization_details: [detail(['publish'], [{ match: '*' }])] })),
      ),
    }
    const live = await Promise.all(Object.values(tokens).map(subscribeAs))
    await publishAll()
    const expected = [
      ['end'],
      ['for 42', 'end'],
      ['for 42', 'for 7', 'for those with books', 'end'],
      ['for 42', 'for 7', 'for those with books', 'end'],
      ['end'],
    ]
    expect(await Promise.all(live.map(readUntilEnd))).toEqual(expected)
    const replayed = await Promise.all(Object.values(tokens).map(subscribeAs))
    expect(await Promise.all(replayed.map(readUntilEnd))).toEqual(expected)
  })

  test('reach who selects them by one pattern and is granted them by another', async () => {
    const { post, open } = await guard({ ...oneSecret, compat: true })
    const book = 'https://shop.example/books/1'
    const mine = tokenFor({ match: 'https://shop.example/users/42/*', match_type: 'urlpattern' })
    const old = sign({ mercure: { subscribe: ['https://shop.example/users/42/{?topic}'] } }, { typ: 'JWT' })
    const [today, before] = [
      await open('match_urlpattern=https://shop.example/books/:id', bearer(mine)),
      await open('topic=https://shop.example/books/{id}', bearer(old)),
    ]
    const publish = (alternate: string, text: string) =>
      post(
        [
          ['topic', book],
          ['topic', alternate],
          ['data', text],
          ['private', 'on'],
        ],
        bearer(all),
      )
    await publish('https://shop.example/users/7/books/1', 'not mine')
    await publish(`https://shop.example/users/42/?topic=${encodeURIComponent(book)}`, 'mine')
    expect([(await today.next()).data, (await before.next()).data]).toEqual(['mine', 'mine'])
  })

  test('may be granted by no pattern that is none: the token is bad', async () => {
    const { url } = await guard()
    const token = tokenFor({ match: 'https://shop.example/(', match_type: 'urlpattern' })
    expect((await fetch(`${url}?match=a`, { headers: bearer(token) })).status).toBe(401)
  })

  test('are replayed by the rights of now, not by those at the time', async () => {
    const { post, open } = await guard()
    const first = await open('match=a', bearer(tokenFor({ match: 'a' })))
    await post('topic=a&data=1&private', bearer(all))
    const { id } = await first.next()
    await first.close()
    await post('topic=a&data=2&private', bearer(all))
    await post('topic=a&data=3', bearer(all))
    const demoted = await open('match=a', { ...bearer(tokenFor({ match: 'b' })), 'last-event-id': id! })
    expect((await demoted.next()).data).toBe('3')
  })

  test('give their IDs to nobody who may not have them, whatever is asked', async () => {
    const { url, post, open } = await guard({ ...oneSecret, anonymousSubscribers: true })
    await post('topic=a&data=x&private&id=the-secret-id', bearer(all))
    for (const lastEventId of ['unknown', 'earliest', '-5', 'the-secret', '']) {
      const subscribed = await open(`match=*&last_event_id=${lastEventId}`)
      expect([...subscribed.response.headers].flat().join()).not.toContain('the-secret-id')
      await post(`topic=a&data=public`, bearer(all))
      expect(JSON.stringify([await subscribed.nextOfAny(), await subscribed.nextOfAny()])).not.toContain(
        'the-secret-id',
      )
      await subscribed.close()
    }
    expect(await (await fetch(`${url}/last?match=a`)).text()).not.toContain('the-secret-id')
  })
})

describe('selectors', () => {
  test('that are relative are relative to the URL of the hub', async () => {
    const { post, open } = await guard()
    const subscribed = await open('match_urlpattern=/books/:id', bearer(all))
    await post('topic=/books/1/x&data=no', bearer(all))
    await post('topic=https://hub.shop.example/books/1&data=whole', bearer(all))
    await post('topic=/books/1&data=relative', bearer(all))
    expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['whole', 'relative'])
  })

  test('that hit several times deliver once', async () => {
    const { post, open } = await guard()
    const subscribed = await open('match=/a/1&match_urlpattern=/a/:id&match_urlpattern=/:x/1&match=/b', bearer(all))
    await post('topic=/a/1&topic=/b&data=first', bearer(all))
    await post('topic=/a/1&topic=/b&data=second', bearer(all))
    expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['first', 'second'])
  })

  test('of all kinds replay what was published before', async () => {
    const { post, open } = await guard()
    for (const topic of ['/a/1', '/b/1', '/a/2']) await post({ topic, data: topic }, bearer(all))
    const subscribed = await open('match_urlpattern=/a/:id&last_event_id=earliest', bearer(all))
    expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['/a/1', '/a/2'])
  })
})

describe('a publisher', () => {
  const publisherOf = (...topics: object[]) =>
    bearer(sign(claims({ authorization_details: [detail(['publish'], topics)] })))

  test('needs every topic of an event granted, private or not; otherwise nothing is sent', async () => {
    const { post, url, refusals } = await guard()
    const mine = publisherOf({ match: 'a' }, { match: 'b' })
    expect((await post('topic=a&topic=b', mine)).status).toBe(200)
    expect(await refusalOf(await post('topic=a&topic=c', mine))).toEqual([
      403,
      `Bearer error="insufficient_scope", resource_metadata="${metadataUrl}"`,
    ])
    expect((await post('topic=c&private', mine)).status).toBe(403)
    expect(refusals).toEqual([
      'the token grants publishing to the topics of its 2 matchers, but not to topic 2 of the 2',
      'the token grants publishing to the topics of its 2 matchers, but not to the topic',
    ])
    const { last_event_id } = await (await fetch(`${url}/last?match=*`, { headers: bearer(all) })).json()
    expect(last_event_id).toMatch(/\.1\./)
  })

  test('of an array needs each event granted, of a stream those that are to be published', async () => {
    const { url } = await guard()
    const send = (type: string, body: string) =>
      fetch(url, { method: 'POST', body, headers: { 'content-type': type, ...publisherOf({ match: 'a' }) } })
    expect((await send('application/json', '[{"topic":"a"},{"topic":"b"}]')).status).toBe(403)
    const lines = await (await send('application/x-ndjson', '{"topic":"a"}\n{"topic":"b"}\n{"topic":"a"}\n')).text()
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { line: 1, id: expect.any(String) },
      expect.objectContaining({ line: 2, status: 403, code: 'FORBIDDEN' }),
      { line: 3, id: expect.any(String) },
    ])
  })

  test('whose token expires while it sends a stream publishes no more of it', async () => {
    const { server, advance } = await guard()
    const sending = request(`${server.url}/.well-known/mercure`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', ...bearer(sign(claims())) },
    })
    sending.write('{"topic":"a"}\n')
    const [response] = await once(sending, 'response')
    response.setEncoding('utf8')
    expect(JSON.parse((await once(response, 'data'))[0])).toMatchObject({ line: 1, id: expect.any(String) })
    advance(300_000)
    sending.write('{"topic":"a"}\n')
    expect(JSON.parse((await once(response, 'data'))[0])).toMatchObject({ line: 2, status: 401, code: 'UNAUTHORIZED' })
    sending.end()
    await once(response, 'end')
  })

  test('hears of its token before its body is looked at, and of a body that is too large', async () => {
    const { post } = await guard(oneSecret, { limits: { maxBodyBytes: 100 } })
    expect((await post('x'.repeat(1000), { 'content-type': 'text/plain' })).status).toBe(401)
    expect(await refusalOf(await post(`topic=a&data=${'x'.repeat(1000)}`, bearer(all)))).toEqual([413, null])
  })

  test('by cookie must be a page of an allowed origin', async () => {
    const { post } = await guard({ ...oneSecret, publishOrigins: ['https://shop.example', 'https://*.shop.example'] })
    const cookie = `__Secure-mercure_access_token=${all}`
    const publish = async (headers: Record<string, string>) => (await post('topic=a', { cookie, ...headers })).status
    expect(await publish({ origin: 'https://shop.example' })).toBe(200)
    expect(await publish({ origin: 'https://admin.shop.example' })).toBe(200)
    expect(await publish({ referer: 'https://shop.example/page' })).toBe(200)
    expect(await publish({})).toBe(400)
    expect(await publish({ origin: 'https://evil.example' })).toBe(400)
    expect(await publish({ origin: 'https://shop.example.evil.example' })).toBe(400)
    expect(await publish({ origin: 'null', referer: 'https://shop.example/' })).toBe(400)
    expect(await refusalOf(await post('topic=a', { cookie }))).toEqual([
      400,
      `Bearer error="invalid_request", resource_metadata="${metadataUrl}"`,
    ])
  })

  test('with a token in its hands may be a page of any origin', async () => {
    const { post } = await guard()
    expect((await post('topic=a', { origin: 'https://elsewhere.example', ...bearer(all) })).status).toBe(200)
  })

  test('of an open hub may not be a page of a foreign origin', async () => {
    const { post } = await guard({ anonymousPublishers: true, anonymousSubscribers: true })
    expect((await post('topic=a')).status).toBe(200)
    expect((await post('topic=a', { origin: 'https://elsewhere.example' })).status).toBe(403)
  })

  test("cannot use a subscriber's key, nor one issuer's key in the name of another", async () => {
    const { post, url } = await guard({
      audience,
      issuers: [
        {
          issuer,
          publisher: { key: secretOf('p'), algorithms: 'HS256' },
          subscriber: { key: secretOf('s'), algorithms: 'HS256' },
        },
        { issuer: 'https://other.example', publisher: { key: secretOf('o'), algorithms: 'HS256' } },
      ],
    })
    const signed = (key: string, iss = issuer) => bearer(sign(claims({ iss }), { key: secretOf(key) }))
    const publish = async (headers: Record<string, string>) => (await post('topic=a', headers)).status
    expect(await publish(signed('p'))).toBe(200)
    expect(await publish(signed('o', 'https://other.example'))).toBe(200)
    expect(await publish(signed('s'))).toBe(401)
    expect(await publish(signed('o'))).toBe(401)
    expect((await fetch(`${url}/last?match=a`, { headers: signed('p') })).status).toBe(401)
    expect((await fetch(`${url}/last?match=a`, { headers: signed('s') })).status).toBe(200)
  })

  test('has nowhere to publish where nobody may', async () => {
    const { url } = await guard({ anonymousSubscribers: true })
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ topic: 'a' }) })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, QUERY, OPTIONS'])
    expect((await fetch(url, { method: 'OPTIONS' })).headers.get('allow')).toBe('GET, HEAD, QUERY, OPTIONS')
  })
})

function secretOf(name: string): string {
  return `the secret of ${name}, which is long enough for HS256`
}

describe('a stream', () => {
  test('ends as its token does, and its client finds that it needs another', async () => {
    // The stream by the real clock, the token by this one.
    const exp = Math.floor(Date.now() / 1000) + 2
    let time = (exp - 2) * 1000
    const tokens = await TokenAuthorizer.create(oneSecret, {
      onRefused: () => {},
      onWarning: () => {},
      now: () => time,
    })
    const { url, hub } = await serve({ tokens })
    const token = bearer(sign(claims({ exp })))
    await expect((await fetch(`${url}?match=a`, { headers: token })).text()).rejects.toThrow('terminated')
    expect(hub.subscriberCount).toBe(0)
    time = exp * 1000
    expect((await fetch(`${url}?match=a`, { headers: token })).status).toBe(401)
  })

  test('goes on when keys are replaced, while new requests go by the new ones', async () => {
    const { gate, post, open, url } = await guard()
    const subscribed = await open('match=a', bearer(all))
    const replaced = { key: otherSecret, algorithms: 'HS256' } as const
    await gate.reload({ ...oneSecret, publisher: replaced, subscriber: replaced })
    const renewed = bearer(sign(claims({ exp: farFuture }), { key: otherSecret }))
    expect((await fetch(`${url}?match=a`, { headers: bearer(all) })).status).toBe(401)
    expect((await post('topic=a&data=x&private', renewed)).status).toBe(200)
    expect((await subscribed.next()).data).toBe('x')
    await expect(gate.reload({ ...oneSecret, audience: 'nowhere' })).rejects.toThrow(/audience/)
    expect((await post('topic=a', renewed)).status).toBe(200)
  })
})

describe('the metadata of the hub', () => {
  const path = '/.well-known/oauth-protected-resource/.well-known/mercure'

  test('says how to get and present a token, and pages of allowed origins may read it', async () => {
    const { server } = await guard(
      { ...oneSecret, authorizationServers: ['https://login.shop.example'] },
      { corsOrigins: ['https://shop.example'] },
    )
    const response = await fetch(server.url + path, { headers: { origin: 'https://shop.example' } })
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(await response.json()).toEqual({
      resource: audience,
      bearer_methods_supported: ['header'],
      authorization_servers: ['https://login.shop.example'],
      authorization_details_types_supported: ['https://mercure.rocks/authorization-detail'],
      mercure_cookie: '__Secure-mercure_access_token',
    })
  })

  test('names the URL by which it was asked, if that is one of its own', async () => {
    const { server } = await guard({ ...oneSecret, audience: [audience, `http://localhost:1/.well-known/mercure`] })
    const ask = (host: string) =>
      sendRaw(server.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect(await ask('localhost:1')).toContain('"resource":"http://localhost:1/.well-known/mercure"')
    expect(await ask('evil.example')).toContain(`"resource":"${audience}"`)
  })

  test('is not there where no tokens are looked at', async () => {
    const { server } = await guard({ anonymousSubscribers: true, anonymousPublishers: true })
    expect((await fetch(server.url + path)).status).toBe(404)
  })
})

describe('with compat', () => {
  const rules: AuthOptions = { ...oneSecret, compat: true, publishOrigins: ['https://shop.example'] }

  test('tokens of before 1.0 are good, in the header, the old cookie and the query', async () => {
    const { url, post, open } = await guard(rules)
    const token = oldToken({ publish: ['*'], subscribe: ['a'] })
    const subscribed = await open(`topic=a&authorization=${token}`)
    expect((await post('topic=a&data=x&private', bearer(token))).status).toBe(200)
    expect((await subscribed.next()).data).toBe('x')
    const byCookie = await fetch(`${url}/last?topic=a`, { headers: { cookie: `mercureAuthorization=${token}` } })
    expect(byCookie.status).toBe(200)
  })

  test('whoever speaks as before 1.0 is answered 401 to whatever is wrong with the token', async () => {
    const { url, post } = await guard(rules)
    const subscribe = async (headers: Record<string, string>) => refusalOf(await fetch(`${url}?topic=a`, { headers }))
    expect(await subscribe({})).toEqual([401, 'Bearer'])
    expect(await subscribe(bearer('x'.repeat(60)))).toEqual([401, 'Bearer'])
    expect(await subscribe(bearer(oldToken({}, { exp: nowSeconds - 1 })))).toEqual([401, 'Bearer'])
    expect(await subscribe({ authorization: 'Basic abc' })).toEqual([401, 'Bearer'])
    const publish = async (mercure: object) => refusalOf(await post('topic=a', bearer(oldToken({ ...mercure }))))
    expect(await publish({ subscribe: ['*'] })).toEqual([401, 'Bearer'])
    expect(await publish({ publish: ['b'] })).toEqual([401, 'Bearer'])
    const cookie = `mercureAuthorization=${oldToken({ publish: ['*'] })}`
    expect(await refusalOf(await post('topic=a', { cookie }))).toEqual([401, 'Bearer'])
    expect(await refusalOf(await post('topic=a', { cookie, origin: 'https://evil.example' }))).toEqual([401, 'Bearer'])
    expect((await post('topic=a', { cookie, origin: 'https://shop.example' })).status).toBe(200)
    expect((await fetch(`${url}?topic=`, { headers: bearer(oldToken({})) })).status).toBe(400)
  })

  test('tokens of today are judged as ever', async () => {
    const { url, post } = await guard(rules)
    expect((await post('topic=a', bearer(all))).status).toBe(200)
    const foreign = bearer(sign(claims({ aud: 'https://other.example/' })))
    expect(await refusalOf(await post('topic=a', foreign))).toEqual([
      401,
      `Bearer error="invalid_token", resource_metadata="${metadataUrl}"`,
    ])
    expect((await fetch(`${url}/last?topic=a&authorization=${all}`)).status).toBe(401)
  })
})

describe('the conformance suite of Mercure', () => {
  const tokenOf = (payload: Record<string, unknown>) =>
    sign(payload, { key: '!ChangeThisMercureHubJWTSecretKey!', typ: 'at+jwt' })
  const key = { key: '!ChangeThisMercureHubJWTSecretKey!', algorithms: 'HS256' } as const
  const rules: AuthOptions = {
    issuer: 'https://localhost',
    audience: 'https://localhost/.well-known/mercure',
    publisher: key,
    subscriber: key,
    anonymousSubscribers: true,
  }
  const token = tokenOf({
    iss: 'https://localhost',
    aud: 'https://localhost/.well-known/mercure',
    exp: 4102444800,
    authorization_details: [detail(['publish', 'subscribe'], [{ match: '*' }])],
  })
  const data = 'first line\nsecond line\n\nlast line'

  test.each([
    { selectors: ['match=string'], topics: ['string'] },
    { selectors: ['match=string', 'match=another'], topics: ['another'] },
    { selectors: ['match=https://example.com/book/1'], topics: ['https://example.com/book/1'] },
    { selectors: ['match_urlpattern=https://example.com/:name'], topics: ['https://example.com/foo'] },
  ])('receives $topics by $selectors', async ({ selectors, topics }) => {
    const { post, open } = await guard(rules)
    const subscribed = await open(selectors.join('&'))
    const id = `id-${JSON.stringify(topics)}`
    const response = await post([...topics.map((topic) => ['topic', topic]), ['id', id], ['data', data]], bearer(token))
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      expect.stringMatching(/^text\/plain\b/),
      id,
    ])
    expect(await subscribed.next()).toMatchObject({ id, data })
  })

  test.each([
    { selectors: ['match=string'], topics: ['other'], isPrivate: false },
    { selectors: ['match=https://example.com/book/1'], topics: ['https://example.com/book/2'], isPrivate: false },
    {
      selectors: ['match_urlpattern=https://example.com/:name'],
      topics: ['https://example.com/foo/bar'],
      isPrivate: false,
    },
    { selectors: ['match=string'], topics: ['string'], isPrivate: true },
    { selectors: ['match=string', 'match=another'], topics: ['another'], isPrivate: true },
    { selectors: ['match_urlpattern=https://example.com/:name'], topics: ['https://example.com/foo'], isPrivate: true },
  ])('does not receive $topics by $selectors (private: $isPrivate)', async ({ selectors, topics, isPrivate }) => {
    const { post, open } = await guard(rules)
    const subscribed = await open([...selectors, 'match=end'].join('&'))
    const fields = [
      ...topics.map((topic) => ['topic', topic]),
      ['data', data],
      ...(isPrivate ? [['private', 'on']] : []),
    ]
    expect((await post(fields, bearer(token))).status).toBe(200)
    await post('topic=end&data=end', bearer(token))
    expect((await subscribed.next()).data).toBe('end')
  })

  test.each([
    { selectors: ['topic=string'], topics: ['string'] },
    { selectors: ['topic=string', 'topic=another'], topics: ['another'] },
    { selectors: ['topic=https://example.com/{name}'], topics: ['https://example.com/foo'] },
    { selectors: ['topic=other'], topics: ['https://example.com/foo', 'other'] },
  ])('of before 1.0 receives $topics by $selectors with compat', async ({ selectors, topics }) => {
    const { post, open } = await guard({ ...rules, compat: true })
    const subscribed = await open(selectors.join('&'))
    const old = sign({ mercure: { publish: ['*'], subscribe: ['*'] } }, { key: key.key, typ: 'JWT' })
    const id = `id-${JSON.stringify(topics)}`
    const response = await post([...topics.map((topic) => ['topic', topic]), ['id', id], ['data', data]], bearer(old))
    expect(response.status).toBe(200)
    expect(await subscribed.next()).toMatchObject({ id, data })
  })

  test('is run against a hub that warns of its secret, which everybody knows', async () => {
    const { warnings } = await guard(rules)
    expect(warnings.join()).toMatch(/publisher\.key/)
    expect(warnings.join()).not.toContain('ChangeThis')
  })
})

describe('tokens in Fetch', () => {
  test('are judged as in Node', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    const tokens = await TokenAuthorizer.create(oneSecret, { onRefused: () => {}, onWarning: () => {}, now: () => now })
    const handle = createFetchHandler(hub, { tokens })
    const ask = (headers: HeadersInit) => handle(new Request(`${audience}/last?match=a`, { headers }))
    expect((await ask(bearer(all))).status).toBe(200)
    expect((await ask({ cookie: `__Secure-mercure_access_token=${all}` })).status).toBe(200)
    expect(
      (
        await ask([
          ['authorization', `Bearer ${all}`],
          ['authorization', `Bearer ${all}`],
        ])
      ).status,
    ).toBe(400)
    expect(await refusalOf(await ask({}))).toEqual([401, `Bearer resource_metadata="${metadataUrl}"`])
    await hub.close()
  })

  test('and an authorize hook exclude each other', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    const tokens = await TokenAuthorizer.create(oneSecret, { onWarning: () => {} })
    expect(() => createFetchHandler(hub, { tokens, authorize: () => ({}) })).toThrow(/Set only one of them/)
    await hub.close()
  })
})
