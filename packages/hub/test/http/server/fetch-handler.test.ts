import { readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HandlerOptions } from '../../../src/http/router.ts'
import type { FetchHandler } from '../../../src/http/server/fetch-handler.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../../src/matching/matcher.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { createFetchHandler } from '../handlers.ts'
import { problemOf, serve } from '../serve-hub.ts'

const url = 'http://hub.test/.well-known/mercure'
const form = { 'content-type': 'application/x-www-form-urlencoded' }

async function start(options: HandlerOptions = {}): Promise<FetchHandler> {
  const hub = await createHubCore({ store: createMemoryStore() })
  onTestFinished(() => hub.close())
  return createFetchHandler(hub, options)
}

const post = (body: string, headers: Record<string, string> = form) =>
  new Request(url, { method: 'POST', body, headers })

describe('a Fetch handler', () => {
  test('publishes and subscribes as the server does', async () => {
    const handle = await start({ session: { headers: new Headers({ 'x-app': '1' }) } })
    const controller = new AbortController()
    onTestFinished(() => controller.abort())
    const response = await handle(new Request(`${url}?match=a`, { signal: controller.signal }))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('private, no-cache, no-store, no-transform')
    expect(response.headers.get('x-app')).toBe('1')
    const published = await handle(post('topic=a&data=hello'))
    const id = await published.text()
    for await (const event of readEvents(response.body!)) {
      if (event.type) continue
      expect(event).toEqual({ type: undefined, data: 'hello', id })
      break
    }
  })

  test('publishes streams of lines, each acknowledged as it comes', async () => {
    const handle = await start()
    const { readable, writable } = new TransformStream<Uint8Array>()
    const writer = writable.getWriter()
    const request = new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: readable,
      duplex: 'half',
    } as RequestInit)
    const response = await handle(request)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    for (let line = 1; line <= 3; line++) {
      await writer.write(Buffer.from('{"topic":"a"}\n'))
      expect(JSON.parse((await reader.read()).value!)).toMatchObject({ line })
    }
    await writer.close()
    expect((await reader.read()).done).toBe(true)
  })

  test.each([
    [new Request('http://hub.test/nope'), 404],
    [new Request(url, { method: 'HEAD' }), 400],
    [new Request(`${url}?match=a`, { method: 'HEAD' }), 200],
    [new Request(url, { method: 'OPTIONS' }), 204],
    [new Request(url, { method: 'DELETE' }), 405],
    [new Request(url, { method: 'POST', headers: form, body: 'x'.repeat(1024 * 1024 + 1) }), 413],
    [new Request(url, { method: 'POST', headers: form }), 400],
    [new Request('http://hub.test/healthz'), 200],
    [new Request(`${url}?match=a`, { headers: { 'last-event-id': `headwater-end.${Date.now().toString(36)}.` } }), 204],
  ])('answers %s with %i', async (request, status) => {
    const handle = await start()
    const response = await handle(request)
    expect(response.status).toBe(status)
    await response.body?.cancel()
  })

  test('lets go of a subscriber that leaves', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    onTestFinished(() => hub.close())
    const response = await createFetchHandler(hub)(new Request(`${url}?match=a`))
    const reader = response.body!.getReader()
    await reader.read()
    expect(hub.subscriberCount).toBe(1)
    await reader.cancel()
    expect(hub.subscriberCount).toBe(0)
  })
})

describe('authorize', () => {
  const authorize: HandlerOptions['authorize'] = async (request) => {
    const user = request.header('x-user')
    if (user === undefined) return undefined
    return { publish: [exactTopic(user)], subscribe: user === 'root' ? [everyTopic] : [exactTopic(user)] }
  }

  test('refuses who is nobody with 401, for every use of the hub', async () => {
    const handle = await start({ authorize })
    for (const request of [
      post('topic=a'),
      new Request(`${url}?match=a`),
      new Request(`${url}?match=a`, { method: 'HEAD' }),
      new Request(url, { method: 'QUERY', headers: form, body: 'match=a' }),
      new Request(`${url}/last?match=a`),
    ]) {
      const response = await handle(request)
      expect([request.method, response.status]).toEqual([request.method, 401])
    }
    expect((await handle(new Request(url, { method: 'OPTIONS' }))).status).toBe(204)
  })

  test('lets publish only where all topics are granted, each line and each event of an array for itself', async () => {
    const handle = await start({ authorize })
    const ann = { 'x-user': 'ann' }
    expect((await handle(post('topic=ann', { ...form, ...ann }))).status).toBe(200)
    expect(await problemOf(await handle(post('topic=ann&topic=bob', { ...form, ...ann })))).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
      detail: expect.stringContaining('"bob"'),
    })
    const array = post('[{"topic":"ann"},{"topic":"bob"}]', { 'content-type': 'application/json', ...ann })
    expect((await handle(array)).status).toBe(403)
    const lines = post('{"topic":"bob"}\n{"topic":"ann"}', { 'content-type': 'application/x-ndjson', ...ann })
    const acks = (await (await handle(lines)).text()).trim().split('\n')
    expect(acks.map((ack) => JSON.parse(ack))).toEqual([
      expect.objectContaining({ line: 1, status: 403 }),
      { line: 2, id: expect.any(String) },
    ])
    const last = (user: string) => handle(new Request(`${url}/last?match=*`, { headers: { 'x-user': user } }))
    expect((await (await last('root')).json()).last_event_id).toMatch(/\.2\./)
  })

  test('grants private events', async () => {
    const { post: publish, open } = await serve({
      authorize: () => ({ publish: [everyTopic], subscribe: [exactTopic('a')] }),
    })
    const subscribed = await open('match=*')
    await publish('topic=b&data=not-mine&private')
    await publish('topic=a&data=mine&private')
    expect((await subscribed.next()).data).toBe('mine')
  })

  test('that fails is answered 500 and told to the operator, not to the client', async () => {
    const { url: hubUrl, errors } = await serve({
      authorize: () => {
        throw new Error('no database')
      },
    })
    const response = await fetch(`${hubUrl}?match=a`)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('database')
    expect(errors).toHaveLength(1)
  })
})
