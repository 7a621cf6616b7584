import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { defineEvents, readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  createHub,
  createMemoryStore,
  everyTopic,
  exactTopic,
  type Hub,
  type HubOptions,
  Metrics,
  type PublishInit,
} from '../src/index.ts'
import { problemOf } from './http/serve-hub.ts'

const path = '/.well-known/mercure'
const form = { 'content-type': 'application/x-www-form-urlencoded' }

async function create(options: Partial<HubOptions> = {}): Promise<Hub> {
  const hub = await createHub({ store: createMemoryStore(), ...options })
  onTestFinished(() => hub.close())
  return hub
}

/** An application's server on a free port; gives its URL. */
async function serveApplication(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const publish = (url: string, body: string) => fetch(url + path, { method: 'POST', headers: form, body })

async function firstData(response: Response): Promise<string> {
  for await (const { type, data } of readEvents(response.body!)) if (!type) return data
  throw new Error('the stream ended')
}

describe('a hub inside a program', () => {
  test('closes within its deadline, whatever a subscriber does not read and a store does not answer', async () => {
    const store = createMemoryStore()
    const hub = await create({ store })
    const url = await serveApplication(hub.handler)
    const { hostname, port } = new URL(url)
    const deaf = connect(Number(port), hostname)
    onTestFinished(() => void deaf.destroy())
    deaf.pause()
    deaf.write(`GET ${path}?match=log HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    while (hub.subscriberCount === 0) await new Promise(setImmediate)
    const data = 'x'.repeat(1024 * 1024)
    // More than the system's buffers hold.
    for (let n = 0; n < 12; n++) await hub.publish({ topic: 'log', data })
    const append = vi.spyOn(store, 'append').mockReturnValue(new Promise(() => {}))
    hub.publish({ topic: 'log', data: 'never answered' })
    const startedAt = performance.now()
    await hub.close({ deadlineMs: 100 })
    // A deadline is claimed, not a speed: without it, closing takes half a minute, or for ever.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99)
    expect(hub.subscriberCount).toBe(0)
    append.mockRestore()
    await expect(hub.publish({ topic: 'log' })).rejects.toMatchObject({ code: 'HUB_CLOSED' })
    const other = await create()
    await expect(other.close({ deadlineMs: -1 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('publishes, and gives what is published as an async iterable', async () => {
    const hub = await create()
    const id = await hub.publish({ topic: 'log', data: 'hello' })
    for await (const event of hub.subscribe('log', { lastEventId: 'earliest' })) {
      expect(event).toEqual({ id, topics: ['log'], type: 'message', data: 'hello', isPrivate: false })
      break
    }
  })

  test('is a handler for node:http, and what is published by either is got by both', async () => {
    const hub = await create()
    const url = await serveApplication(hub.handler)
    const events = hub.subscribe('log')
    const next = events.next()
    const response = await fetch(`${url}${path}?match=log`)
    const id = await (await publish(url, 'topic=log&data=over+HTTP')).text()
    expect((await next).value).toMatchObject({ id, data: 'over HTTP' })
    expect(await firstData(response)).toBe('over HTTP')
    await events.return()
  })

  test('counts subscribers over all of its doors, so a limit means the same at each', async () => {
    const hub = await create({ limits: { maxSubscribers: 1 } })
    const url = await serveApplication(hub.handler)
    const first = await hub.fetch(new Request(`http://localhost${path}?match=log`))
    expect(first.status).toBe(200)
    expect(await problemOf(await fetch(`${url}${path}?match=log`))).toMatchObject({ status: 503, code: 'HUB_FULL' })
    await first.body!.cancel()
  })

  test('passes on what is not for it, as middleware of Express does, and answers 404 without one', async () => {
    const hub = await create()
    const inApplication = await serveApplication((req, res) =>
      hub.handler(req, res, () => res.end(`the application's ${req.url}`)),
    )
    expect(await (await fetch(`${inApplication}/books`)).text()).toBe("the application's /books")
    expect((await fetch(`${inApplication}${path}`)).status).toBe(400)
    const alone = await serveApplication(hub.handler)
    expect((await fetch(`${alone}/books`)).status).toBe(404)
  })

  test('can be mounted below a path of the application, which takes that off the URL as Express does', async () => {
    const hub = await create()
    const url = await serveApplication((req, res) => {
      req.url = req.url!.replace(/^\/live/, '')
      return hub.handler(req, res)
    })
    const response = await fetch(`${url}/live${path}?match=log`)
    expect((await publish(`${url}/live`, 'topic=log&data=1')).status).toBe(200)
    expect(await firstData(response)).toBe('1')
  })

  test('says so when a body parser was there before it', async () => {
    const hub = await create()
    const url = await serveApplication(async (req, res) => {
      for await (const _ of req);
      await hub.handler(req, res)
    })
    expect(await problemOf(await publish(url, 'topic=log'))).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: expect.stringContaining('before body parsers'),
    })
  })

  test('answers Fetch requests, by the same rules', async () => {
    const hub = await create({
      authorize: (request) => (request.header('x-user') === 'ann' ? { publish: [exactTopic('log')] } : undefined),
    })
    const ann = (init: RequestInit & { url?: string }) =>
      hub.fetch(
        new Request(`http://hub.test${path}${init.url ?? ''}`, { ...init, headers: { ...form, 'x-user': 'ann' } }),
      )
    expect((await hub.fetch(new Request(`http://hub.test${path}?match=log`))).status).toBe(401)
    expect((await ann({ method: 'POST', body: 'topic=other' })).status).toBe(403)
    const stream = await ann({ url: '?match=log' })
    expect((await ann({ method: 'POST', body: 'topic=log&data=1' })).status).toBe(200)
    expect(await firstData(stream)).toBe('1')

    const url = await serveApplication(hub.handler)
    expect((await publish(url, 'topic=log')).status).toBe(401)
    const server = await hub.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => server.close({ deadlineMs: 100 }))
    expect((await publish(server.url, 'topic=log')).status).toBe(401)
  })

  test('gives private events of its topics to who authorize grants them', async () => {
    const hub = await create({ authorize: () => ({ subscribe: [exactTopic('users/ann')] }) })
    const response = await hub.fetch(new Request(`http://hub.test${path}?match=*`))
    await hub.publish({ topic: 'users/bob', data: 'for Bob', private: true })
    await hub.publish({ topic: 'users/ann', data: 'for Ann', private: true })
    expect(await firstData(response)).toBe('for Ann')
  })

  test('counts the streams of all its handlers together', async () => {
    const hub = await create({ limits: { maxSubscribers: 1 } })
    const url = await serveApplication(hub.handler)
    const first = await hub.fetch(new Request(`http://hub.test${path}?match=a`))
    expect((await fetch(`${url}${path}?match=a`)).status).toBe(503)
    await first.body!.cancel()
    const second = await fetch(`${url}${path}?match=a`)
    expect(second.status).toBe(200)
    await second.body!.cancel()
  })

  test('ends its streams, and the streams of lines that are published, when it closes', async () => {
    const hub = await create()
    const url = await serveApplication(hub.handler)
    const subscribed = await fetch(`${url}${path}?match=a`)
    const { readable, writable } = new TransformStream<Uint8Array>()
    const writer = writable.getWriter()
    const publishing = fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: readable,
      duplex: 'half',
    } as RequestInit)
    await writer.write(Buffer.from('{"topic":"a","data":"1"}\n'))
    const acks = (await publishing).body!.pipeThrough(new TextDecoderStream()).getReader()
    expect(JSON.parse((await acks.read()).value!)).toMatchObject({ line: 1 })
    const events = subscribed.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('data: 1')) text += (await events.read()).value
    await hub.close()
    const readOn = async () => {
      while (!(await events.read()).done) {}
    }
    // Broken off, and not finished: the stream is not complete.
    await expect(readOn()).rejects.toThrow()
    for (;;) if ((await acks.read()).done) break
    writer.abort().catch(() => undefined)
  })

  test('types a topic', async () => {
    const hub = await create()
    const orders = hub.topic('orders', { events: defineEvents<{ message: { number: number } }>() })
    await orders.broadcast({ data: { number: 7 } })
    const { value } = await orders.events({ lastEventId: 'earliest' }).next()
    expect(value?.data.number).toBe(7)
  })

  test('takes nothing over HTTP that the program itself could not publish', async () => {
    const hub = await create({ authorize: () => ({ publish: [everyTopic] }) })
    await expect(hub.publish({ topic: '*' })).rejects.toMatchObject({ code: 'INVALID_TOPIC' })
    const request = new Request(`http://hub.test${path}`, { method: 'POST', headers: form, body: 'topic=*' })
    expect(await problemOf(await hub.fetch(request))).toMatchObject({ code: 'INVALID_TOPIC' })
  })

  test('is refused with options that cannot be, and leaves nothing behind', async () => {
    await expect(create({ corsOrigins: ['example.com'] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(createHub({} as HubOptions)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('metrics of a hub inside a program', () => {
  test('count what the program publishes and what comes over HTTP', async () => {
    const metrics = new Metrics()
    const hub = await create({ metrics })
    await hub.publish({ topic: 'log', data: 'from the program' })
    await hub.publishAll([{ topic: 'log' }, { topic: 'log' }])
    const request = new Request(`http://localhost${path}`, { method: 'POST', headers: form, body: 'topic=log' })
    expect((await hub.fetch(request)).status).toBe(200)
    const text = await (await hub.fetch(new Request('http://localhost/metrics'))).text()
    expect(text).toContain('headwater_publishes_total{outcome="stored"} 4')
    expect(text).toContain('headwater_requests_total{route="publish",status="200"} 1')
  })
})

describe('rules for events', () => {
  const refusals: [string, PublishInit, string][] = [
    ['a reserved topic', { topic: path }, 'INVALID_TOPIC'],
    ['a topic below the reserved one', { topic: ['a', `${path}/subscriptions`] }, 'INVALID_TOPIC'],
    ['more topics than are allowed', { topic: ['a', 'b', 'c'] }, 'TOO_LARGE'],
  ]
  test.each(refusals)('refuse %s from the program as over HTTP', async (_, event, code) => {
    const hub = await create({ limits: { maxTopics: 2 } })
    await expect(hub.publish(event)).rejects.toMatchObject({ code })
    await expect(hub.publishAll([{ topic: 'a' }, event])).rejects.toMatchObject({ code })
    const body = new URLSearchParams([event.topic].flat().map((topic) => ['topic', topic]))
    const response = await hub.fetch(new Request(`http://localhost${path}`, { method: 'POST', body }))
    expect((await problemOf(response)).code).toBe(code)
  })

  /** Each with two faults: not granted, and not valid. */
  const bodies: [string, string, string][] = [
    ['a form', 'application/x-www-form-urlencoded', 'topic=secret&id=%23'],
    ['a form with a bad retry', 'application/x-www-form-urlencoded', 'topic=secret&retry=soon'],
    ['JSON', 'application/json', '{"topic":"secret","id":"#"}'],
    ['JSON with an unknown member', 'application/json', '{"topic":"secret","privat":true}'],
    ['an array', 'application/json', '[{"topic":"open"},{"topic":"secret","id":"#"}]'],
    ['lines of JSON', 'application/x-ndjson', '{"topic":"secret","id":"#"}\n'],
  ]
  test.each(bodies)('are applied in one order, who may and then what is valid: %s', async (_, type, body) => {
    const hub = await create({ authorize: () => ({ publish: [exactTopic('open')] }) })
    const init = { method: 'POST', headers: { 'content-type': type }, body }
    const response = await hub.fetch(new Request(`http://localhost${path}`, init))
    expect(JSON.parse((await response.text()).trim()).code).toBe('FORBIDDEN')
  })

  test('name the event of an array that broke them', async () => {
    const hub = await create()
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[{"topic":"a"},{"topic":"*"}]',
    }
    const { code, detail } = await problemOf(await hub.fetch(new Request(`http://localhost${path}`, init)))
    expect([code, detail.startsWith('Event 2 of 2: ')]).toEqual(['INVALID_TOPIC', true])
  })
})

describe('a hub that anyone may publish to', () => {
  const openHub = async (options: Partial<HubOptions>) => {
    vi.resetModules()
    const { createHub, createMemoryStore } = await import('../src/index.ts')
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    for (let i = 0; i < 2; i++) await (await createHub({ store: createMemoryStore(), ...options })).close()
    return warn.mock.calls
  }

  test('is warned of once, if nobody said so', async () => {
    const warnings = await openHub({})
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toEqual([
      expect.stringContaining('whoever reaches this hub over HTTP may publish'),
      expect.objectContaining({ code: 'HEADWATER_OPEN_HUB' }),
    ])
  })

  test.each<[string, Partial<HubOptions>]>([
    ['the application decides', { authorize: () => ({}) }],
    ['everyone may, as it says', { authorize: () => ({ publish: [everyTopic] }) }],
  ])('is not warned of if %s', async (_, options) => {
    expect(await openHub(options)).toEqual([])
  })
})
