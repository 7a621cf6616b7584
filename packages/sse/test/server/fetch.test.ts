import { describe, expect, test, vi } from 'vitest'
import { createResponse, createResponseWhenReady, type Producer } from '../../src/server/fetch.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import { dataOf, turns, useFakeClock } from './opener.ts'

/** The ID of a stream that ended a moment ago. */
const justEnded = `headwater-end.${Date.now().toString(36)}.7`

describe('createResponse', () => {
  test.each<[string, Producer]>([
    [
      'a generator',
      function* () {
        yield* ['a', 'b']
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* ['a', 'b']
      },
    ],
    [
      'a stream',
      () =>
        new ReadableStream({
          start(c) {
            c.enqueue('a')
            c.enqueue('b')
            c.close()
          },
        }),
    ],
    [
      'a promise of a stream',
      async () =>
        new ReadableStream({
          start(c) {
            c.enqueue('a')
            c.enqueue('b')
            c.close()
          },
        }),
    ],
  ])('pipes what the producer returns, whose end is the end: %s', async (_, producer) => {
    const request = new Request('http://a/', { headers: { accept: 'text/event-stream' } })
    const text = await createResponse(request, producer).text()
    expect(dataOf(text)).toEqual(['a', 'b', '{}'])
    expect(text).toContain('headwater-close')
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list, as Promise.all does', [undefined]],
    ['a function, as subscribe does', () => {}],
    ['text', 'text'],
  ])('stays open after a producer that returned something else: %s', async (_, returned) => {
    const { session, response } = respond({}, () => returned)
    await turns(2)
    expect(session.isOpen).toBe(true)
    session.send({ data: 'later' })
    session.close()
    expect(dataOf(await response.text())).toEqual(['later'])
  })

  test.each<[string, unknown]>([
    ['an object whose subscribe() gives no subscription', { subscribe() {} }],
    ['a generator function', function* () {}],
    ['a response', new Response('a')],
  ])('breaks off after a producer that returned what it took for a source: %s', async (_, returned) => {
    const onError = vi.fn()
    const { session, response } = respond({ onError }, () => returned)
    await expect(response.text()).rejects.toThrow()
    expect(await session.closed).toBe('failed')
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  test('reports a source that a producer cannot pipe', async () => {
    const onError = vi.fn()
    const { response } = respond({ onError }, (session) => session.pipe({ subscribe() {} } as never))
    await expect(response.text()).rejects.toThrow()
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  test.each([undefined, {}, { headers: {} }])('refuses %j as a request, and says what is one', (request) => {
    expect(() => createResponse(request as never, () => {})).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('c.req.raw') }),
    )
  })

  test.each([
    ['never reads', 0],
    ['stops reading', 1],
  ])('ends a session whose reader %s: somebody may never cancel the stream', async (_, reads) => {
    useFakeClock()
    const { session, response } = respond({ heartbeatMs: 10_000, stallTimeoutMs: 5000 }, () => undefined)
    const reader = response.body!.getReader()
    for (let i = 0; i < reads; i++) await reader.read()
    // A heartbeat has to wait before anybody can see that it does.
    await vi.advanceTimersByTimeAsync(reads * 10_000 + 4900)
    expect(session.isOpen).toBe(true)
    await vi.advanceTimersByTimeAsync(200)
    expect(await session.closed).toBe('stalled')
    vi.useRealTimers()
  })

  test.each<[string, Producer]>([
    [
      'throws',
      () => {
        throw new Error('a secret')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('a secret')
      },
    ],
    [
      'fails while it generates',
      async function* () {
        yield 'a'
        throw new Error('a secret')
      },
    ],
  ])('breaks the response off when the producer failed, and tells the operator why: it %s', async (_, producer) => {
    const onError = vi.fn()
    const text = createResponse(new Request('http://a/'), { onError }, producer).text()
    await expect(text).rejects.toMatchObject({ code: 'SESSION_CLOSED', message: expect.not.stringContaining('secret') })
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: 'a secret' }))
  })

  test('takes a producer whose client left, which it learns from a rejected send, for no failure', async () => {
    const onError = vi.fn()
    const { response, session } = respond({ onError }, async (session) => {
      for (;;) await session.send({ data: 'on and on' })
    })
    await response.body?.cancel()
    expect(await session.closed).toBe('client-left')
    await turns(3)
    expect(onError).not.toHaveBeenCalled()
  })

  test('sets several values of one header', () => {
    const headers = { 'Set-Cookie': ['a=1', 'b=2'], 'cache-control': 'no-store' }
    const response = createResponse(new Request('http://a/'), { headers }, () => {})
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('logs to the console what nobody takes', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const response = createResponse(new Request('http://a/'), () => Promise.reject(new Error('boom')))
    await expect(response.text()).rejects.toThrow()
    expect(error).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ message: 'boom' }))
    error.mockRestore()
  })

  test('runs the producer before it returns, so that nothing is missed in between', () => {
    const producer = vi.fn()
    createResponse(new Request('http://a/'), producer).body?.cancel()
    expect(producer).toHaveBeenCalledOnce()
  })

  test.each([
    ['HEAD', new Request('http://a/', { method: 'HEAD' }), 200],
    ['after a close', new Request('http://a/', { headers: { 'Last-Event-ID': justEnded } }), 204],
    ['aborted', new Request('http://a/', { signal: AbortSignal.abort() }), 200],
  ])('does not call the producer for a request that is %s', async (_, request, status) => {
    const producer = vi.fn()
    const response = createResponse(request, producer)
    expect(response.status).toBe(status)
    expect(await response.text()).toBe('')
    expect(producer).not.toHaveBeenCalled()
  })

  test.each([null, 'text', 1])('refuses %j as its options', (options) => {
    const respond = () => createResponse(new Request('http://a/'), options as never, () => {})
    expect(respond).toThrow(expect.objectContaining({ name: 'SseError', code: 'INVALID_OPTION' }))
  })

  test('says what is missing when there is no producer', () => {
    expect(() => createResponse(new Request('http://a/'), {} as never)).toThrow(
      /needs a function as its producer, not object/,
    )
  })

  test('sees the client leave by its request, also if nobody ever read the stream', async () => {
    const left = new AbortController()
    const { session } = respond({}, () => {}, new Request('http://a/', { signal: left.signal }))
    left.abort()
    expect(await session.closed).toBe('client-left')
  })

  test('lets nobody wait for a stream whose request was aborted', async () => {
    const left = new AbortController()
    const { response } = respond({ retryMs: null }, () => {}, new Request('http://a/', { signal: left.signal }))
    const text = response.text()
    await turns(2)
    left.abort()
    expect(await text).toBe(':\n')
  })

  test('sees the client leave by the stream, also while nothing is being read', async () => {
    const { session, response } = respond()
    await response.body?.cancel()
    expect(await session.closed).toBe('client-left')
  })

  test('hands bytes over only when they are asked for, and then all that wait in one chunk', async () => {
    const { session, response } = respond({ retryMs: null })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    const sent = [1, 2, 3].map((data) => session.send({ data }))
    const settled = vi.fn()
    sent[0]?.then(settled)
    await turns(2)
    expect(settled).not.toHaveBeenCalled()
    expect(session.unsentBytes).toBeGreaterThan(0)
    const { value } = await reader.read()
    expect(new TextDecoder().decode(value)).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n')
    await Promise.all(sent)
    expect(session.unsentBytes).toBe(0)
  })

  test('breaks the stream off when nobody reads it for stallTimeoutMs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const { session, response } = respond()
    session.send({ data: 1 })
    await vi.advanceTimersByTimeAsync(30_000)
    vi.useRealTimers()
    expect(await session.closed).toBe('stalled')
    await expect(response.text()).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })
})

describe('createResponseWhenReady', () => {
  const request = new Request('http://a/', { method: 'POST', body: '{}' })
  const failure = new Error('no model today')

  test.each<[string, Producer]>([
    [
      'throws',
      () => {
        throw failure
      },
    ],
    ['rejects', async () => Promise.reject(failure)],
    [
      'returns a generator that throws before its first event',
      // biome-ignore lint/correctness/useYield: it throws before
      async function* () {
        await turns(1)
        throw failure
      },
    ],
    ['pipes a promise, which is not a source', (session) => session.pipe(Promise.resolve('a word') as never)],
    ['pipes a stream that fails', (session) => session.pipe(new ReadableStream({ start: (c) => c.error(failure) }))],
  ])('rejects with the error, which can be a status, when the producer %s', async (name, producer) => {
    const onError = vi.fn()
    let session: Session | undefined
    const response = createResponseWhenReady(request, { onError }, (opened) => {
      session = opened
      return producer(opened)
    })
    await expect(response).rejects.toMatchObject(
      name === 'pipes a promise, which is not a source' ? { code: 'INVALID_OPTION' } : { message: failure.message },
    )
    expect(onError).not.toHaveBeenCalled()
    expect(await session!.closed).toBe('failed')
  })

  test.each<[string, Producer, string]>([
    [
      'yields an event',
      async function* () {
        await turns(1)
        yield 'first'
        await turns(3)
        throw failure
      },
      'data: first',
    ],
    ['sends an event', (session) => void session.send({ data: 'sent' }), 'data: sent'],
    ['sends a comment', (session) => void session.comment('soon'), ': soon'],
    ['closes', (session) => void session.close(), ''],
    ['returns a source of nothing', () => [].values(), ''],
  ])('resolves as soon as the producer %s', async (_, producer, text) => {
    const onError = vi.fn()
    const response = await createResponseWhenReady(request, { onError }, producer)
    expect(response.status).toBe(200)
    const { value } = await response.body!.getReader().read()
    expect(new TextDecoder().decode(value)).toContain(text)
  })

  test('resolves after heartbeatMs at the latest, so that nobody between gives up', async () => {
    useFakeClock()
    const resolved = vi.fn()
    const response = createResponseWhenReady(request, { heartbeatMs: 10_000 }, () => {})
    response.then(resolved)
    await vi.advanceTimersByTimeAsync(9000)
    expect(resolved).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1500)
    expect(resolved).toHaveBeenCalled()
    vi.useRealTimers()
    await (await response).body?.cancel()
  })

  test('reports what fails after the first event as createResponse does', async () => {
    const onError = vi.fn()
    const response = await createResponseWhenReady(request, { onError }, async function* () {
      yield 'first'
      throw failure
    })
    await expect(response.text()).rejects.toThrow()
    expect(onError).toHaveBeenCalledExactlyOnceWith(failure)
  })

  test('answers 204 and HEAD without the producer, and rejects for an argument that is wrong', async () => {
    const producer = vi.fn()
    const after = new Request('http://a/', { headers: { 'last-event-id': justEnded } })
    expect((await createResponseWhenReady(after, producer)).status).toBe(204)
    expect((await createResponseWhenReady(new Request('http://a/', { method: 'HEAD' }), producer)).status).toBe(200)
    expect(producer).not.toHaveBeenCalled()
    await expect(createResponseWhenReady(request, undefined as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

function respond(options: SessionOptions = {}, producer: Producer = () => {}, request = new Request('http://a/')) {
  let session: Session | undefined
  const response = createResponse(request, options, (opened) => {
    session = opened
    return producer(opened)
  })
  return { response, session: session as unknown as Session }
}
