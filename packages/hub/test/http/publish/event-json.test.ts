import { request } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { HubError } from '../../../src/base/errors.ts'
import { parseEventsJson } from '../../../src/http/publish/event-json.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { createRemoteStore } from '../../store/remote-store.ts'
import { problemOf, type Serving, serve } from '../serve-hub.ts'

const json = { 'content-type': 'application/json' }
const ndjson = { 'content-type': 'application/x-ndjson' }

async function datasOf({ store }: Serving): Promise<string[]> {
  const { head } = await store.bounds()
  const page = await store.read({
    after: 0,
    through: head.position,
    topics: undefined,
    maxEvents: 1_000_000,
    maxBytes: 1e9,
  })
  return page.events.map(({ data }) => data)
}

async function acksOf(response: Response): Promise<Record<string, unknown>[]> {
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const text = await response.text()
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

describe('JSON that is nested deeply', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const forms: Record<string, (value: string) => string> = {
    data: (value) => `{"topic":"a","data":${value}}`,
    'data with numbers': (value) => `{"topic":"a","data":[1.50,${value}]}`,
    topic: (value) => `{"topic":${value}}`,
    'an unknown member': (value) => `{"topic":"a","x":${value}}`,
    'the event itself': (value) => value,
  }

  test.each(Object.entries(forms))(
    'in %s is refused and not a failure, as an object, in an array and in a line',
    async (_, form) => {
      const { url, errors, hub } = await serve()
      const post = (type: string, body: string) =>
        fetch(url, { method: 'POST', body, headers: { 'content-type': type } })
      for (const depth of [5000, 100_000]) {
        const body = form(nested(depth))
        for (const json of [body, `[${body}]`])
          expect(await problemOf(await post('application/json', json))).toMatchObject({
            status: 400,
            code: 'INVALID_REQUEST',
            detail: expect.stringContaining('500 levels'),
          })
        const line = await (await post('application/x-ndjson', `${body}\n{"topic":"a"}\n`)).text()
        const [first, second] = line
          .trim()
          .split('\n')
          .map((text) => JSON.parse(text))
        expect(first).toMatchObject({ status: 400, code: 'INVALID_REQUEST' })
        expect(second).toMatchObject({ line: 2, id: expect.any(String) })
      }
      expect(errors).toEqual([])
      await hub.check()
    },
  )

  test('is taken up to 500 levels', async () => {
    const { url, open } = await serve()
    const stream = await open('match=a')
    const data = nested(499)
    const body = `{"topic":"a","data":${data}}`
    expect((await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).status).toBe(
      200,
    )
    expect((await stream.next()).data).toBe(data)
  })
})

describe('publishing JSON', () => {
  test('publishes one event, with all it can have, and answers its id as JSON', async () => {
    const { post, open } = await serve()
    const subscribed = await open('match=b')
    const response = await post(
      JSON.stringify({ topic: ['a', 'b'], data: 'x\ny', id: 'mine', type: 'note', retry: 100, private: false }),
      { 'content-type': 'application/json; charset=utf-8' },
    )
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toEqual({ id: 'mine' })
    expect(await subscribed.next()).toEqual({ type: 'note', data: 'x\ny', id: 'mine' })
  })

  test.each([
    ['{"left":3}', '{"left":3}'],
    ['12345678901234567890', '12345678901234567890'],
    ['{"a":[1.50,1e400,-0,{"__proto__":1}]}', '{"a":[1.50,1e400,-0,{"__proto__":1}]}'],
    ['null', 'null'],
    ['false', 'false'],
    ['0', '0'],
    ['""', ''],
    ['"⛲ \\u0007"', '⛲ \u0007'],
  ])('takes data %s, and what is no text arrives as JSON with its numbers as written', async (data, expected) => {
    const serving = await serve()
    expect((await serving.post(`{"topic":"a","data":${data}}`, json)).status).toBe(200)
    expect((await serving.post(`[{"topic":"a"},{"topic":"a","data":${data}}]`, json)).status).toBe(200)
    expect(await datasOf(serving)).toEqual([expected, '', expected])
  })

  test('publishes an array in order, and answers an id for each', async () => {
    for (const store of [createMemoryStore(), createRemoteStore()]) {
      const serving = await serve({ store })
      const events = Array.from({ length: 50 }, (_, n) => ({ topic: 'a', data: `${n}` }))
      const response = await serving.post(JSON.stringify(events), json)
      const answers = (await response.json()) as { id: string }[]
      const { next } = await serving.open('match=a&last_event_id=earliest')
      for (const [index, { data }] of events.entries()) {
        expect(await next()).toMatchObject({ data, id: answers[index]!.id })
      }
    }
  })

  test('takes an empty array', async () => {
    const { post } = await serve()
    expect(await (await post('[]', json)).json()).toEqual([])
  })

  test.each([
    ['', 'INVALID_REQUEST', 'not JSON'],
    ['{', 'INVALID_REQUEST', 'not JSON'],
    ['"a"', 'INVALID_REQUEST', '"a" is not an event'],
    ['null', 'INVALID_REQUEST', 'null is not an event'],
    ['[[]]', 'INVALID_REQUEST', 'Event 1 of 1: [] is not an event'],
    ['{}', 'INVALID_TOPIC', 'no topic'],
    ['{"topic":7}', 'INVALID_TOPIC', 'no topic'],
    ['{"topic":["a",7]}', 'INVALID_TOPIC', '7'],
    ['{"topic":"*"}', 'INVALID_TOPIC', '"*"'],
    ['{"topic":"/.well-known/mercure/x"}', 'INVALID_TOPIC', 'names the hub itself'],
    [
      '{"topic":"a","privat":true}',
      'INVALID_REQUEST',
      'An event has no member "privat". Did you mean private? Its members are: topic, data, private',
    ],
    ['{"topic":"a","private":"false"}', 'INVALID_REQUEST', 'true or false'],
    ['{"topic":"a","id":7}', 'INVALID_EVENT_ID', '7'],
    ['{"topic":"a","retry":"7"}', 'INVALID_RETRY', '7'],
    ['{"topic":"a","retry":9007199254740991}', 'INVALID_RETRY', 'the most is 86400000'],
    ['{"topic":"a","type":"mercure"}', 'INVALID_EVENT_TYPE', 'reserved'],
    ['{"topic":"a","data":"\\ud800"}', 'INVALID_DATA', 'surrogate'],
    ['{"topic":"a","idempotency_key":""}', 'INVALID_IDEMPOTENCY_KEY', '0 bytes'],
    [`{"topic":"a","idempotency_key":"${'k'.repeat(256)}"}`, 'INVALID_IDEMPOTENCY_KEY', '256 bytes'],
    ['[{"topic":"a"},{"topic":""}]', 'INVALID_TOPIC', 'is empty'],
    ['[{"topic":"a"},{"topic":"a","id":"#x"}]', 'INVALID_EVENT_ID', '#'],
    [Buffer.from([0x22, 0xff, 0x22]).toString('latin1'), 'INVALID_REQUEST', 'not an event'],
  ])('refuses %s, and stores nothing', async (body, code, reason) => {
    const { post, store } = await serve()
    expect(await problemOf(await post(body, json))).toEqual({
      status: 400,
      code,
      detail: expect.stringContaining(reason),
    })
    expect((await store.bounds()).head.position).toBe(0)
  })

  test('refuses what is no UTF-8', async () => {
    const { url } = await serve()
    const body = Buffer.concat([Buffer.from('{"topic":"a","data":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const response = await fetch(url, { method: 'POST', headers: json, body })
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'INVALID_DATA' })
  })
})

describe('an Idempotency-Key', () => {
  test('makes the same request publish once, however often it is sent and in whatever form', async () => {
    const serving = await serve()
    const { post } = serving
    const key = { 'idempotency-key': 'k-1' }
    const form = async () => (await post({ topic: 'a', data: 'form' }, key)).text()
    expect(await form()).toBe(await form())
    const array = async () =>
      (await post('[{"topic":"a","data":"one"},{"topic":"a","data":"one"}]', { ...json, ...key })).json()
    const [first, second] = [await array(), await array()]
    expect(first).toEqual(second)
    const stream = async () =>
      acksOf(await post('{"topic":"a","data":"line"}\n\n{"topic":"a","data":"line"}\n', { ...ndjson, ...key }))
    const [told, toldAgain] = [await stream(), await stream()]
    expect(told.some((ack) => 'already' in ack)).toBe(false)
    expect(toldAgain).toEqual(told.map((ack) => ({ ...ack, already: true })))
    expect(await datasOf(serving)).toEqual(['form', 'one', 'one', 'line', 'line'])
  })

  test('that comes with another event is no reason to drop that one', async () => {
    const serving = await serve()
    for (const data of ['1', '2', '1']) await serving.post({ topic: 'a', data }, { 'idempotency-key': 'k' })
    await serving.post({ topic: 'b', data: '1' }, { 'idempotency-key': 'k' })
    expect(await datasOf(serving)).toEqual(['1', '2', '1'])
  })

  test('of an event in a body wins over that of the request', async () => {
    const serving = await serve()
    const body = '{"topic":"a","idempotency_key":"mine"}'
    for (const key of ['1', '2']) await serving.post(body, { ...json, 'idempotency-key': key })
    expect(await datasOf(serving)).toEqual([''])
  })

  test('is refused when it is too long', async () => {
    const { post } = await serve()
    const problem = await problemOf(await post({ topic: 'a' }, { 'idempotency-key': 'k'.repeat(256) }))
    expect(problem).toMatchObject({ status: 400, code: 'INVALID_IDEMPOTENCY_KEY' })
  })
})

describe('publishing a stream of lines', () => {
  test('acknowledges each, in order, with its number and id; empty lines count and are left out', async () => {
    for (const store of [createMemoryStore(), createRemoteStore()]) {
      const serving = await serve({ store })
      const body = '{"topic":"a","data":"1"}\r\n\n{"topic":"a","data":"2","id":"two"}\n{"topic":"a","data":"3"}'
      expect(await acksOf(await serving.post(body, ndjson))).toEqual([
        { line: 1, id: expect.stringMatching(/^[0-9a-z]{10}\./) },
        { line: 3, id: 'two' },
        { line: 4, id: expect.any(String) },
      ])
      const { next } = await serving.open('match=a&last_event_id=earliest')
      for (const data of ['1', '2', '3']) expect((await next()).data).toBe(data)
    }
  })

  test('tells what is wrong with a line, and goes on with the next', async () => {
    const serving = await serve()
    const lines = [
      '{"topic":"a","data":"1"}',
      'nonsense',
      '{"topic":"*"}',
      'x'.repeat(1_100_000),
      '{"topic":"mercure/x"}',
    ]
    const acks = await acksOf(await serving.post([...lines, '{"topic":"a","data":"2"}'].join('\n'), ndjson))
    expect(acks).toEqual([
      { line: 1, id: expect.any(String) },
      { line: 2, status: 400, code: 'INVALID_REQUEST', detail: expect.stringContaining('not JSON') },
      { line: 3, status: 400, code: 'INVALID_TOPIC', detail: expect.stringContaining('"*"') },
      { line: 4, status: 413, code: 'TOO_LARGE', detail: expect.stringContaining('longer') },
      { line: 5, status: 400, code: 'INVALID_TOPIC', detail: expect.stringContaining('names the hub itself') },
      { line: 6, id: expect.any(String) },
    ])
    expect(await datasOf(serving)).toEqual(['1', '2'])
  })

  test('takes lines however they are cut, and as many as come', async () => {
    const serving = await serve()
    const body = Buffer.from(
      Array.from({ length: 5000 }, (_, n) => `${JSON.stringify({ topic: 'a', data: `⛲${n}` })}\n`).join(''),
    )
    const sending = open(serving.url)
    for (let at = 0, size = 1; at < body.length; at += size, size = (size * 7) % 4001) {
      sending.write(body.subarray(at, at + size))
    }
    sending.end()
    const acks = (await sending.text()).trim().split('\n')
    expect(acks).toHaveLength(5000)
    expect(await datasOf(serving)).toEqual(Array.from({ length: 5000 }, (_, n) => `⛲${n}`))
  })

  test('acknowledges a line while the next is still to come', async () => {
    const serving = await serve()
    const subscribed = await serving.open('match=a')
    const sending = open(serving.url)
    for (let n = 1; n <= 3; n++) {
      sending.write(`{"topic":"a","data":"${n}"}\n`)
      expect(JSON.parse(await sending.line())).toMatchObject({ line: n })
      expect((await subscribed.next()).data).toBe(`${n}`)
    }
    sending.end()
    expect(await sending.text()).toBe('')
  })

  test('ends when the store fails, having told each line that was read, and publishes nothing after', async () => {
    const store = createMemoryStore()
    const serving = await serve({ store })
    const sending = open(serving.url)
    sending.write('{"topic":"a","data":"1"}\n')
    await sending.line()
    vi.spyOn(store, 'append').mockRejectedValueOnce(new HubError('STORE_FAILED', 'The disk is full.'))
    sending.write('{"topic":"a","data":"2"}\n')
    expect(JSON.parse(await sending.line())).toEqual({
      line: 2,
      status: 503,
      code: 'STORE_FAILED',
      detail: "The hub's store does not work at the moment. Try again later; the hub's log says why.",
    })
    expect(await sending.text()).toBe('')
    sending.end('{"topic":"a","data":"3"}\n')
    expect(await datasOf(serving)).toEqual(['1'])
    expect(serving.errors).toHaveLength(1)
  })

  test('publishes no line that was cut off, and does not mind', async () => {
    const serving = await serve()
    const sending = open(serving.url)
    sending.write('{"topic":"a","data":"1"}\n{"topic":"a","data":"2"}')
    await sending.line()
    sending.destroy()
    await serving.post({ topic: 'a', data: '3' })
    expect(await datasOf(serving)).toEqual(['1', '3'])
    expect(serving.errors).toEqual([])
  })

  test('reads no further while what it read is not stored', async () => {
    const store = createMemoryStore()
    const serving = await serve({ store })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const append = store.append.bind(store)
    vi.spyOn(store, 'append').mockImplementation(async (...parameters) => {
      await held
      return append(...parameters)
    })
    const appendAll = vi.spyOn(store, 'appendAll')
    const sending = open(serving.url)
    sending.write('{"topic":"a"}\n')
    const line = JSON.stringify({ topic: 'a', data: 'x'.repeat(100_000) })
    let accepted = 0
    while (accepted < 1000 && sending.write(`${line}\n`)) accepted++
    expect(accepted).toBeLessThan(1000)
    expect(appendAll).not.toHaveBeenCalled()
    release()
    await sending.line()
    sending.end()
    await sending.text()
    expect((await datasOf(serving)).length).toBe(accepted + 2)
  })

  test('ends when the server closes, after what it has taken', async () => {
    const serving = await serve()
    const sending = open(serving.url)
    sending.write('{"topic":"a","data":"1"}\n')
    await sending.line()
    const closed = serving.server.close()
    expect(await sending.text()).toBe('')
    sending.destroy()
    await closed
  })
})

/** A request whose body is written, and whose answer is read, as the test goes. */
function open(url: string) {
  const sending = request(url, { method: 'POST', headers: ndjson })
  sending.on('error', () => {})
  let received = ''
  let isOver = false
  let wake = () => {}
  sending.on('response', (response) => {
    response.setEncoding('utf8').on('data', (text) => {
      received += text
      wake()
    })
    response.on('error', () => {})
    response.on('close', () => {
      isOver = true
      wake()
    })
  })
  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  return {
    write: (text: string | Uint8Array) => sending.write(text),
    end: (text = '') => void sending.end(text),
    destroy: () => void sending.destroy(),
    async line(): Promise<string> {
      while (!received.includes('\n')) await change()
      const end = received.indexOf('\n') + 1
      const line = received.slice(0, end)
      received = received.slice(end)
      return line
    },
    async text(): Promise<string> {
      while (!isOver) await change()
      return received
    },
  }
}

describe('an array of events', () => {
  test('is parsed twice at most, however many of them have data that is no text', async () => {
    const parse = vi.spyOn(JSON, 'parse')
    try {
      const { events } = parseEventsJson(Buffer.from(JSON.stringify(Array(1000).fill({ topic: 'a', data: { n: 1 } }))))
      for (let index = 0; index < events.count; index++) events.at(index).toInit()
      expect(parse).toHaveBeenCalledTimes(2)
    } finally {
      parse.mockRestore()
    }
  })
})
