import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test } from 'vitest'
import { claims, detail, keyPair, sign } from '../auth/tokens.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { type ServedHub, serveCommand } from './served-hub.ts'

/*
 * The flags of `headwater serve` that other tools call, each and together:
 * --listen H:P --store URL --dev | [--anonymous] [--compat] --publisher-key K --subscriber-key K --key-alg HS256 --issuer I
 * --audience A --cors-origins O --publish-origins O
 */

const issuer = 'https://shop.example'
const audience = 'https://hub.shop.example/.well-known/mercure'
const keys = { publisher: 'a secret of publishers, of 32 bytes', subscriber: 'a secret of subscribers, 32 bytes' }
const withKeys = ['--publisher-key', keys.publisher, '--subscriber-key', keys.subscriber, '--key-alg', 'HS256']
const withNames = ['--issuer', issuer, '--audience', audience]
const topics = [{ match: '*' }]

const access = (actions: readonly string[], more: Record<string, unknown> = {}) =>
  claims({ iss: issuer, aud: audience, exp: 4_102_444_800, authorization_details: [detail(actions, topics)], ...more })
const publisher = sign(access(['publish']), { key: keys.publisher })
const subscriber = sign(access(['subscribe']), { key: keys.subscriber })

/** Runs a hub for the length of one test. */
async function run(...flags: string[]): Promise<ServedHub> {
  const hub = await serveCommand(...(flags.includes('--store') ? [] : ['--store', 'memory:']), ...flags)
  onTestFinished(() => hub.stop())
  return hub
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function publish(hub: ServedHub, headers: Record<string, string> = {}, fields: Record<string, string> = {}) {
  const body = new URLSearchParams({ topic: 'a', ...fields })
  return await fetch(`${hub.url}/.well-known/mercure`, { method: 'POST', headers, body })
}

async function subscribeStatus(hub: ServedHub, headers: Record<string, string> = {}, query = 'match=a') {
  const response = await fetch(`${hub.url}/.well-known/mercure?${query}`, { method: 'HEAD', headers })
  return response.status
}

/** Opens a subscription, which is in force then; gives what tells the data of its first event. */
async function open(hub: ServedHub, query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${hub.url}/.well-known/mercure?${query}`, { headers })
  return async (): Promise<string> => {
    for await (const { type, data } of readEvents(response.body!)) if (!type?.startsWith('headwater-')) return data
    throw new Error('the stream ended')
  }
}

// Each test starts processes, which on a busy machine takes its time.
describe('headwater serve', { timeout: 180_000 }, () => {
  test('--dev: anybody publishes and subscribes without a token, in both dialects', async () => {
    const hub = await run('--dev')
    expect((await publish(hub)).status).toBe(200)
    expect((await publish(hub, bearer('whatever it is, nobody looks at it here'))).status).toBe(200)
    expect([await subscribeStatus(hub), await subscribeStatus(hub, {}, 'topic=a')]).toEqual([200, 200])
  })

  test('--anonymous: who has no token gets what is public; without it 401', async () => {
    const closed = await run(...withKeys, ...withNames)
    expect([await subscribeStatus(closed), await subscribeStatus(closed, bearer(subscriber))]).toEqual([401, 200])
    const open = await run(...withKeys, ...withNames, '--anonymous')
    expect([await subscribeStatus(open), await subscribeStatus(open, bearer('x'.repeat(60)))]).toEqual([200, 401])
    expect((await publish(open)).status).toBe(401)
  })

  test('--publisher-key and --subscriber-key: each is for its role alone', async () => {
    const hub = await run(...withKeys, ...withNames)
    const asSubscriber = sign(access(['publish', 'subscribe']), { key: keys.subscriber })
    const asPublisher = sign(access(['publish', 'subscribe']), { key: keys.publisher })
    expect((await publish(hub, bearer(publisher))).status).toBe(200)
    expect((await publish(hub, bearer(asSubscriber))).status).toBe(401)
    expect(await subscribeStatus(hub, bearer(subscriber))).toBe(200)
    expect(await subscribeStatus(hub, bearer(asPublisher))).toBe(401)
  })

  test('--key-alg, --issuer and --audience: a token of another algorithm, issuer or audience is none', async () => {
    const hub = await run(...withKeys, ...withNames)
    const bad = [
      sign(access(['publish']), { key: keys.publisher, alg: 'HS384' }),
      sign(access(['publish']), { key: keys.publisher, alg: 'none' }),
      sign(access(['publish']), { key: keys.publisher, typ: 'JWT' }),
      sign(access(['publish'], { iss: 'https://other.example' }), { key: keys.publisher }),
      sign(access(['publish'], { aud: 'https://other.example' }), { key: keys.publisher }),
      sign(access(['publish'], { exp: undefined }), { key: keys.publisher }),
    ]
    for (const token of bad) expect((await publish(hub, bearer(token))).status).toBe(401)
    expect((await publish(hub, bearer(publisher))).status).toBe(200)
  })

  test('--compat: tokens and selectors of before 1.0 are good as well, and need no --issuer and --audience', async () => {
    const old = sign({ mercure: { publish: ['*'] } }, { key: keys.publisher, typ: 'JWT' })
    const strict = await run(...withKeys, ...withNames, '--anonymous')
    expect([(await publish(strict, bearer(old))).status, await subscribeStatus(strict, {}, 'topic=a')]).toEqual([
      401, 400,
    ])
    for (const names of [withNames, []]) {
      const compat = await run(...withKeys, ...names, '--anonymous', '--compat')
      expect((await publish(compat, bearer(old))).status).toBe(200)
      expect(await subscribeStatus(compat, {}, 'topic=a')).toBe(200)
      expect((await publish(compat, bearer(publisher))).status).toBe(names.length > 0 ? 200 : 401)
    }
  })

  test('--cors-origins: pages of these origins may use it, and no others', async () => {
    const hub = await run(
      ...withKeys,
      ...withNames,
      '--anonymous',
      '--cors-origins',
      'https://a.example https://b.example',
    )
    const allowed = async (origin: string) => {
      const { headers } = await fetch(`${hub.url}/.well-known/mercure?match=a`, { method: 'HEAD', headers: { origin } })
      return [headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]
    }
    expect(await allowed('https://a.example')).toEqual(['https://a.example', 'true'])
    expect(await allowed('https://b.example')).toEqual(['https://b.example', 'true'])
    expect(await allowed('https://c.example')).toEqual([null, null])
  })

  test('--publish-origins: only their pages publish by cookie', async () => {
    const origins = ['--publish-origins', 'https://a.example,https://*.b.example']
    const hub = await run(...withKeys, ...withNames, '--anonymous', ...origins)
    const byCookie = async (headers: Record<string, string>) => {
      const response = await publish(hub, { cookie: `x=1; __Secure-mercure_access_token=${publisher}`, ...headers })
      return [response.status, response.headers.get('www-authenticate')?.split(',')[0]]
    }
    const refused = [400, 'Bearer error="invalid_request"']
    expect(await byCookie({ origin: 'https://a.example' })).toEqual([200, undefined])
    expect(await byCookie({ origin: 'https://x.b.example' })).toEqual([200, undefined])
    expect(await byCookie({ referer: 'https://a.example/page' })).toEqual([200, undefined])
    expect(await byCookie({})).toEqual(refused)
    expect(await byCookie({ origin: 'https://b.example' })).toEqual(refused)
    expect(await byCookie({ origin: 'null' })).toEqual(refused)
    expect(await byCookie({ origin: 'https://evil.example', referer: 'https://a.example/' })).toEqual(refused)
    expect((await publish(hub, { ...bearer(publisher), origin: 'https://evil.example' })).status).toBe(200)
  })

  test.each(['file:', 'file://'])(
    '--listen and --store %s: it is where it was told to be, and has its history there after kill -9',
    async (scheme) => {
      const directory = temporaryDirectory()
      const flags = ['--dev', '--store', `${scheme}${directory}`]
      // An address of its own: nobody else takes the port meanwhile.
      const first = await run(...flags, '--listen', '127.0.0.77:0')
      await publish(first, {}, { data: 'kept' })
      await first.stop()
      const again = await run(...flags, '--listen', new URL(first.url).host)
      expect(again.url).toBe(first.url)
      const firstData = await open(again, 'match=a&last_event_id=earliest')
      expect(await firstData()).toBe('kept')
    },
  )

  test('all of them together, with --dev too', async () => {
    const origins = ['--cors-origins', 'https://a.example', '--publish-origins', 'https://a.example']
    for (const dev of [[], ['--dev']]) {
      const hub = await run(...dev, '--anonymous', '--compat', ...withKeys, ...withNames, ...origins)
      const live = await open(hub, 'match=a', { ...bearer(subscriber), origin: 'https://a.example' })
      expect((await publish(hub, bearer(publisher), { private: 'on', data: 'private' })).status).toBe(200)
      expect(await live()).toBe('private')
      const replayed = await open(hub, 'topic=a&lastEventID=earliest', bearer(subscriber))
      expect(await replayed()).toBe('private')
      const anonymous = await open(hub, 'match=a&last_event_id=earliest')
      await publish(hub, bearer(publisher), { data: 'public' })
      expect(await anonymous()).toBe('public')
    }
  })

  test('a JWK Set by URL: a key that the issuer adds is found when its first token comes', async () => {
    const [first, second] = [keyPair('p256'), keyPair('p256')]
    let published: unknown[] = [first.jwk({ kid: '1' })]
    const issuerServer = createServer((_, res) => {
      res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published }))
    }).listen(0, '127.0.0.1')
    await once(issuerServer, 'listening')
    onTestFinished(() => {
      issuerServer.closeAllConnections()
      issuerServer.close()
    })
    const url = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}/jwks.json`
    const hub = await run('--anonymous', '--publisher-key', url, ...withNames)
    const tokenOf = (key: typeof first, kid: string) =>
      bearer(sign(access(['publish']), { key: key.privateKey, alg: 'ES256', kid }))
    expect((await publish(hub, tokenOf(first, '1'))).status).toBe(200)
    published = [first.jwk({ kid: '1' }), second.jwk({ kid: '2' })]
    expect((await publish(hub, tokenOf(second, '2'))).status).toBe(200)
    expect((await publish(hub, tokenOf(second, '1'))).status).toBe(401)
  })

  test('a PEM key is never an HMAC secret: refused at the start with HS256, and no such token is good without', async () => {
    const { pem } = keyPair('p256')
    const flags = ['--store', 'memory:', '--anonymous', '--publisher-key', pem, ...withNames]
    await expect(serveCommand(...flags, '--key-alg', 'HS256')).rejects.toThrow(/--publisher-key .*HS256/)
    const hub = await run(...flags)
    for (const secret of [pem, pem.trim(), pem.replace(/-----.*-----|\s/g, '')]) {
      expect((await publish(hub, bearer(sign(access(['publish']), { key: secret })))).status).toBe(401)
    }
  })
})
