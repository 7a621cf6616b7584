import { describe, expect, onTestFinished, test } from 'vitest'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import { Metrics } from '../../../src/http/metrics.ts'
import type { HandlerOptions } from '../../../src/http/router.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { oneSecret } from '../../auth/tokens.ts'
import { createFetchHandler } from '../handlers.ts'
import { problemOf } from '../serve-hub.ts'

const proxy = '10.0.0.1'

/** What a hub answers to requests for its state, with these headers, from an address. */
async function start(options: HandlerOptions) {
  const hub = await createHubCore({ store: createMemoryStore() })
  onTestFinished(() => hub.close())
  const answer = createFetchHandler(hub, { trustedProxies: [proxy], ...options })
  return (headers: Record<string, string>, remoteAddress = '192.0.2.1', path = '/.well-known/mercure/last?match=a') =>
    answer(new Request(`http://ignored.example${path}`, { headers }), { remoteAddress })
}

test('the refusal of a host says how the operator adds it, and never repeats what is not a host', async () => {
  const ask = await start({ publicUrls: ['https://hub.example.com'] })
  const { detail } = (await (await ask({ host: '127.0.0.1:3000' })).json()) as { detail: string }
  expect(detail).toContain("add http://127.0.0.1:3000 to the hub's --public-urls")
  const odd = (await (await ask({ host: 'x@hub.example.com' })).json()) as { detail: string }
  expect(odd.detail).not.toContain('--public-urls')
})

describe('a hub that knows its public URLs', () => {
  const publicUrls = ['https://hub.example.com', 'http://hub.internal:3000/.well-known/mercure']

  test.each([
    ['hub.example.com', 200],
    ['HUB.example.com', 200],
    ['hub.example.com:443', 200],
    ['hub.example.com.', 200],
    ['hub.example.com.:443', 200],
    ['hub.internal:3000', 200],
    ['hub.internal', 421],
    ['hub.example.com:80', 421],
    ['hub.example.com.evil.example', 421],
    ['evil.example', 421],
    ['127.0.0.1:3000', 421],
    ['hub.example.com/x', 421],
    ['x@hub.example.com', 421],
    ['not a host', 421],
  ])('answers a request for %s with %i', async (host, status) => {
    const ask = await start({ publicUrls })
    const answer = await ask({ host })
    expect(answer.status).toBe(status)
    if (status === 421) expect(await problemOf(answer)).toMatchObject({ code: 'HOST_NOT_ALLOWED' })
  })

  test('refuses a page to be read under another name, and events to be published', async () => {
    const refused: string[] = []
    const tokens = await TokenAuthorizer.create({ ...oneSecret, anonymousSubscribers: true })
    const ask = await start({ publicUrls, tokens, onRefused: ({ code }) => refused.push(code) })
    for (const path of [
      '/',
      '/.well-known/mercure?match=a',
      '/.well-known/oauth-protected-resource/.well-known/mercure',
    ])
      expect((await ask({ host: 'evil.example' }, undefined, path)).status).toBe(421)
    expect(refused).toHaveLength(3)
  })

  test('is looked after by any name', async () => {
    const ask = await start({ publicUrls, metrics: new Metrics() })
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect((await ask({ host: '10.1.2.3:3000' }, undefined, path)).status).toBe(200)
  })

  test('believes a trusted proxy which host and scheme were asked for, and nobody else', async () => {
    const ask = await start({ publicUrls })
    const forwarded = { host: 'backend:3000', 'x-forwarded-host': 'hub.example.com', 'x-forwarded-proto': 'https' }
    expect((await ask(forwarded, proxy)).status).toBe(200)
    expect((await ask(forwarded, '192.0.2.1')).status).toBe(421)
    expect((await ask({ ...forwarded, 'x-forwarded-proto': 'http' }, proxy)).status).toBe(421)
    expect((await ask({ ...forwarded, 'x-forwarded-host': 'evil.example' }, proxy)).status).toBe(421)
    // Without a word about the host, the one that came is the one that was meant.
    expect((await ask({ host: 'hub.example.com', 'x-forwarded-proto': 'HTTPS' }, proxy)).status).toBe(200)
    // Several proxies: the first had it from the client.
    expect((await ask({ ...forwarded, 'x-forwarded-host': 'hub.example.com, inner' }, proxy)).status).toBe(200)
  })

  test('without any answers to every name', async () => {
    const ask = await start({})
    expect((await ask({ host: 'any.example' })).status).toBe(200)
  })

  test.each(['hub.example.com', 'ftp://hub.example.com', 'https://user:pass@hub.example.com', ''])(
    'cannot have the URL %j',
    async (url) => {
      await expect(start({ publicUrls: [url] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    },
  )
})

test('which of its URLs a hub calls itself by follows a trusted proxy, and is never anything that a client makes up', async () => {
  const urls = ['https://a.example/.well-known/mercure', 'https://b.example/.well-known/mercure']
  const subscriber = { key: 'a secret of subscribers, long enough for HS256', algorithms: 'HS256' as const }
  const tokens = await TokenAuthorizer.create({ issuer: 'https://shop.example', audience: urls, subscriber })
  const ask = await start({ tokens })
  const resourceFor = async (headers: Record<string, string>, remoteAddress: string) => {
    const path = '/.well-known/oauth-protected-resource/.well-known/mercure'
    return ((await (await ask(headers, remoteAddress, path)).json()) as { resource: string }).resource
  }
  const forwarded = { host: 'backend', 'x-forwarded-host': 'b.example' }
  expect(await resourceFor({ host: 'b.example' }, '192.0.2.1')).toBe(urls[1])
  for (const host of ['B.example', 'b.example:443', 'b.example.'])
    expect(await resourceFor({ host }, '192.0.2.1')).toBe(urls[1])
  expect(await resourceFor(forwarded, proxy)).toBe(urls[1])
  expect(await resourceFor(forwarded, '192.0.2.1')).toBe(urls[0])
  expect(await resourceFor({ host: 'evil.example' }, '192.0.2.1')).toBe(urls[0])
})
