import { request } from 'node:http'
import { readEvents } from '@headwater/sse'
import { EventSource } from '@headwater/sse/client'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { connectStream, createMemoryStore, exactTopic } from '../../../src/index.ts'
import { decorateStore } from '../../../src/store/decorate-store.ts'
import { problemOf, type Serving, serve } from '../serve-hub.ts'

/** Where a stream is. */
function at({ url }: Serving, name: string, query = ''): string {
  return `${url}/headwater/v1/streams/${encodeURIComponent(name)}${query}`
}

interface Answer {
  readonly status: number
  readonly next?: number
}

async function ask(url: string, method = 'GET', body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method,
    body: body ?? null,
    headers: { 'content-type': 'text/plain', ...headers },
  })
  return { status: response.status, ...((await response.json()) as object) }
}

async function read(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers })
  expect(response.status).toBe(200)
  const events: string[] = []
  for await (const { type = 'message', data } of readEvents(response.body!)) events.push(`${type} ${data}`)
  return events
}

/** A request whose body is sent as it is made. */
function sending(url: string, headers: Record<string, string> = {}) {
  const sent = request(url, { method: 'PUT', headers })
  sent.on('error', () => {})
  onTestFinished(() => void sent.destroy())
  const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        body += piece
      })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
      response.on('error', reject)
    })
  })
  answered.catch(() => {})
  return { sent, answered }
}

describe('a producer elsewhere', () => {
  test('writes a stream by one request, whose body is sent as it is made', async () => {
    const serving = await serve()
    const { sent, answered } = sending(at(serving, 'chat/7'))
    sent.write('Hello ')
    await vi.waitFor(async () => expect(await ask(at(serving, 'chat/7', '?state'))).toMatchObject({ state: 'open' }))
    const reading = read(at(serving, 'chat/7'))
    sent.end(Buffer.from('wörld').subarray(0, 2))
    expect(await answered).toMatchObject({ status: 400 })
    expect((await reading).at(-1)).toContain('not valid UTF-8')
    const whole = sending(at(serving, 'chat/8'))
    whole.sent.end('all')
    expect(await whole.answered).toEqual({ status: 200, body: '{"next":3,"how":"closed"}\n' })
    expect(await read(at(serving, 'chat/8'))).toEqual(['message all'])
  })

  test('writes events with types by lines of JSON', async () => {
    const serving = await serve()
    const { sent, answered } = sending(at(serving, 'lines'), { 'content-type': 'application/x-ndjson' })
    sent.end('{"data":"a"}\n{"data":{"n":1},"type":"usage"}\n')
    expect(await answered).toMatchObject({ status: 200 })
    expect(await read(at(serving, 'lines'))).toEqual(['message a', 'usage {"n":1}'])
    const bad = sending(at(serving, 'bad lines'), { 'content-type': 'application/x-ndjson' })
    bad.sent.end('{"data":"a"}\n{"text":"b"}\n')
    expect(JSON.parse((await bad.answered).body)).toMatchObject({ status: 400, code: 'INVALID_DATA' })
    expect(await ask(at(serving, 'bad lines', '?state'))).toMatchObject({ how: 'failed' })
  })

  test('writes in steps, and may send each again', async () => {
    const serving = await serve()
    const opened = await ask(at(serving, 'steps', '?open&writer=w1'), 'POST')
    expect(opened).toEqual({ status: 201, writer: 'w1', run: 'w1', lease_ms: 4500, next: 1 })
    expect(await ask(at(serving, 'steps', '?open&writer=w1'), 'POST')).toEqual(opened)
    const first = await ask(at(serving, 'steps', '?writer=w1&number=1'), 'POST', 'a')
    expect(first).toEqual({ status: 200, writer: 'w1', run: 'w1', lease_ms: 4500, next: 2 })
    expect(await ask(at(serving, 'steps', '?writer=w1&number=1'), 'POST', 'a')).toEqual(first)
    const several = JSON.stringify([{ data: 'b' }, { data: { n: 1 }, type: 'usage' }])
    const json = { 'content-type': 'application/json' }
    const last = await ask(at(serving, 'steps', '?writer=w1&number=2&end=closed'), 'POST', several, json)
    expect(last).toEqual({ status: 200, writer: 'w1', run: 'w1', lease_ms: 4500, next: 5, how: 'closed' })
    expect(await ask(at(serving, 'steps', '?writer=w1&number=2&end=closed'), 'POST', several, json)).toEqual(last)
    expect(await read(at(serving, 'steps'))).toEqual(['message a', 'message b', 'usage {"n":1}'])
  })

  test('is told what is wrong with what it sends', async () => {
    const serving = await serve()
    const post = async (query: string, body = '', headers: Record<string, string> = {}) =>
      await problemOf(
        await fetch(at(serving, 'wrong', query), {
          method: 'POST',
          body,
          headers: { 'content-type': 'text/plain', ...headers },
        }),
      )
    expect(await post('?writer=w1&number=1', 'a')).toMatchObject({ status: 404, code: 'NOT_FOUND' })
    await ask(at(serving, 'wrong', '?open&writer=w1'), 'POST')
    expect(await post('?open&writer=w2')).toMatchObject({ status: 409, code: 'STREAM_HAS_WRITER' })
    expect(await post('?writer=w2&number=1', 'a')).toMatchObject({ status: 409, code: 'STREAM_HAS_WRITER' })
    expect(await post('?writer=w1&number=5', 'a')).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: expect.stringContaining('next number'),
    })
    expect(await post('?writer=w1&number=x', 'a')).toMatchObject({
      status: 400,
      detail: expect.stringContaining('number is "x"'),
    })
    expect(await post('?writer=W!&number=1', 'a')).toMatchObject({
      status: 400,
      detail: expect.stringContaining('writer is'),
    })
    expect(await post('?wirter=w1', 'a')).toMatchObject({ status: 400, detail: expect.stringContaining('"wirter"') })
    expect(await post('?writer=w1&number=1&end=done', 'a')).toMatchObject({
      status: 400,
      detail: expect.stringContaining('end is "done"'),
    })
    expect(await post('?writer=w1&number=1', '{"dta":1}', { 'content-type': 'application/json' })).toMatchObject({
      status: 400,
    })
    expect(
      await post('?writer=w1&number=1', '{"data":1,"type":"headwater-gap"}', { 'content-type': 'application/json' }),
    ).toMatchObject({ code: 'INVALID_EVENT_TYPE' })
    expect(await post('?open&lease_ms=1')).toMatchObject({ status: 400, detail: expect.stringContaining('lease_ms') })
    expect(await ask(at(serving, 'wrong', '?writer=w1&number=1'), 'POST', 'a')).toMatchObject({ next: 2 })
    expect(await post('?writer=w1&number=1', 'b')).toMatchObject({ status: 409, code: 'EVENT_ID_TAKEN' })
    const taken = await ask(at(serving, 'wrong', '?take_over&writer=w2'), 'POST')
    expect(taken).toMatchObject({ status: 200, writer: 'w2', next: 3, text: 'a', bytes: 1 })
    expect(await post('?writer=w1&number=2', 'b')).toMatchObject({ status: 409, code: 'STREAM_TAKEN_OVER' })
    expect(await post('?writer=w1&number=3', 'b')).toMatchObject({ status: 409, code: 'STREAM_TAKEN_OVER' })
    expect(await ask(at(serving, 'wrong'), 'DELETE')).toEqual({ status: 200, how: 'stopped' })
    expect(await ask(at(serving, 'wrong'), 'DELETE')).toEqual({ status: 200, how: 'stopped' })
    expect(await post('?writer=w2&number=3', 'b')).toMatchObject({ status: 409, code: 'STREAM_ENDED' })
    expect(await post('?take_over')).toMatchObject({ status: 409, code: 'STREAM_ENDED' })
    expect(await problemOf(await fetch(at(serving, 'none'), { method: 'DELETE' }))).toMatchObject({ status: 404 })
    for (const name of ['x'.repeat(300), 'a\u0001b', '*']) {
      expect(await problemOf(await fetch(at(serving, name)))).toMatchObject({
        status: 400,
        code: 'INVALID_STREAM_NAME',
      })
    }
    expect(await problemOf(await fetch(`${serving.url}/headwater/v1/streams/%ff`))).toMatchObject({
      code: 'INVALID_STREAM_NAME',
    })
  })

  test('whose connection breaks can go on: the stream is not over before its lease', async () => {
    const serving = await serve({ streams: { leaseMs: 60_000 } })
    const { sent } = sending(at(serving, 'broken'))
    sent.write('a')
    await vi.waitFor(async () => expect(await ask(at(serving, 'broken', '?state'))).toMatchObject({ next: 2 }))
    sent.destroy()
    await vi.waitFor(async () => {
      const taken = await ask(at(serving, 'broken', '?take_over&writer=again'), 'POST')
      expect(taken).toMatchObject({ text: 'a', writer: 'again' })
      const rest = sending(at(serving, 'broken', `?writer=again&number=${taken.next}`))
      rest.sent.end('b')
      expect(await rest.answered).toMatchObject({ status: 200 })
    })
    expect(await read(at(serving, 'broken'))).toEqual(['message a', 'message b'])
  })

  test('that does not come back has its stream ended as lost', async () => {
    const serving = await serve({ streams: { leaseMs: 100 } })
    const { sent } = sending(at(serving, 'lost'))
    sent.write('a')
    await vi.waitFor(async () => expect((await fetch(at(serving, 'lost'))).status).toBe(200))
    const reading = read(at(serving, 'lost'))
    // Longer than the lease: the hub renews it while the connection stands.
    await vi.waitFor(async () => expect((await ask(at(serving, 'lost', '?state'))).next).toBeGreaterThan(5), 20_000)
    sent.destroy()
    expect(await reading).toEqual(['message a', expect.stringContaining('headwater-ended {"how":"lost"')])
  })

  test('that leaves while it takes a stream over is not waited for', async () => {
    const history = createMemoryStore()
    let held: Promise<void> | undefined
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const store = decorateStore(history, {
      async read(query) {
        await held
        return await history.read(query)
      },
    })
    const serving = await serve({ store, streams: { leaseMs: 300 } })
    await ask(at(serving, 'left', '?open&writer=w1'), 'POST')
    await ask(at(serving, 'left', '?writer=w1&number=1'), 'POST', 'a')
    held = promise
    const leaving = new AbortController()
    const taking = fetch(at(serving, 'left', '?take_over&writer=w2'), { method: 'POST', signal: leaving.signal })
    // The hub renews the lease for as long as it takes to read.
    await vi.waitFor(async () => expect((await ask(at(serving, 'left', '?state'))).next).toBeGreaterThan(6), 20_000)
    leaving.abort()
    await expect(taking).rejects.toThrow()
    await vi.waitFor(
      async () => expect(await ask(at(serving, 'left', '?state'))).toMatchObject({ how: 'lost' }),
      20_000,
    )
    release()
  })

  test('is stopped by anybody who may write: its request is answered with why', async () => {
    const serving = await serve()
    const { sent, answered } = sending(at(serving, 'stopped'))
    sent.write('a')
    await vi.waitFor(async () => expect(await ask(at(serving, 'stopped', '?state'))).toMatchObject({ next: 2 }))
    expect(await ask(at(serving, 'stopped', '?reason=enough'), 'DELETE')).toEqual({ status: 200, how: 'stopped' })
    expect(await answered).toMatchObject({ status: 409, body: expect.stringContaining('STREAM_ENDED') })
    expect(await read(at(serving, 'stopped'))).toEqual([
      'message a',
      'headwater-ended {"how":"stopped","reason":"enough"}',
    ])
  })
})

describe('connectStream', () => {
  test('writes as a stream of this process does, and is told of a stop', async () => {
    const serving = await serve({ streams: { leaseMs: 300 } })
    const stream = connectStream(at(serving, 'far/away'), { leaseMs: 300, private: true })
    const [id] = await Promise.all([stream.write('a'), stream.write({ n: 1 }, { type: 'usage' })])
    expect((await serving.hub.stream('far/away').read().next()).value).toEqual({ id, type: 'message', data: 'a' })
    await expect(connectStream(at(serving, 'far/away')).open()).rejects.toMatchObject({ code: 'STREAM_HAS_WRITER' })
    const second = connectStream(at(serving, 'far/away'), { leaseMs: 300 })
    expect(await second.takeOver()).toMatchObject({ text: 'a', events: [{ data: 'a' }, { type: 'usage' }] })
    await expect(stream.write('b')).rejects.toMatchObject({ code: 'STREAM_TAKEN_OVER' })
    expect(stream.signal.aborted).toBe(true)
    expect(await second.pipe(['b', 'c'])).toEqual({ outcome: 'completed' })
    const words: string[] = []
    for await (const { data } of serving.hub.stream('far/away').read()) words.push(data)
    expect(words).toEqual(['a', '{"n":1}', 'b', 'c'])
    const third = connectStream(at(serving, 'third'), { leaseMs: 300 })
    const piped = third.pipe(new ReadableStream<string>({ start: (controller) => controller.enqueue('a') }))
    await vi.waitFor(async () => expect(await ask(at(serving, 'third', '?state'))).toMatchObject({ state: 'open' }))
    await serving.hub.stream('third').stop()
    // Its next request, which renews the lease, is answered so.
    expect(await piped).toMatchObject({ outcome: 'interrupted', error: { code: 'STREAM_ENDED' } })
  })

  test('sends again what was not answered, and it is stored once', async () => {
    const serving = await serve()
    let fails = 0
    const stream = connectStream(at(serving, 'again'), {
      // Every other answer is lost, after the hub has stored.
      fetch: async (...given) => {
        const response = await fetch(...given)
        if (fails++ % 2 === 0) throw new TypeError('the network is gone')
        return response
      },
    })
    for (const word of ['one', 'two', 'three']) await stream.write(word)
    await stream.close()
    expect(await read(at(serving, 'again'))).toEqual(['message one', 'message two', 'message three'])
    await expect(stream.write('four')).rejects.toMatchObject({ code: 'STREAM_ENDED' })
  })
})

describe('a reader', () => {
  test('that is an EventSource gets every word once, and stops at the end', async () => {
    const serving = await serve()
    expect((await fetch(at(serving, 'words'))).status).toBe(204)
    const stream = serving.hub.stream('words')
    await stream.open()
    const source = new EventSource(at(serving, 'words'))
    onTestFinished(() => source.close())
    const words: string[] = []
    source.addEventListener('message', ({ data }) => words.push(data))
    for (const word of ['one', 'two', 'three']) await stream.write(word)
    await vi.waitFor(() => expect(words).toHaveLength(3))
    await stream.close()
    await vi.waitFor(() => expect(source.readyState).toBe(EventSource.CLOSED))
    expect(words).toEqual(['one', 'two', 'three'])
  })

  test('of what is gone is told so', async () => {
    const serving = await serve()
    const stream = serving.hub.stream('gone', { retentionMs: 0 })
    await stream.close()
    await vi.waitFor(async () =>
      expect(await problemOf(await fetch(at(serving, 'gone')))).toMatchObject({ status: 410, code: 'STREAM_GONE' }),
    )
  })

  test('of a private stream needs the right to its name, and a writer that to publish there', async () => {
    const serving = await serve({
      authorize: ({ header }) =>
        header('x-user') === 'one' ? { publish: [exactTopic('mine')], subscribe: [exactTopic('mine')] } : {},
    })
    const one = { 'x-user': 'one' }
    await serving.hub.stream('mine', { private: true }).close()
    expect(await problemOf(await fetch(at(serving, 'mine')))).toMatchObject({ status: 403 })
    expect(await problemOf(await fetch(at(serving, 'mine', '?state')))).toMatchObject({ status: 403 })
    expect(await read(at(serving, 'mine'), one)).toEqual([])
    for (const method of ['PUT', 'POST', 'DELETE']) {
      expect(await problemOf(await fetch(at(serving, 'other', '?open'), { method, headers: one }))).toMatchObject({
        status: 403,
      })
    }
  })

  test('and a writer on a page of another origin need it to be allowed, by a preflight that names the methods', async () => {
    const serving = await serve({ corsOrigins: ['https://app.example'] })
    const preflight = (origin: string) =>
      fetch(at(serving, 'cors'), {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT' },
      })
    const allowed = await preflight('https://app.example')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-methods')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS')
    expect((await preflight('https://evil.example')).status).toBe(403)
    const put = (origin: string) => fetch(at(serving, 'cors'), { method: 'PUT', headers: { origin }, body: 'a' })
    expect(await problemOf(await put('https://evil.example'))).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' })
    expect((await put('https://app.example')).headers.get('access-control-allow-origin')).toBe('https://app.example')
  })

  test('cannot get at a stream as a topic, nor a publisher', async () => {
    const serving = await serve()
    await serving.hub.stream('hidden').pipe('text')
    const topic = '/.well-known/mercure/headwater/v1/streams/hidden'
    expect(await problemOf(await serving.post({ topic, data: 'x' }))).toMatchObject({ code: 'INVALID_TOPIC' })
    expect(await problemOf(await serving.post({ topic: 'a', id: '#hidden~0' }))).toMatchObject({
      code: 'INVALID_EVENT_ID',
    })
    const client = await serving.open(`match=*&last_event_id=earliest`)
    await serving.post({ topic: 'a', data: 'mine' })
    expect(await client.next()).toMatchObject({ data: 'mine' })
    await client.close()
  })
})
