import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConnectionError, type ConnectionState, events } from '../../src/client/index.ts'
import { SseError } from '../../src/protocol/index.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'
import { serve, stream } from './stream-server.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('the iteration', () => {
  it('yields event type, data and last event ID, across reconnects, and ends at 204', async () => {
    const { origin, requests } = await serve((_, response, number) => {
      if (number === 1) stream(response, 'retry: 1\nid: 1\ndata: a\n\nevent: tick\ndata: b\n\n').end()
      else if (number === 2) stream(response, 'id: 2\ndata: c\n\n').end()
      else response.writeHead(204).end()
    })
    const yielded: unknown[] = []
    for await (const event of events(origin)) yielded.push(event)
    expect(yielded).toEqual([
      { type: 'message', data: 'a', lastEventId: '1' },
      { type: 'tick', data: 'b', lastEventId: '1' },
      { type: 'message', data: 'c', lastEventId: '2' },
    ])
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '2'])
  })

  it('connects only when asked for the first event', async () => {
    const { fetch, calls } = scriptedFetch(openBody().response)
    const iterable = events('http://a.test/', { fetch })
    await settle()
    expect(calls.length).toBe(0)
    void iterable.next()
    await settle()
    expect(calls.length).toBe(1)
    iterable.close()
  })

  it('ends with the response of a POST, which is not repeated', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'data: token\n\ndata: [DONE]\n\n').end()
    })
    const data: string[] = []
    for await (const event of events(origin, { body: '{}' })) data.push(event.data)
    expect([data, requests.length]).toEqual([['token', '[DONE]'], 1])
  })

  it('ends with the response when retry is false', async () => {
    const body = openBody()
    body.write('data: a\n\n')
    body.end()
    const data: string[] = []
    for await (const event of events('http://a.test/', { ...scriptedFetch(body.response), retry: false }))
      data.push(event.data)
    expect(data).toEqual(['a'])
  })

  it.each([
    ['after a POST', { body: '{}' }],
    ['with retry: false', { retry: false }],
  ] as const)('throws when the response ends inside an event: it only looks complete %s', async (_, options) => {
    const body = openBody()
    const stream = events('http://a.test/', { ...scriptedFetch(body.response), ...options })
    body.write('data: 1\n\ndata: 2\n')
    body.end()
    expect((await stream.next()).value?.data).toBe('1')
    await expect(stream.next()).rejects.toMatchObject({ name: 'ConnectionError', code: 'INCOMPLETE_EVENT' })
  })

  it('reconnects when a GET ends inside an event, which the standard drops', async () => {
    stopClock()
    const [first, second] = [openBody(), openBody()]
    const stream = events('http://a.test/', scriptedFetch(first.response, second.response))
    first.write('data: 1\n\ndata: 2\n')
    first.end()
    second.write('data: 2\n\n')
    expect((await stream.next()).value?.data).toBe('1')
    const next = stream.next()
    await advance(3000)
    expect((await next).value?.data).toBe('2')
    stream.close()
  })

  it('throws when a POST breaks off: what came was not everything', async () => {
    const body = openBody()
    const cut = new Error('cut')
    const iterable = events('http://a.test/', { ...scriptedFetch(body.response), body: 'x' })
    body.write('data: a\n\n')
    expect((await iterable.next()).value).toMatchObject({ data: 'a' })
    body.fail(cut)
    await expect(iterable.next()).rejects.toMatchObject({ code: 'NETWORK_ERROR', cause: cut })
    expect(await iterable.next()).toEqual({ value: undefined, done: true })
  })

  it('throws a ConnectionError with all there is to know on a refusal for good', async () => {
    const answer = new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Bearer' } })
    const error = await events('http://a.test/', scriptedFetch(answer)).next().catch(itself)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toBeInstanceOf(SseError)
    expect(error).toMatchObject({
      name: 'ConnectionError',
      code: 'UNEXPECTED_RESPONSE',
      status: 401,
      body: 'who are you?',
    })
    expect((error as ConnectionError).headers?.get('www-authenticate')).toBe('Bearer')
    expect((error as ConnectionError).message).toContain('401')
  })

  it('throws when the retries are used up, even if each response ended in good order', async () => {
    stopClock()
    const { fetch } = scriptedFetch(() => new Response('', { headers: { 'content-type': 'text/event-stream' } }))
    const next = events('http://a.test/', { fetch, retry: { maxRetries: 1, backoffMs: 0 } })
      .next()
      .catch(itself)
    await advance(3000)
    expect(await next).toMatchObject({ code: 'STREAM_ENDED' })
  })

  it('goes on after a passing refusal under a retry policy', async () => {
    stopClock()
    const body = openBody()
    body.write('data: a\n\n')
    const { fetch } = scriptedFetch(new Response('', { status: 503 }), body.response)
    const iterable = events('http://a.test/', { fetch, retry: { backoffMs: 0 } })
    const next = iterable.next()
    await advance(3000)
    expect((await next).value).toMatchObject({ data: 'a' })
    iterable.close()
  })

  it('is its own iterator, and may be asked ahead', async () => {
    const body = openBody()
    body.write('data: a\n\ndata: b\n\n')
    const iterable = events('http://a.test/', scriptedFetch(body.response))
    expect(iterable[Symbol.asyncIterator]()).toBe(iterable)
    const both = await Promise.all([iterable.next(), iterable.next()])
    expect(both.map(({ value }) => value?.data)).toEqual(['a', 'b'])
    iterable.close()
  })
})

describe('leaving', () => {
  it('the loop closes the connection and its socket', async () => {
    let released!: Promise<unknown>
    const { origin } = await serve((request, response) => {
      released = once(request.socket, 'close')
      stream(response, 'data: a\n\ndata: b\n\n')
    })
    for await (const event of events(origin)) {
      expect(event.data).toBe('a')
      break
    }
    await released
  })

  it('by throwing from the loop does, too', async () => {
    const body = openBody()
    body.write('data: a\n\n')
    const loop = async () => {
      for await (const { data } of events('http://a.test/', scriptedFetch(body.response))) throw new Error(data)
    }
    await expect(loop()).rejects.toThrow('a')
    expect(body.cancelled).toBe(true)
  })

  it('by close() ends a pending next() and drops what was read ahead', async () => {
    const body = openBody()
    const iterable = events('http://a.test/', scriptedFetch(body.response))
    body.write('data: a\n\ndata: b\n\n')
    await iterable.next()
    iterable.close()
    expect(await iterable.next()).toEqual({ value: undefined, done: true })
    expect([body.cancelled, iterable.state.name]).toEqual([true, 'closed'])

    const waiting = events('http://a.test/', scriptedFetch(openBody().response))
    const pending = waiting.next()
    await settle()
    waiting.close()
    expect(await pending).toEqual({ value: undefined, done: true })
  })

  it('by return() does so even while a next() is pending', async () => {
    const body = openBody()
    const iterable = events('http://a.test/', scriptedFetch(body.response))
    const pending = iterable.next()
    await settle()
    expect(await iterable.return()).toEqual({ value: undefined, done: true })
    expect(await pending).toEqual({ value: undefined, done: true })
    expect(body.cancelled).toBe(true)
  })

  it('by an aborted signal throws its reason', async () => {
    const controller = new AbortController()
    const body = openBody()
    const iterable = events('http://a.test/', { ...scriptedFetch(body.response), signal: controller.signal })
    const pending = iterable.next()
    await settle()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    expect(body.cancelled).toBe(true)
  })

  it('by a signal aborted beforehand never connects', async () => {
    const { fetch, calls } = scriptedFetch(openBody().response)
    const iterable = events('http://a.test/', { fetch, signal: AbortSignal.abort() })
    await expect(iterable.next()).rejects.toMatchObject({ name: 'AbortError' })
    expect(calls.length).toBe(0)
  })

  it('while waiting to reconnect leaves no timer', async () => {
    stopClock()
    const iterable = events('http://a.test/', scriptedFetch(new Error('no network')))
    const pending = iterable.next()
    await settle()
    expect([iterable.state.name, vi.getTimerCount()]).toEqual(['waiting', 1])
    iterable.close()
    expect(vi.getTimerCount()).toBe(0)
    expect((await pending).done).toBe(true)
  })
})

describe('resuming', () => {
  it('starts from a saved id, and tells the id to save with each event', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'data: a\n\nid: 8\ndata: b\n\nid: 9\ndata: c\n\n')
    })
    const iterable = events(origin, { lastEventId: '7' })
    expect(iterable.lastEventId).toBe('7')
    expect((await iterable.next()).value).toMatchObject({ data: 'a', lastEventId: '7' })
    expect((await iterable.next()).value).toMatchObject({ data: 'b', lastEventId: '8' })
    // 9 is read already, but has not been taken: a consumer that stops here has to get c again.
    expect(iterable.lastEventId).toBe('8')
    expect(requests[0]!.headers['last-event-id']).toBe('7')
    iterable.close()
  })

  it('takes an id without data into account once everything before it is taken', async () => {
    const body = openBody()
    const iterable = events('http://a.test/', scriptedFetch(body.response))
    body.write('id: 1\ndata: a\n\nid: 2\n\n')
    await iterable.next()
    expect(iterable.lastEventId).toBe('1')
    void iterable.next()
    await settle()
    expect(iterable.lastEventId).toBe('2')
    iterable.close()
  })
})

describe('backpressure', () => {
  it('reaches the socket: the server stops writing to a consumer that stops taking events', async () => {
    const frame = `data: ${'x'.repeat(1000)}\n\n`
    const frames = 32 * 1024
    const written: number[] = []
    const { origin } = await serve((_, response, number) => {
      stream(response)
      written[number] = 0
      const write = () => {
        while (written[number]! < frames) {
          written[number]!++
          if (!response.write(frame)) return void response.once('drain', write)
        }
        response.end()
      }
      write()
    })
    const slow = events(origin, { retry: false })
    await slow.next()

    // By the time that another consumer has taken the same 32 MiB, the slow one could have got them all.
    let taken = 0
    for await (const _ of events(origin, { retry: false })) taken++
    expect(taken).toBe(frames)
    expect(written[1]).toBeLessThan(frames / 2) // What the buffers of two kernels take, and one chunk.

    let late = 1
    for await (const _ of slow) late++
    expect(late).toBe(frames)
  })
})

describe('state', () => {
  it('tells where the connection is, and onState of each change', async () => {
    stopClock()
    const body = openBody()
    const states: ConnectionState[] = []
    const { fetch } = scriptedFetch(new Error('no network'), body.response, new Response(null, { status: 204 }))
    const iterable = events('http://a.test/path', { fetch, onState: (state) => states.push(state) })
    expect([iterable.state, iterable.url]).toEqual([{ name: 'connecting' }, 'http://a.test/path'])
    const pending = iterable.next()
    await settle()
    expect(iterable.state).toBe(states[0])
    await advance(3000)
    expect(iterable.state).toEqual({ name: 'open', origin: 'http://a.test' })
    body.end()
    await advance(3000)
    expect((await pending).done).toBe(true)
    expect(states.map((state) => [state.name, 'failure' in state ? state.failure?.code : undefined])).toEqual([
      ['waiting', 'NETWORK_ERROR'],
      ['open', undefined],
      ['waiting', 'STREAM_ENDED'],
      ['closed', 'STREAM_COMPLETE'],
    ])
    expect(iterable.state).toBe(states[3])
  })
})

describe('parse', () => {
  it('makes values of the data of the types it names, and leaves the others strings', async () => {
    const body = openBody()
    body.write('event: tick\ndata: {"price":1}\n\ndata: {"price":2}\n\nevent: toString\ndata: 3\n\n')
    const iterable = events<{ tick: { price: number }; message: string }>('http://a.test/', {
      ...scriptedFetch(body.response),
      parse: { tick: JSON.parse },
    })
    const yielded: unknown[] = []
    for await (const event of iterable) {
      if (event.type === 'tick') yielded.push(event.data.price)
      else yielded.push(event.data)
      if (yielded.length === 3) break
    }
    expect(yielded).toEqual([1, '{"price":2}', '3'])
  })

  it('that fails throws INVALID_DATA with the reason, and closes the connection', async () => {
    const body = openBody()
    body.write('event: tick\ndata: {oops\n\n')
    const iterable = events('http://a.test/', { ...scriptedFetch(body.response), parse: { tick: JSON.parse } })
    const error = (await iterable.next().catch(itself)) as SseError
    expect(error).toMatchObject({ code: 'INVALID_DATA', cause: expect.any(SyntaxError) })
    expect(error.message).toContain('"tick"')
    expect(body.cancelled).toBe(true)
    expect((await iterable.next()).done).toBe(true)
  })
})

describe('a call that cannot be', () => {
  it('throws at once', () => {
    expect(() => events('http://[')).toThrow(DOMException)
    expect(() => events('http://a.test/', { idleTimeoutMs: -1 })).toThrow(SseError)
    expect(() => events('http://a.test/', { onState: 'x' as never })).toThrow(/onState.*x.*function/)
    expect(() => events('http://a.test/', { parse: { tick: 5 as never } })).toThrow(/parse\.tick.*5.*function/)
  })
})

const itself = (error: unknown) => error
