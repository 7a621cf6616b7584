import { CloudEvent, HTTP } from 'cloudevents'
import { describe, expect, test } from 'vitest'
import { everyTopic } from '../../../src/matching/matcher.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { problemOf, type Serving, serve } from '../serve-hub.ts'

const structured = { 'content-type': 'application/cloudevents+json' }
const batched = { 'content-type': 'application/cloudevents-batch+json; charset=UTF-8' }
const required = { specversion: '1.0', id: '1', source: 'https://example.com/orders', type: 'com.example.order' }

const post = ({ url }: Pick<Serving, 'url'>, body: unknown, headers: Record<string, string> = structured, query = '') =>
  fetch(url + query, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('publishing CloudEvents with the CloudEvents SDK', () => {
  const event = new CloudEvent({
    id: 'a 1',
    source: 'https://example.com/orders',
    type: 'com.example.order.paid',
    subject: '42',
    time: '2026-11-30T12:00:00.000Z',
    dataschema: 'https://example.com/schema',
    datacontenttype: 'application/json',
    partitionkey: '100% "b"',
    data: { total: 1.5, items: ['a', null] },
  })

  test.each([
    ['structured', (each: CloudEvent<unknown>) => HTTP.structured(each)],
    ['binary', (each: CloudEvent<unknown>) => HTTP.binary(each)],
  ])('in %s mode: a subscriber gets the same event, as the SDK reads it', async (_, toMessage) => {
    const serving = await serve()
    const subscribed = await serving.open('match=https%3A%2F%2Fexample.com%2Forders%2F42')
    const { headers, body } = toMessage(event)
    const response = await post(serving, body as string, headers as Record<string, string>)
    const { id } = (await response.json()) as { id: string }
    expect(response.status).toBe(200)
    const received = await subscribed.next()
    expect(received).toMatchObject({ id, type: 'com.example.order.paid' })
    const again = HTTP.toEvent({ headers: structured, body: received.data }) as CloudEvent
    expect(again.toJSON()).toEqual({ ...event.toJSON(), time: '2026-11-30T12:00:00.000Z' })
  })

  test('in binary mode with text, with bytes, and without data', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=*')
    const send = async (data: string | Uint8Array | undefined, datacontenttype?: string) => {
      const { headers, body } = HTTP.binary(
        new CloudEvent({ ...required, id: `${datacontenttype}`, ...(datacontenttype && { datacontenttype }), data }),
      )
      // What has no content type gets none: fetch adds one to text.
      const bytes = body === undefined ? null : Buffer.from(body as string)
      expect(
        (await fetch(serving.url, { method: 'POST', headers: headers as Record<string, string>, body: bytes })).status,
      ).toBe(200)
      return HTTP.toEvent({ headers: structured, body: (await subscribed.next()).data }) as CloudEvent
    }
    expect((await send('line 1\nline 2', 'text/plain')).data).toBe('line 1\nline 2')
    expect((await send('<a/>', 'application/xml')).data).toBe('<a/>')
    const bytes = await send(Uint8Array.of(0, 255, 1), 'application/octet-stream')
    expect(Buffer.from(bytes.data_base64!, 'base64')).toEqual(Buffer.from([0, 255, 1]))
    expect((await send(undefined)).data).toBeUndefined()
  })

  test('a batch answers with the IDs in order, and an empty one with none', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=*')
    const response = await post(
      serving,
      [required, { ...required, id: '2', data: 12345678901234567890n.toString() }],
      batched,
    )
    const ids = (await response.json()) as { id: string }[]
    expect(ids).toEqual([{ id: (await subscribed.next()).id }, { id: (await subscribed.next()).id }])
    expect(await (await post(serving, [], batched)).json()).toEqual([])
  })
})

describe('a published CloudEvent', () => {
  test('goes to its source, or to its source and subject; or to the topics of the query', async () => {
    const serving = await serve()
    let count = 0
    const topicsOf = async (more: object, query = '') => {
      const events = serving.hub.subscribe([everyTopic])
      const next = events.next()
      expect((await post(serving, { ...required, id: `${count++}`, ...more }, structured, query)).status).toBe(200)
      const { topics } = (await next).value as { topics: readonly string[] }
      await events.return()
      return topics
    }
    expect(await topicsOf({})).toEqual(['https://example.com/orders'])
    expect(await topicsOf({ subject: '42' })).toEqual(['https://example.com/orders/42', 'https://example.com/orders'])
    expect(await topicsOf({ source: '/a/', subject: 'b' })).toEqual(['/a/b', '/a/'])
    expect(await topicsOf({ subject: '42' }, '?topic=a&topic=b%20c')).toEqual(['a', 'b c'])
  })

  test('is private if the query says so', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=a')
    await post(serving, { ...required, data: 'secret' }, structured, '?topic=a&private')
    await post(serving, { ...required, data: 'open' }, structured, '?topic=a')
    expect(JSON.parse((await subscribed.next()).data).data).toBe('open')
  })

  test('is stored once for one source and id, and again for another source', async () => {
    const store = await openSqliteStore({ directory: temporaryDirectory() })
    const serving = await serve({ store })
    const send = async (more: object) =>
      ((await (await post(serving, { ...required, ...more })).json()) as { id: string }).id
    const first = await send({})
    expect(await send({})).toBe(first)
    const binary = await fetch(serving.url, {
      method: 'POST',
      headers: Object.fromEntries(Object.entries(required).map(([name, value]) => [`ce-${name}`, value])),
    })
    expect(await binary.json()).toEqual({ id: first })
    expect(await send({ source: 'https://example.com/others' })).not.toBe(first)
    expect(await send({ id: '2' })).not.toBe(first)
    expect((await store.bounds()).count).toBe(3)
  })

  test('keeps numbers as they were written, and drops attributes that are null', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=*')
    await post(
      serving,
      '{"type":"t","data":{"n":12345678901234567890,"m":1.50},"subject":null,"id":"1","specversion":"1.0","source":"/s"}',
    )
    expect((await subscribed.next()).data).toBe(
      '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":12345678901234567890,"m":1.50}}',
    )
  })

  test('has its headers decoded: quotes, percent-encoded UTF-8, and a percent sign that stands for itself', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=*')
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '"a \\"b\\""',
      'ce-source': '/s',
      'ce-type': 't%C3%A9',
      'ce-x': '100% %zz',
    }
    await fetch(serving.url, { method: 'POST', headers })
    expect(await subscribed.next()).toMatchObject({
      type: 'té',
      data: JSON.stringify({ specversion: '1.0', id: 'a "b"', source: '/s', type: 'té', x: '100% %zz' }),
    })
  })

  test.each([
    ['no object', 7, 'must be a JSON object'],
    ['an old version', { ...required, specversion: '0.3' }, 'specversion is "0.3"'],
    ['no version', { id: '1', source: '/', type: 't' }, 'specversion is missing'],
    ['no id', { ...required, id: undefined }, 'id of the CloudEvent is missing'],
    ['an empty id', { ...required, id: '' }, 'id of the CloudEvent is ""'],
    ['a number as id', { ...required, id: 1 }, 'id of the CloudEvent is 1'],
    ['a source with a space', { ...required, source: 'a b' }, 'must be a URI reference'],
    ['a relative schema', { ...required, dataschema: 'a' }, 'must be an absolute URI'],
    ['another time', { ...required, time: 'yesterday' }, 'RFC 3339'],
    ['an empty subject', { ...required, subject: '' }, 'non-empty text'],
    ['no media type', { ...required, datacontenttype: 'json' }, 'must be a media type'],
    ['an upper-case name', { ...required, partitionKey: 'a' }, 'lower-case letters and digits'],
    ['an object as attribute', { ...required, ext: {} }, 'must be text, a whole number'],
    ['a fraction as attribute', { ...required, ext: 1.5 }, '32 bits'],
    ['a large number as attribute', { ...required, ext: 2 ** 31 }, '32 bits'],
    ['a control character', { ...required, ext: 'a\u0007' }, 'control character'],
    ['both forms of data', { ...required, data: 1, data_base64: 'AA==' }, 'both data and data_base64'],
    ['bytes that are not Base64', { ...required, data_base64: 'A' }, 'Base64'],
  ])('is refused with %s', async (_, event, detail) => {
    const serving = await serve()
    const problem = await problemOf(await post(serving, event, structured, '?topic=a'))
    expect(problem).toMatchObject({ status: 400, code: 'INVALID_REQUEST', detail: expect.stringContaining(detail) })
    const inBatch = await problemOf(await post(serving, [required, event], batched, '?topic=a'))
    expect(inBatch.detail).toContain('Event 2 of 2')
    expect(serving.errors).toEqual([])
  })

  test('is refused in binary mode with headers that are not in their form', async () => {
    const serving = await serve()
    const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
    const refusal = async (more: Record<string, string>, body = '{}') =>
      (await problemOf(await post(serving, body, { 'content-type': 'application/json', ...headers, ...more }))).detail
    expect(await refusal({ 'ce-subject': '%ff' })).toContain('percent-encoded')
    expect(await refusal({ 'ce-subject': 'é' })).toContain('percent-encoded')
    expect(await refusal({ 'ce-datacontenttype': 'a/b' })).toContain('Omit ce-datacontenttype')
    expect(await refusal({}, '{')).toContain('not JSON')
    expect(await refusal({ 'ce-id': '' })).toContain('id of the CloudEvent is ""')
  })

  test('is refused as one event where a batch is announced, and as a type of the hub', async () => {
    const serving = await serve()
    expect((await problemOf(await post(serving, required, batched))).detail).toContain('a JSON array')
    expect((await problemOf(await post(serving, { ...required, type: 'mercure' }))).code).toBe('INVALID_EVENT_TYPE')
    expect((await problemOf(await post(serving, required, structured, '?topic=*'))).code).toBe('INVALID_TOPIC')
    expect(
      (await problemOf(await post(serving, '<a/>', { 'content-type': 'application/cloudevents+xml' }))).status,
    ).toBe(415)
  })
})

describe('subscribing with format=cloudevents', () => {
  test('gives every event as a CloudEvent that the SDK reads, live and from the history alike', async () => {
    const serving = await serve()
    const live = await serving.open('match=a&format=cloudevents')
    await serving.post({ topic: 'a', data: '{"n":12345678901234567890}', type: 'count' })
    await serving.post({ topic: 'a', data: 'text\nof two lines', id: 'mine' })
    await serving.post({ topic: 'a' })
    await post(serving, { ...required, data: [1] }, structured, '?topic=a')
    const replayed = await serving.open('match=a&format=cloudevents&last_event_id=earliest')
    const plain = await serving.open('match=a&last_event_id=earliest')
    const events: CloudEvent[] = []
    for (let index = 0; index < 4; index++) {
      const event = await live.next()
      expect(await replayed.next()).toEqual(event)
      expect(await plain.next()).toMatchObject({ id: event.id, type: event.type })
      if (index === 0) expect(event.data).toContain('"data":{"n":12345678901234567890}')
      events.push(HTTP.toEvent({ headers: structured, body: event.data }) as CloudEvent)
      if (index < 3) expect(events[index]!.id).toBe(event.id)
    }
    expect(events.map(({ id: _, ...event }) => JSON.parse(JSON.stringify(event)))).toMatchObject([
      {
        specversion: '1.0',
        source: '/.well-known/mercure',
        type: 'count',
        subject: 'a',
        datacontenttype: 'application/json',
      },
      { type: 'message', subject: 'a', datacontenttype: 'text/plain', data: 'text\nof two lines' },
      { type: 'message', subject: 'a' },
      { type: 'com.example.order', source: 'https://example.com/orders', data: [1] },
    ])
    expect(events[1]!.id).toBe('mine')
  })

  test('wraps what only looks like a CloudEvent', async () => {
    const serving = await serve()
    const live = await serving.open('match=a&format=cloudevents')
    await serving.post({ topic: 'a', data: '{"specversion":"1.0"}' })
    expect(JSON.parse((await live.next()).data)).toMatchObject({ subject: 'a', data: { specversion: '1.0' } })
  })

  test('refuses a format that there is not', async () => {
    const { url } = await serve()
    const problem = await problemOf(await fetch(`${url}?match=a&format=avro`))
    expect(problem).toMatchObject({ status: 400, detail: 'There is no format "avro". There is cloudevents.' })
  })
})
