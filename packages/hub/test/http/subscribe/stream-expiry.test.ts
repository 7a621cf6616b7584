import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { mintToken } from '../../../src/auth/mint-token.ts'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import type { HandlerOptions } from '../../../src/http/router.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { createFetchHandler } from '../handlers.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'
const secret = 'a secret of subscribers, long enough for HS256'
const issuer = 'https://shop.example'
const hour = 3_600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => void vi.useRealTimers())

async function start(options: HandlerOptions) {
  const hub = await createHubCore({ store: createMemoryStore() })
  onTestFinished(() => hub.close())
  const answer = createFetchHandler(hub, options)
  return {
    hub,
    /** Opens a stream. `ended` tells when it ended, in milliseconds since, and by which words. */
    async open(headers: Record<string, string> = {}) {
      const beganAt = Date.now()
      const response = await answer(new Request(`${hubUrl}?match=a`, { headers }))
      expect(response.status).toBe(200)
      return { ended: textOf(response).then((text) => ({ after: Date.now() - beganAt, text })) }
    },
    /** Lets time pass until all streams are over, or so long. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += ms / 500) await vi.advanceTimersByTimeAsync(ms / 500)
    },
    status: async (headers: Record<string, string>) =>
      (await answer(new Request(`${hubUrl}/last?match=a`, { headers }))).status,
  }
}

const retryAtTheEnd = /retry: (\d+)\nid: \S+\n\n$/

/** What came until the response broke off. It fails if the response ends. */
async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of body!) text += decoder.decode(chunk, { stream: true })
  } catch {
    return text
  }
  throw new Error(`The response ended, as if it were complete: ${text}`)
}

describe('an event stream', () => {
  test('ends before the token that opened it expires, each at another moment, and tells each client to come back at another', async () => {
    const key = { key: secret, algorithms: 'HS256' as const }
    const tokens = await TokenAuthorizer.create({ issuer, audience: hubUrl, subscriber: key }, { onRefused: () => {} })
    const { open, pass, hub, status } = await start({ tokens })
    const token = await mintToken({
      key: secret,
      algorithm: 'HS256',
      issuer,
      audience: hubUrl,
      subscribe: [{ match: '*', matchType: 'exact' }],
      lifetimeSeconds: 3600,
    })
    const headers = { authorization: `Bearer ${token}` }
    const streams = await Promise.all(Array.from({ length: 30 }, () => open(headers)))
    await vi.advanceTimersByTimeAsync(0.7 * hour)
    expect(hub.subscriberCount).toBe(30)
    await pass(0.3 * hour)
    const ends = await Promise.all(streams.map(({ ended }) => ended))
    for (const { after, text } of ends) {
      expect(after).toBeLessThan(hour)
      expect(text).toMatch(retryAtTheEnd)
      expect(text).not.toContain('headwater-close')
    }
    expect(new Set(ends.map(({ after }) => after)).size).toBeGreaterThan(10)
    expect(new Set(ends.map(({ text }) => retryAtTheEnd.exec(text)![1])).size).toBeGreaterThan(10)
    // From then on the token is no good for anything.
    expect(await status(headers)).toBe(401)
  })

  test('ends when the permission that an application gave does', async () => {
    const { open, pass } = await start({ authorize: () => ({ subscribe: [], expiresAt: Date.now() + 60_000 }) })
    const { ended } = await open()
    await pass(60_000)
    const { after, text } = await ended
    expect(after).toBeGreaterThan(0.6 * 60_000)
    expect(after).toBeLessThan(60_000)
    expect(text).toMatch(retryAtTheEnd)
  })

  test('lasts no longer than any may, up to a third less, so that not all end together', async () => {
    const { open, pass } = await start({ session: { maxDurationMs: hour } })
    const streams = await Promise.all(Array.from({ length: 30 }, () => open()))
    await pass(hour)
    const ends = await Promise.all(streams.map(async ({ ended }) => (await ended).after))
    expect(Math.max(...ends)).toBeLessThan(hour)
    expect(Math.min(...ends)).toBeGreaterThan(0.66 * hour)
    expect(new Set(ends).size).toBeGreaterThan(10)
  })

  test('without either has no end', async () => {
    const { open, pass, hub } = await start({ session: { heartbeatMs: hour } })
    const { ended } = await open()
    await pass(1000 * hour)
    expect(hub.subscriberCount).toBe(1)
    await hub.close()
    expect((await ended).after).toBe(1000 * hour)
  })
})
