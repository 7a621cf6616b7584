import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp, defineEventHandler, type H3Event, toNodeListener, toWebRequest } from 'h3'
import Koa from 'koa'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createResponse } from '../../src/server/fetch.ts'
import { createSession } from '../../src/server/node.ts'
import type { Session } from '../../src/server/session.ts'
import { dataOf, settledUnsent, useFakeClock } from './opener.ts'

const servers: http.Server[] = []
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

// h3 v1 (Nitro 2, Nuxt 4) writes to its response whether or not anybody is there, never cancels a
// stream and gives no signal.
describe('under h3 v1', () => {
  test('5 clients that leave are 0 sessions', async () => {
    const { port, sessions } = await serve((event, opened) => createResponse(toWebRequest(event), opened))
    const clients = await Promise.all(Array.from({ length: 5 }, () => get(port)))
    expect(sessions.map(({ isOpen }) => isOpen)).toEqual([true, true, true, true, true])
    for (const client of clients) client.destroy()
    expect(await Promise.all(sessions.map(({ closed }) => closed))).toEqual(Array(5).fill('client-left'))
  })

  test('a client that leaves before it reads anything is not a session for ever', async () => {
    const { port, sessions } = await serve((event, opened) => createResponse(toWebRequest(event), opened))
    const req = http.get({ port, agent: false })
    req.on('error', () => {})
    await vi.waitUntil(() => sessions.length === 1)
    req.destroy()
    expect(await sessions[0]!.closed).toBe('client-left')
  })

  test('a client that does not read holds the session back, and is stalled after stallTimeoutMs', async () => {
    useFakeClock()
    const options = { stallTimeoutMs: 5000, maxUnsentBytes: 2 ** 30 }
    const { port, sessions } = await serve((event, opened) => createResponse(toWebRequest(event), options, opened))
    const client = await get(port)
    const [session] = sessions as [Session]
    session.send({ data: 'x'.repeat(32 * 2 ** 20) })
    expect(await settledUnsent(session)).toBeGreaterThan(0)
    await vi.advanceTimersByTimeAsync(5200)
    expect(await session.closed).toBe('stalled')
    vi.useRealTimers()
    client.resume()
    await closed(client)
  })

  test('a client that reads gets everything, to the end', async () => {
    const { port } = await serve((event) =>
      createResponse(toWebRequest(event), async function* () {
        for (let i = 0; i < 100; i++) yield `${i} ${'x'.repeat(10_000)}`
      }),
    )
    const res = await get(port)
    let text = ''
    for await (const chunk of res.setEncoding('utf8')) text += chunk
    expect(dataOf(text).map((data) => Number.parseInt(data, 10))).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(res.complete).toBe(true)
  })

  test('a source that fails breaks the response off', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { port } = await serve((event) =>
      createResponse(toWebRequest(event), async function* () {
        yield 'a'
        throw new Error('failed')
      }),
    )
    const res = await get(port)
    let text = ''
    res.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    await closed(res)
    expect(dataOf(text)).toEqual(['a'])
    expect(res.complete).toBe(false)
  })

  test('createSession works on its Node response', async () => {
    const { port, sessions } = await serve((event, opened) => {
      event._handled = true
      opened(createSession(event.node.req, event.node.res))
    })
    const client = await get(port)
    client.destroy()
    expect(await sessions[0]!.closed).toBe('client-left')
  })

  async function serve(answer: (event: H3Event, opened: (session: Session) => void) => unknown) {
    const sessions: Session[] = []
    const app = createApp()
    app.use(defineEventHandler((event) => answer(event, (session) => void sessions.push(session))))
    return { port: await listen(toNodeListener(app)), sessions }
  }
})

describe('under Koa', () => {
  test('without ctx.respond = false, a session says that its response was ended, and what to do', async () => {
    const errors: unknown[] = []
    const sessions: Session[] = []
    const app = new Koa()
    app.use((ctx) => {
      sessions.push(createSession(ctx.req, ctx.res, { onError: (error) => errors.push(error) }))
    })
    const client = await get(await listen(app.callback()))
    expect(await sessions[0]!.closed).toBe('response-ended')
    expect(errors).toMatchObject([{ code: 'RESPONSE_ENDED', message: expect.stringContaining('ctx.respond = false') }])
    client.destroy()
  })
})

async function listen(listener: RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A response whose first bytes have come, and of which nothing more is read. */
async function get(port: number): Promise<http.IncomingMessage> {
  const req = http.get({ port, agent: false })
  req.on('error', () => {})
  const [res] = (await once(req, 'response')) as [http.IncomingMessage]
  res.on('error', () => {})
  await once(res, 'readable')
  return res
}

/** Not `once`, which rejects when the response breaks off. */
function closed(res: http.IncomingMessage): Promise<void> {
  return new Promise((resolve) => res.on('close', resolve))
}
