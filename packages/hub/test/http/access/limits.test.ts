import { SignJWT } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tokenHolder } from '../../../src/auth/token-holder.ts'
import { createHub } from '../../../src/create-hub.ts'
import { ClientAddresses } from '../../../src/http/access/client-address.ts'
import { createCounts } from '../../../src/http/access/client-counts.ts'
import { ClientQuotas } from '../../../src/http/access/client-quotas.ts'
import { defaultLimits, type Limits } from '../../../src/http/access/limits.ts'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import type { HubRequest } from '../../../src/http/message/http-message.ts'
import type { FetchHandler } from '../../../src/http/server/fetch-handler.ts'
import type { HubOptions } from '../../../src/hub-options.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { problemOf } from '../serve-hub.ts'

const url = 'http://hub.test/.well-known/mercure'

/** A hub whose requests come from any address. */
async function start(options: Partial<HubOptions>) {
  const hub = await createHub({ store: createMemoryStore(), ...options })
  onTestFinished(() => hub.close())
  const answers: Response[] = []
  onTestFinished(async () => {
    for (const { body } of answers) if (!body?.locked) await body?.cancel()
  })
  const handle: FetchHandler = async (...parameters) => {
    const response = await hub.fetch(...parameters)
    answers.push(response)
    return response
  }
  return {
    hub,
    subscribe: (remoteAddress: string, headers: Record<string, string> = {}, query = 'match=a') =>
      handle(new Request(`${url}?${query}`, { headers }), { remoteAddress }),
    publish: (remoteAddress: string, body: string, type = 'application/x-www-form-urlencoded') =>
      handle(new Request(url, { method: 'POST', body, headers: { 'content-type': type } }), { remoteAddress }),
  }
}

describe('the limit of event streams', () => {
  test('of an address is answered 429 and when to come back, and others are let in', async () => {
    const { subscribe } = await start({ limits: { maxSubscribersPerAddress: 2 } })
    const streams = [await subscribe('192.0.2.1'), await subscribe('192.0.2.1')]
    const refused = await subscribe('192.0.2.1')
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: 'TOO_MANY_CONNECTIONS' })
    expect((await subscribe('192.0.2.2')).status).toBe(200)
    await streams[0]!.body!.cancel()
    expect((await subscribe('192.0.2.1')).status).toBe(200)
    expect((await subscribe('192.0.2.1')).status).toBe(429)
  })

  test('does not count what was refused, or left before it began', async () => {
    const { subscribe, hub } = await start({ limits: { maxSubscribersPerAddress: 1 } })
    for (let n = 0; n < 3; n++) {
      expect((await subscribe('192.0.2.1', {}, 'match=')).status).toBe(400)
      expect(
        (await subscribe('192.0.2.1', { 'last-event-id': `headwater-end.${Date.now().toString(36)}.` })).status,
      ).toBe(204)
    }
    expect((await subscribe('192.0.2.1')).status).toBe(200)
    expect(hub.subscriberCount).toBe(1)
  })

  test('of the hub is answered 503', async () => {
    const { subscribe } = await start({ limits: { maxSubscribers: 2 } })
    for (const address of ['192.0.2.1', '127.0.0.1']) expect((await subscribe(address)).status).toBe(200)
    const refused = await subscribe('192.0.2.3')
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'HUB_FULL' })
  })

  test('is by the address that trusted proxies forward for, and not by what anybody claims', async () => {
    const { subscribe } = await start({ limits: { maxSubscribersPerAddress: 1 }, trustedProxies: ['10.0.0.0/8'] })
    const via = (proxy: string, client: string) => subscribe(proxy, { 'x-forwarded-for': client })
    expect((await via('10.0.0.1', '192.0.2.1')).status).toBe(200)
    expect((await via('10.0.0.1', '192.0.2.2')).status).toBe(200)
    expect((await via('10.0.0.2', '198.51.100.7, 192.0.2.1')).status).toBe(429)
    expect((await via('203.0.113.1', '192.0.2.9')).status).toBe(200)
    expect((await via('203.0.113.1', '192.0.2.10')).status).toBe(429)
  })
})

describe('the limit of event streams of a token', () => {
  const hubUrl = 'https://hub.example/.well-known/mercure'
  const issuer = 'https://shop.example'
  const key = 'a secret of subscribers, long enough for HS256'

  async function startWithTokens(limits: Partial<Limits>) {
    const refusals: string[] = []
    const onRefused = (reason: string) => refusals.push(reason)
    const tokens = await TokenAuthorizer.create(
      { issuer, audience: hubUrl, subscriber: { key, algorithms: 'HS256' }, anonymousSubscribers: true },
      { onRefused },
    )
    const serving = await start({ tokens, limits })
    let address = 0
    return {
      refusals,
      /** Each time from another address. */
      subscribe: (token?: string) =>
        serving.subscribe(`192.0.2.${++address}`, token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
  }

  /** Claims of the caller's choice, where `mintToken` has its own. */
  async function sign(claims: Record<string, unknown>): Promise<string> {
    const details = [
      { type: 'https://mercure.rocks/authorization-detail', actions: ['subscribe'], topics: [{ match: '*' }] },
    ]
    const all = { iss: issuer, aud: hubUrl, exp: 4102444800, authorization_details: details, ...claims }
    return await new SignJWT(all)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .sign(new TextEncoder().encode(key))
  }

  test.each([
    [
      'subject, whatever else they say',
      { sub: 'ann', jti: '1', iat: 1 },
      { sub: 'ann', jti: '2', iat: 2 },
      { sub: 'bob', jti: '1' },
    ],
    ['name, where there is no subject', { jti: '1', iat: 1 }, { jti: '1', iat: 2 }, { jti: '2', iat: 1 }],
    ['text, where there is neither', { iat: 1 }, { iat: 1 }, { iat: 2 }],
    ['text, where the subject is no name', { sub: '', iat: 1 }, { sub: '', iat: 1 }, { sub: '', iat: 2 }],
  ])('counts tokens of the same %s', async (_what, first, second, other) => {
    const { subscribe } = await startWithTokens({ maxSubscribersPerToken: 2 })
    expect((await subscribe(await sign(first))).status).toBe(200)
    const stream = await subscribe(await sign(second))
    expect(stream.status).toBe(200)
    const refused = await subscribe(await sign(first))
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: 'TOO_MANY_CONNECTIONS' })
    expect((await subscribe(await sign(other))).status).toBe(200)
    await stream.body!.cancel()
    expect((await subscribe(await sign(second))).status).toBe(200)
    expect((await subscribe(await sign(first))).status).toBe(429)
  })

  test('does not count who has none', async () => {
    const { subscribe } = await startWithTokens({ maxSubscribersPerToken: 1 })
    for (let n = 0; n < 3; n++) expect((await subscribe()).status).toBe(200)
  })

  test('counts by whatever an application calls the holder', async () => {
    const { subscribe } = await start({
      authorize: (request) => ({ holder: request.header('x-user') }),
      limits: { maxSubscribersPerToken: 1 },
    })
    expect((await subscribe('192.0.2.1', { 'x-user': 'ann' })).status).toBe(200)
    expect((await subscribe('192.0.2.2', { 'x-user': 'ann' })).status).toBe(429)
    expect((await subscribe('192.0.2.3', { 'x-user': 'bob' })).status).toBe(200)
  })

  test('knows a holder by a digest, which tells neither the name nor the token', () => {
    const holder = tokenHolder({ iss: issuer, sub: 'ann' }, 'a.b.c')
    expect(holder).toMatch(/^[\w-]{43}$/)
    expect(tokenHolder({ iss: issuer, sub: 'ann' }, 'd.e.f')).toBe(holder)
    expect(tokenHolder({ iss: `${issuer}/`, sub: 'ann' }, 'a.b.c')).not.toBe(holder)
    expect(tokenHolder({ iss: issuer, jti: 'ann' }, 'a.b.c')).not.toBe(holder)
  })
})

test('an operator hears of each request that a limit refused, and of nothing else', async () => {
  const told: string[] = []
  const { subscribe, publish } = await start({
    limits: { maxSubscribersPerAddress: 1, maxPublishRate: 1, maxMatchers: 1 },
    onRefused: ({ code }, { method, route, address }) => told.push(`${code} ${method} ${route} ${address}`),
  })
  await subscribe('192.0.2.1')
  await subscribe('192.0.2.1')
  await subscribe('192.0.2.2', {}, 'match=a&match=b')
  await publish('192.0.2.3', 'topic=a')
  await publish('192.0.2.3', 'topic=a')
  expect(told).toEqual(['TOO_MANY_CONNECTIONS GET subscribe 192.0.2.1', 'RATE_LIMITED POST publish 192.0.2.3'])
})

describe('the rate of publishing', () => {
  test('of an address is answered 429, and others go on', async () => {
    const { publish } = await start({ limits: { maxPublishRate: 3 } })
    for (let n = 0; n < 3; n++) expect((await publish('192.0.2.1', 'topic=a')).status).toBe(200)
    const refused = await publish('192.0.2.1', 'topic=a')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
    expect((await publish('192.0.2.2', 'topic=a')).status).toBe(200)
    expect((await publish('127.0.0.1', 'topic=a')).status).toBe(200)
  })

  test('counts every event of an array, and never those that were refused', async () => {
    const { publish } = await start({ limits: { maxPublishRate: 3 } })
    const array = (count: number) =>
      publish('192.0.2.1', JSON.stringify(Array.from({ length: count }, () => ({ topic: 'a' }))), 'application/json')
    for (let n = 0; n < 5; n++) expect((await publish('192.0.2.1', 'topic=*')).status).not.toBe(200)
    expect((await publish('192.0.2.2', 'data=')).status).toBe(400)
    expect((await array(2)).status).toBe(200)
    expect((await array(2)).status).toBe(429)
  })

  test('holds back a stream of lines, and refuses none of it', async () => {
    const { publish, hub } = await start({ limits: { maxPublishRate: 100 } })
    const lines = '{"topic":"a"}\n'.repeat(120)
    const response = await publish('192.0.2.1', lines, 'application/x-ndjson')
    const acks = (await response.text()).trim().split('\n')
    expect(acks.filter((ack) => 'id' in JSON.parse(ack))).toHaveLength(120)
    expect(hub.stats.headPosition).toBe(120)
  })

  test('refills with the time', () => {
    let now = 0
    const admission = new ClientQuotas({ ...defaultLimits, maxPublishRate: 10 }, createCounts(), () => now)
    admission.publish('a', 10)
    expect(() => admission.publish('a', 1)).toThrowError(expect.objectContaining({ code: 'RATE_LIMITED' }))
    now = 500
    admission.publish('a', 5)
    expect(() => admission.publish('a', 1)).toThrow()
    now = 10_000
    // More at once than a second allows has to be possible; it is paid for afterwards.
    admission.publish('a', 30)
    now = 11_000
    expect(() => admission.publish('a', 1)).toThrow()
    now = 12_200
    admission.publish('a', 1)
  })
})

describe('the rate of subscriptions that the hub tells of', () => {
  const matchers = (count: number) => Array.from({ length: count }, (_, n) => `match=${n}`).join('&')

  test('bounds what subscribers of one address write to the history, and others go on', async () => {
    const { subscribe, hub } = await start({ subscriptions: true, limits: { maxPresenceRate: 2 } })
    // Half a minute's worth at once: 60.
    for (let n = 0; n < 6; n++) {
      const { status, body } = await subscribe('192.0.2.1', {}, matchers(10))
      expect(status).toBe(200)
      await body!.cancel()
    }
    const refused = await subscribe('192.0.2.1', {}, matchers(10))
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
    expect((await subscribe('192.0.2.2', {}, matchers(10))).status).toBe(200)
    // Half of them to say that they began, and half that they ended.
    await expect.poll(() => hub.stats.headPosition).toBe(2 * 60 + 10)
  })

  test('does not count what the hub does not tell of', async () => {
    const { subscribe } = await start({ limits: { maxPresenceRate: 1 } })
    for (let n = 0; n < 5; n++) expect((await subscribe('192.0.2.1', {}, matchers(100))).status).toBe(200)
  })
})

test('limits can be changed while the hub runs', async () => {
  const limits: Partial<Limits> = { maxMatchers: 1, maxBodyBytes: 20, maxTopics: 1 }
  const { subscribe, publish } = await start({ limits })
  const statuses = async () => [
    (await subscribe('192.0.2.1', {}, 'match=a&match=b')).status,
    (await publish('192.0.2.1', 'topic=a&data=0123456789')).status,
    (await publish('192.0.2.1', 'topic=a&topic=b')).status,
  ]
  expect(await statuses()).toEqual([400, 413, 413])
  Object.assign(limits, { maxMatchers: 2, maxBodyBytes: 100, maxTopics: 2 })
  expect(await statuses()).toEqual([200, 200, 200])
})

describe('the address of a client', () => {
  const of = (proxies: string[], remoteAddress: string | undefined, forwarded?: string) =>
    new ClientAddresses(proxies).of({ remoteAddress, header: () => forwarded } as unknown as HubRequest)

  test.each([
    [[], '192.0.2.1', '1.1.1.1', '192.0.2.1'],
    [[], '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    [[], '127.0.0.1', '1.1.1.1', undefined],
    [[], undefined, undefined, undefined],
    [['127.0.0.1'], '127.0.0.1', '1.1.1.1', '1.1.1.1'],
    [['127.0.0.1'], '::ffff:127.0.0.1', '9.9.9.9,1.1.1.1', '1.1.1.1'],
    [['10.0.0.0/8', 'fd00::/8'], '10.2.3.4', '1.1.1.1, fd00::1 , 10.0.0.9', '1.1.1.1'],
    [['10.0.0.0/8'], '10.2.3.4', undefined, undefined],
    [['10.0.0.0/8'], '10.2.3.4', 'garbage', 'garbage'],
    [[], '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
    [[], '2001:DB8:1:2:0:0:0:1', undefined, '2001:db8:1:2::/64'],
    [[], '2001:db8::1', undefined, '2001:db8:0:0::/64'],
    [[], 'fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
    [[], '::ffff:c000:201', undefined, '0:0:0:0::/64'],
    [['fd00::/8'], 'fd00::1', '2001:db8::7', '2001:db8:0:0::/64'],
  ])('with the proxies %j is, of %s forwarded for %s, %s', (proxies, remote, forwarded, expected) => {
    expect(of(proxies, remote, forwarded)).toBe(expected)
  })

  test.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/x', 'fd00::/129', ''])(
    'cannot be told by the proxy %j',
    (proxy) => {
      expect(() => new ClientAddresses([proxy])).toThrowError(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )
})
