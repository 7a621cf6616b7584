import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { readEvents } from '@headwater/sse'
import { EventSource } from '@headwater/sse/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { nextTurn } from '../../next-turn.ts'
import { problemOf, serve } from '../serve-hub.ts'

describe('subscribing over HTTP', () => {
  test('answers at once with an event stream that no cache keeps and no proxy holds back', async () => {
    const { open } = await serve()
    const { response } = await open('match=a')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('private, no-cache, no-store, no-transform')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.has('mercure-last-event-id')).toBe(false)
  })

  test('is in force once its headers are there: what is published then arrives', async () => {
    const { open, post } = await serve()
    for (let n = 0; n < 20; n++) {
      const subscribed = await open('match=a')
      await post({ topic: 'a', data: `${n}` })
      expect((await subscribed.next()).data).toBe(`${n}`)
      await subscribed.close()
    }
  })

  test.each([
    ['match=a', ['a']],
    ['match_exact=a', ['a']],
    ['topic=a', ['a']],
    ['match=a&topic=b&match_exact=c', ['a', 'b', 'c']],
    ['match=a&match=a', ['a']],
    ['match=*', ['a', 'b', 'c', 'd']],
    ['topic=*', ['a', 'b', 'c', 'd']],
    ['match=%62', ['b']],
    ['foo=1&match=a&Topic=b&MYmatch=c', ['a']],
  ])('by ?%s selects %j', async (query, expected) => {
    const { open, post } = await serve()
    const subscribed = await open(query)
    for (const topic of ['a', 'b', 'c', 'd']) await post({ topic, data: topic })
    await post({ topic: ['a', 'b', 'c', 'd'].join(), data: 'unrelated' })
    const received: string[] = []
    while (received.length < expected.length) received.push((await subscribed.next()).data)
    expect(received).toEqual(expected)
  })

  test.each([
    ['', 'selects no topic'],
    ['foo=1', 'selects no topic'],
    ['Match=a', '"Match"'],
    ['matches=a', '"matches"'],
    ['match=a&match_URLPattern=b', '"match_URLPattern"'],
    ['match_URLPattern=https://a/:id', '"match_URLPattern"'],
    ['match_urlpattern=', 'match_urlpattern is empty'],
    ['match_urlpattern=https://a/(', 'does not begin a valid group'],
    ['match_cel=true', '"match_cel"'],
    ['match', 'match is empty'],
    ['topic=', 'topic is empty'],
    ['match=%FF', 'UTF-8'],
    ['match=a%0Ab', 'control or format character'],
    ['match=a%E2%80%8Bb', 'control or format character'],
    ['match=%EF%BB%BFa', 'control or format character'],
    [`match=${'x'.repeat(4097)}`, '4097 bytes'],
    [Array.from({ length: 101 }, (_, n) => `match=${n}`).join('&'), '101 matchers'],
  ])('refuses ?%s with 400', async (query, reason) => {
    const { url } = await serve()
    const problem = await problemOf(await fetch(`${url}?${query}`))
    expect(problem).toEqual({ status: 400, code: 'INVALID_MATCHER', detail: expect.stringContaining(reason) })
  })

  test.each(['last-event-id', 'LAST_EVENT_ID', 'lasteventid', 'last_eventid', 'lastEventIds', 'since', 'cursor'])(
    'refuses ?%s, which would otherwise resume nothing in silence',
    async (name) => {
      const { url } = await serve()
      const problem = await problemOf(await fetch(`${url}?match=a&${name}=earliest`))
      expect(problem).toEqual({
        status: 400,
        code: 'INVALID_REQUEST',
        detail: expect.stringContaining('Did you mean last_event_id?'),
      })
    },
  )

  test.each(['_', 'event', 'last', 'v', 'access', 'eventId2', 'sinceramente'])(
    'ignores ?%s, a name that has nothing to do with it',
    async (name) => {
      const { open } = await serve()
      expect((await open(`match=a&${name}=1`)).response.status).toBe(200)
    },
  )

  test('takes 100 matchers of 4096 bytes in all limits', async () => {
    const { open } = await serve()
    const { response } = await open(Array.from({ length: 100 }, (_, n) => `match=${n}`).join('&'))
    expect(response.status).toBe(200)
    expect((await open(`match=${'x'.repeat(4096)}`)).response.status).toBe(200)
  })

  test('takes a brace in an exact topic by match', async () => {
    const { open, post } = await serve()
    const subscribed = await open('match=%7Bid%7D')
    await post({ topic: '{id}', data: 'x' })
    expect((await subscribed.next()).data).toBe('x')
  })

  test('by HEAD answers the headers and nothing else', async () => {
    const { url, hub } = await serve()
    const response = await fetch(`${url}?match=a&last_event_id=earliest`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('mercure-last-event-id')).toBe('earliest')
    expect(await response.text()).toBe('')
    expect(hub.subscriberCount).toBe(0)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(400)
  })

  test('by a client that was closed for good is answered 204', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}?match=a`, {
      headers: { 'last-event-id': `headwater-end.${Date.now().toString(36)}.` },
    })
    expect(response.status).toBe(204)
  })
})

describe('the last event id', () => {
  test.each([
    ['last_event_id=ID', {}],
    ['lastEventID=ID', {}],
    ['lastEventId=ID', {}],
    ['Last-Event-ID=ID', {}],
    ['', { 'last-event-id': 'ID' }],
    ['last_event_id=earliest', { 'last-event-id': 'ID' }],
    ['last_event_id=ID', { 'last-event-id': '' }],
  ])('is read from ?%s and the headers %j', async (query, headers: Record<string, string>) => {
    const { open, post } = await serve()
    const id = await (await post({ topic: 'a', data: '1' })).text()
    await post({ topic: 'a', data: '2' })
    const { response, next } = await open(
      `match=a&${query.replace('=ID', `=${id}`)}`,
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('ID', id)])),
    )
    expect((await next()).data).toBe('2')
    expect(response.headers.get('mercure-last-event-id')).toBe(id)
    expect(response.headers.has('last-event-id')).toBe(false)
  })

  test('of a publisher comes back as it was, whatever its characters', async () => {
    const { open, post } = await serve()
    await post({ topic: 'a', data: '1', id: 'ïd ⛲' })
    await post({ topic: 'a', data: '2' })
    const asBytes = Buffer.from('ïd ⛲').toString('latin1')
    const { response, next } = await open('match=a', { 'last-event-id': asBytes })
    expect((await next()).data).toBe('2')
    expect(response.headers.get('mercure-last-event-id')).toBe(asBytes)
  })

  test.each(['match=a&last_event_id=gone', 'match=a&last_event_id=%00%0A', 'match=a&last_event_id=earliest'])(
    'of ?%s is answered with earliest, as all there is follows',
    async (query) => {
      const { open, post } = await serve()
      await post({ topic: 'a', data: '1' })
      const { response, next } = await open(query)
      expect(response.headers.get('mercure-last-event-id')).toBe('earliest')
      expect((await next()).data).toBe('1')
    },
  )

  test('that is present but empty means live, and is answered with the id before what comes', async () => {
    const { open, post } = await serve()
    expect((await open('match=a&last_event_id=')).response.headers.get('mercure-last-event-id')).toBe('earliest')
    const id = await (await post({ topic: 'a', data: '1' })).text()
    const { response, next } = await open('match=a', { 'last-event-id': '' })
    expect(response.headers.get('mercure-last-event-id')).toBe(id)
    await post({ topic: 'a', data: '2' })
    expect((await next()).data).toBe('2')
  })

  test('is answered in the old header as well, when the request is in the old dialect', async () => {
    const { open, post } = await serve()
    const id = await (await post({ topic: 'a', data: '1' })).text()
    const { response } = await open(`topic=a&lastEventID=${id}`)
    expect(response.headers.get('last-event-id')).toBe(id)
    expect(response.headers.get('mercure-last-event-id')).toBe(id)
    expect((await open('topic=a&lastEventID=')).response.headers.has('last-event-id')).toBe(false)
  })

  test('of a gap is told in the stream, before everything that is kept', async () => {
    const { open, post } = await serve()
    const id = await (await post({ topic: 'a', data: '1' })).text()
    const { nextOfAny } = await open('match=a', { 'last-event-id': 'gone' })
    expect(await nextOfAny()).toMatchObject({
      type: 'headwater-gap',
      data: JSON.stringify({ reason: 'unknown', requested: 'gone', earliest: id }),
    })
    expect(await nextOfAny()).toMatchObject({ data: '1', id })
  })
})

describe('by QUERY', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  test('a subscription is what the query and the body select together', async () => {
    const { url, post } = await serve()
    for (const topic of ['a', 'b', 'c']) await post({ topic, data: topic })
    const controller = new AbortController()
    onTestFinished(() => controller.abort())
    const response = await fetch(`${url}?match=a`, {
      method: 'QUERY',
      headers: form,
      body: 'match=c&last_event_id=earliest',
      signal: controller.signal,
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(response.headers.get('mercure-last-event-id')).toBe('earliest')
    const events = readEvents(response.body!)
    for (const data of ['a', 'c']) expect((await events.next()).value).toMatchObject({ data })
  })

  test('takes the last event id of the query before that of the body, and that of the header before both', async () => {
    const { url, post } = await serve()
    const ids: string[] = []
    for (const data of ['1', '2', '3']) ids.push(await (await post({ topic: 'a', data })).text())
    const ask = async (query: string, body: string, headers: Record<string, string> = {}) => {
      const controller = new AbortController()
      const response = await fetch(url + query, {
        method: 'QUERY',
        headers: { ...form, ...headers },
        body,
        signal: controller.signal,
      })
      controller.abort()
      return response.headers.get('mercure-last-event-id')
    }
    const body = `match=a&last_event_id=${ids[0]}`
    expect(await ask('', body)).toBe(ids[0])
    expect(await ask(`?last_event_id=${ids[1]}`, body)).toBe(ids[1])
    expect(await ask(`?last_event_id=${ids[1]}`, body, { 'last-event-id': ids[2]! })).toBe(ids[2])
  })

  test('refuses what is no form, selects nothing, or is too large', async () => {
    const { url } = await serve()
    const ask = async (body: string, headers: Record<string, string> = form) =>
      problemOf(await fetch(url, { method: 'QUERY', headers, body }))
    expect(await ask('{}', { 'content-type': 'application/json' })).toMatchObject({ status: 415 })
    expect(await ask('foo=1')).toMatchObject({ status: 400, code: 'INVALID_MATCHER' })
    expect(await ask('x'.repeat(64 * 1024 + 1))).toMatchObject({ status: 413 })
    expect(await ask(Array.from({ length: 101 }, (_, n) => `match=${n}`).join('&'))).toMatchObject({ status: 400 })
  })
})

describe('the last events', () => {
  test('are had by last_event_id=-N, and the header says what precedes them', async () => {
    const { open, post } = await serve()
    const ids: string[] = []
    for (const data of ['1', '2', '3']) ids.push(await (await post({ topic: 'a', data })).text())
    const { response, next } = await open('match=a&last_event_id=-2')
    expect(response.headers.get('mercure-last-event-id')).toBe(ids[0])
    expect([(await next()).data, (await next()).data]).toEqual(['2', '3'])
  })

  test('have an id that a publisher or subscriber can ask for', async () => {
    const { server, post } = await serve({ corsOrigins: ['https://page.example'] })
    const last = `${server.url}/.well-known/mercure/last`
    const id = await (await post({ topic: 'a', data: '1' })).text()
    await post({ topic: 'b', data: '2' })
    const response = await fetch(`${last}?match=a`, { headers: { origin: 'https://page.example' } })
    expect(response.headers.get('mercure-last-event-id')).toBe(id)
    expect(response.headers.get('access-control-expose-headers')).toContain('Mercure-Last-Event-ID')
    expect(await response.json()).toEqual({ last_event_id: id })
    const head = await fetch(`${last}?match=a`, { method: 'HEAD' })
    expect([head.headers.get('mercure-last-event-id'), await head.text()]).toEqual([id, ''])
    expect(await problemOf(await fetch(last))).toMatchObject({ status: 400, code: 'INVALID_MATCHER' })
    expect(await problemOf(await fetch(last, { method: 'POST' }))).toMatchObject({ status: 405 })
  })
})

describe('an EventSource', () => {
  test('resumes by itself across a restart of the hub, keeps what is kept, and misses nothing', async () => {
    const store = createMemoryStore()
    const port = await freePort()
    const first = await serve({ store, port })
    const received: string[] = []
    const source = new EventSource(`${first.url}?match=a`, { retry: { backoffMs: 0 } })
    onTestFinished(() => source.close())
    const until = (count: number) =>
      new Promise<void>((resolve) => {
        source.onmessage = ({ data }) => {
          received.push(data)
          if (received.length === count) resolve()
        }
      })
    await new Promise((resolve) => {
      source.onopen = resolve
    })
    const two = until(2)
    for (const data of ['1', '2']) await first.post({ topic: 'a', data })
    await two
    const four = until(4)
    await first.server.close()

    const second = await serve({ store, port, session: { retryMs: 10 } })
    for (const data of ['3', '4']) await second.hub.publish({ topic: 'a', data })
    await four
    expect(received).toEqual(['1', '2', '3', '4'])
  })

  test.each([
    [undefined, 2000, 2024],
    [{ retryMs: 100, drainSpreadMs: 5 }, 100, 105],
  ])(
    'is told to come back at a moment of its own, the sooner the fewer they are (%o)',
    async (session, least, most) => {
      const hub = await serve({ session })
      const headers = { accept: 'text/event-stream' }
      // Not by fetch, which drops what it has not handed on when a connection breaks off.
      const streams = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const request = get(`${hub.url}?match=a`, { headers })
          const [response] = (await once(request, 'response')) as [IncomingMessage]
          return response
        }),
      )
      const texts = streams.map(async (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        // It breaks off: it is not complete.
        response.on('error', () => {})
        await new Promise((resolve) => response.once('close', resolve))
        return text
      })
      await hub.server.close()
      for (const text of await Promise.all(texts)) {
        const retry = Number([...text.matchAll(/^retry: (\d+)$/gm)].at(-1)?.[1])
        expect(retry).toBeGreaterThanOrEqual(least)
        expect(retry).toBeLessThanOrEqual(most)
      }
    },
  )

  test('is told of the gap when the hub comes back with another history', async () => {
    const port = await freePort()
    const first = await serve({ port, session: { retryMs: 10, drainSpreadMs: 10 } })
    const source = new EventSource(`${first.url}?match=a`)
    onTestFinished(() => source.close())
    const gap = new Promise<MessageEvent>((resolve) => {
      source.addEventListener('headwater-gap', (event) => resolve(event as MessageEvent))
    })
    const message = new Promise<MessageEvent>((resolve) => {
      source.onmessage = resolve
    })
    await new Promise((resolve) => {
      source.onopen = resolve
    })
    const id = await (await first.post({ topic: 'a', data: 'old' })).text()
    await message
    await first.server.close()
    await serve({ port })
    expect(JSON.parse((await gap).data)).toEqual({ reason: 'epoch', requested: id, earliest: null })
  })
})

describe('a slow connection', () => {
  test('that never reads costs no more than its bound, while others go on', async () => {
    const { url, post, open, hub } = await serve({ session: { stallTimeoutMs: 300 } })
    const request = get(`${url}?match=a`, (response) => response.pause())
    request.on('error', () => {})
    onTestFinished(() => void request.destroy())
    const fast = await open('match=a')
    while (hub.subscriberCount < 2) await nextTurn()
    const data = 'x'.repeat(1_000_000)
    // More than what both ends' socket buffers hold.
    for (let n = 0; n < 30; n++) {
      await post({ topic: 'a', data })
      expect((await fast.next()).data.length).toBe(data.length)
    }
    // It is given up, for want of progress, and the other is not.
    while (hub.subscriberCount > 1) await new Promise((resolve) => setTimeout(resolve, 10))
    await post({ topic: 'a', data: 'still here' })
    expect((await fast.next()).data).toBe('still here')
  })

  test('that is interrupted while its client is behind is an error that the client can catch, also one that uses fetch in Node', async () => {
    const { post, open, server, hub } = await serve()
    const { response, next } = await open('match=a')
    // More than fetch takes before it is read from, and no more than that and the system take together.
    await post({ topic: 'a', data: 'x'.repeat(100_000) })
    while (hub.stats.bytesDelivered < 100_000) await nextTurn()
    // The client is in this process: in these turns it takes what it will.
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    await server.close({ deadlineMs: 100 })
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    await expect(next()).rejects.toThrow('terminated')
    // Without chunks, the end of the connection would be the end of the response.
    expect(response.headers.get('transfer-encoding')).toBe('chunked')
  })
})
