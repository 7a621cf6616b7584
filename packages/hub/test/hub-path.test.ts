import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ParsedEvent, readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHub, createMemoryStore, everyTopic, type Hub, type HubOptions, Metrics } from '../src/index.ts'

async function create(options: Partial<HubOptions> = {}): Promise<Hub> {
  const open = () => ({ publish: [everyTopic], subscribe: [everyTopic] })
  const hub = await createHub({ store: createMemoryStore(), authorize: open, ...options })
  onTestFinished(() => hub.close())
  return hub
}

async function serveApplication(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const post = (url: string, fields: Record<string, string>) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields) })

async function nextEvent(response: Response): Promise<ParsedEvent> {
  for await (const event of readEvents(response.body!)) if (!event.type?.startsWith('headwater-')) return event
  throw new Error('the stream ended')
}

describe("a hub's path of its own choice", () => {
  const path = '/api/hub'

  test('is where it publishes, subscribes and says its last event ID, on its own port', async () => {
    const hub = await create({ path })
    const { url } = await hub.listen({ host: '127.0.0.1', port: 0 })
    const stream = await fetch(`${url}${path}?match=a`)
    expect((await post(url + path, { topic: 'a', data: 'x' })).status).toBe(200)
    expect((await nextEvent(stream)).data).toBe('x')
    expect((await fetch(`${url}${path}/last?match=a`)).status).toBe(200)
    const elsewhere = await fetch(`${url}/.well-known/mercure?match=a`)
    expect([elsewhere.status, await elsewhere.text()]).toEqual([404, expect.stringContaining('The hub is at /api/hub')])
    for (const near of ['/api/hubs', '/api/hub/x', '/api', '/API/hub'])
      expect((await fetch(`${url}${near}?match=a`)).status).toBe(404)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  test('is that of its subscriptions, their topics and their links, and nobody else may publish there', async () => {
    const hub = await create({ path, subscriptions: true })
    const answer = (target: string) => hub.fetch(new Request(`http://app.example${target}`))
    const list = await answer(`${path}/subscriptions`)
    expect(list.headers.get('link')).toMatch(/^<\/api\/hub>; rel="mercure"/)
    expect(await list.json()).toMatchObject({ id: `${path}/subscriptions` })
    const watching = await answer(`${path}?match_urlpattern=${encodeURIComponent(`${path}/subscriptions/*`)}`)
    const told = await nextEvent(watching)
    expect(JSON.parse(told.data)).toMatchObject({
      id: expect.stringMatching(/^\/api\/hub\/subscriptions\/urlpattern\//),
      active: true,
    })
    for (const topic of [`${path}/subscriptions/exact/a/b`, path, '/api/%68ub', '/.well-known/mercure/x'])
      await expect(hub.publish({ topic })).rejects.toMatchObject({ code: 'INVALID_TOPIC' })
    await hub.publish({ topic: '/api/hubs' })
  })

  test.each(['api/hub', '/api/hub/', '/', '', '/api//hub', '/api/../hub', '/hub?x', '/hü', '/%61', 7])(
    'cannot be %j',
    async (bad) => {
      await expect(create({ path: bad as string })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(JSON.stringify(bad)),
      })
    },
  )
})

describe('a hub inside an application', () => {
  test.each([undefined, '/api/hub'])('at %s leaves all other paths to it, those of health too', async (path) => {
    const hub = await create({ path })
    const url = await serveApplication((req, res) => void hub.handler(req, res, () => res.end(`mine: ${req.url}`)))
    for (const target of ['/healthz', '/readyz', '/metrics', '/', '/api', `${hub.path}s`])
      expect(await (await fetch(url + target)).text()).toBe(`mine: ${target}`)
    expect((await fetch(`${url}${hub.path}/last?match=a`)).status).toBe(200)
    expect((await hub.fetch(new Request(`${url}/healthz`))).status).toBe(404)
  })

  test('answers for health and metrics if it is asked to', async () => {
    const hub = await create({ health: true, metrics: new Metrics() })
    const url = await serveApplication(hub.handler)
    for (const target of ['/healthz', '/readyz', '/metrics']) expect((await fetch(url + target)).status).toBe(200)
  })

  test('is found where Express mounts it, by the path that the client sees or by what is left of it', async () => {
    const whole = await create({ path: '/api/hub' })
    const rest = await create()
    const url = await serveApplication((req, res) => {
      // As `app.use('/api', handler)` does.
      const original = req.url!
      const mounted = Object.assign(req, { originalUrl: original, url: original.replace(/^\/api/, '') || '/' })
      const hub = original.startsWith('/api/hub') ? whole : rest
      void hub.handler(mounted, res, () => res.writeHead(404).end())
    })
    expect((await fetch(`${url}/api/hub/last?match=a`)).status).toBe(200)
    expect((await fetch(`${url}/api/.well-known/mercure/last?match=a`)).status).toBe(200)
    expect((await fetch(`${url}/api/other`)).status).toBe(404)
  })
})
