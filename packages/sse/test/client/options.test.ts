import { afterEach, describe, expect, it, vi } from 'vitest'
import { EventSource, type EventSourceOptions, events, type RequestContext } from '../../src/client/index.ts'
import { SseError } from '../../src/protocol/index.ts'
import { EventLog } from './event-log.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'
import { serve, stream } from './stream-server.ts'
import { catchUncaught } from './uncaught.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('headers', () => {
  it('are sent, as an object, a Headers object or pairs', async () => {
    const { origin, requests } = await serve((_, response) => stream(response))
    for (const headers of [{ 'x-a': '1' }, new Headers({ 'x-a': '1' }), [['x-a', '1']] as [string, string][]])
      await new EventLog(origin, { headers }).count(1)
    expect(requests.map(({ headers }) => [headers['x-a'], headers.accept])).toEqual([
      ['1', 'text/event-stream'],
      ['1', 'text/event-stream'],
      ['1', 'text/event-stream'],
    ])
  })

  it('may change Accept', async () => {
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    await new EventLog('http://a.test/', { fetch, headers: { Accept: 'text/event-stream;v=2' } }).count(1)
    expect(calls[0]!.init.headers.get('accept')).toBe('text/event-stream;v=2')
  })

  it('may come from an async function, called before each attempt with what there is to know', async () => {
    const contexts: RequestContext[] = []
    const tokens = ['old', 'new', 'newer']
    stopClock()
    const { origin, requests } = await serve((_, response, number) => {
      if (number === 1) response.writeHead(401).end('expired')
      else stream(response, 'retry: 1\nid: 7\ndata: a\n\n').end()
    })
    new EventLog(origin, {
      headers: async (context) => {
        contexts.push(context)
        await settle()
        return { authorization: `Bearer ${tokens[context.attempt - 1]}` }
      },
      retry: { statuses: [401], backoffMs: 0 },
    })
    while (requests.length < 3) await advance(1000)
    expect(requests.slice(0, 3).map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer new',
      'Bearer newer',
    ])
    expect(contexts.slice(0, 3).map(({ attempt, lastEventId }) => [attempt, lastEventId])).toEqual([
      [1, ''],
      [2, ''],
      [3, '7'],
    ])
    expect(contexts[0]!.previous).toBeUndefined()
    expect(contexts[1]!.previous).toMatchObject({ status: 401, body: 'expired', code: 'UNEXPECTED_RESPONSE' })
    expect(contexts[2]!.previous).toMatchObject({ code: 'STREAM_ENDED' })
    expect(contexts[2]!.signal).toBeInstanceOf(AbortSignal)
  })

  it('whose function fails count as an attempt without network', async () => {
    stopClock()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const refused = new Error('token refused')
    let failing = true
    const log = new EventLog('http://a.test/', {
      fetch,
      headers: () => {
        if (failing) throw refused
        return {}
      },
    })
    await settle()
    expect([log.lines, calls.length]).toEqual([['error @0'], 0])
    expect(log.errors[0]).toMatchObject({ code: 'NETWORK_ERROR', cause: refused, willRetry: true })
    failing = false
    await advance(3000)
    expect(log.lines).toEqual(['error @0', 'open @1'])
  })

  it('are told through their signal when the attempt is given up', async () => {
    let given: AbortSignal | undefined
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    let renewed!: (headers: { 'x-a': string }) => void
    const log = new EventLog('http://a.test/', {
      fetch: async (url, init) => {
        init.signal!.throwIfAborted()
        return fetch(url, init)
      },
      headers: ({ signal }) => {
        given = signal
        return new Promise((resolve) => {
          renewed = resolve
        })
      },
    })
    await settle()
    log.source.close()
    expect(given!.aborted).toBe(true)
    renewed({ 'x-a': '1' })
    await settle()
    expect([calls.length, log.lines]).toEqual([0, []])
  })

  it('that no request can have throw at once', () => {
    expect(() => new EventSource('http://a.test/', { headers: { 'a b': '1' } })).toThrow(TypeError)
    expect(() => new EventSource('http://a.test/', { headers: 'x' as never })).toThrow(TypeError)
  })
})

describe('fetch', () => {
  it('gets headers that a spread copies, so that adding one loses neither Accept nor Last-Event-ID', async () => {
    const { origin, requests } = await serve((_, response) => stream(response))
    await new EventLog(origin, {
      lastEventId: 'é7',
      headers: { 'X-A': '1' },
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, Authorization: 'Bearer 1' } }),
    }).count(1)
    expect(requests[0]!.headers).toMatchObject({
      accept: 'text/event-stream',
      'last-event-id': Buffer.from('é7').toString('latin1'),
      'x-a': '1',
      authorization: 'Bearer 1',
    })
  })
})

describe('method and body', () => {
  it('make a POST with a body', async () => {
    const bodies: string[] = []
    const { origin, requests } = await serve((request, response) => {
      request.on('data', (chunk) => bodies.push(String(chunk)))
      request.on('end', () => stream(response, 'data: a\n\n'))
    })
    await new EventLog(origin, { body: '{"q":1}', headers: { 'content-type': 'application/json' } }).count(2)
    expect([requests[0]!.method, bodies]).toEqual(['POST', ['{"q":1}']])
  })

  it('may be another method', async () => {
    const { origin, requests } = await serve((_, response) => stream(response))
    await new EventLog(origin, { method: 'REPORT', body: 'x' }).count(1)
    await new EventLog(origin, { method: 'DELETE' }).count(1)
    expect(requests.map(({ method }) => method)).toEqual(['REPORT', 'DELETE'])
  })

  it('take the body from a function before each attempt, streams included', async () => {
    const bodies: string[] = []
    const { origin } = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        bodies.push(body)
        stream(response, 'retry: 1\ndata: a\n\n').end()
      })
    })
    await new EventLog(origin, {
      body: async ({ attempt }) => new Blob([`attempt ${attempt}`]).stream(),
      retry: { backoffMs: 0 },
    }).until(() => bodies.length > 1)
    expect(bodies.slice(0, 2)).toEqual(['attempt 1', 'attempt 2'])
  })

  it('of get in small letters is a GET like any other', async () => {
    const { fetch } = scriptedFetch(new Error('no network'))
    const log = await new EventLog('http://a.test/', { fetch, method: 'get' }).count(1)
    expect(log.errors[0]!.willRetry).toBe(true)
  })

  it('are not repeated unless asked: not after an end, not after a failure', async () => {
    const ended = openBody()
    ended.write('data: a\n\n')
    ended.end()
    for (const [answer, code] of [
      [ended.response, 'STREAM_COMPLETE'],
      [new Error('no network'), 'NETWORK_ERROR'],
    ] as const) {
      const { fetch, calls } = scriptedFetch(answer)
      const log = await new EventLog('http://a.test/', { fetch, method: 'POST' }).closed()
      expect(log.errors[0]).toMatchObject({ code, willRetry: false })
      expect(calls.length).toBe(1)
    }
  })

  it('that no request can have throw at once', () => {
    expect(() => new EventSource('http://a.test/', { method: 'GET', body: 'x' })).toThrow(TypeError)
    expect(() => new EventSource('http://a.test/', { method: 'a b' })).toThrow(TypeError)
    expect(() => new EventSource('http://a.test/', { method: 'CONNECT' })).toThrow(TypeError)
  })
})

describe('signal', () => {
  it('already aborted never connects: CLOSED at once, and no event', async () => {
    const { fetch, calls } = scriptedFetch(new Error('asked'))
    const log = new EventLog('http://a.test/', { fetch, signal: AbortSignal.abort() })
    expect(log.source.readyState).toBe(2)
    await settle()
    expect([calls.length, log.lines]).toEqual([0, []])
  })

  it('closes an open connection without an event', async () => {
    const controller = new AbortController()
    const body = openBody()
    const log = await new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      signal: controller.signal,
    }).count(1)
    controller.abort()
    expect([log.source.readyState, body.cancelled]).toEqual([2, true])
    await settle()
    expect(log.lines).toEqual(['open @1'])
  })

  it('is let go of when the connection is closed otherwise', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    const added = vi.spyOn(signal, 'addEventListener')
    const log = new EventLog('http://a.test/', { ...scriptedFetch(new Error('no network')), signal })
    expect(added).toHaveBeenCalledOnce()
    log.source.close()
    const left = removed.mock.calls.length === 1 || added.mock.calls[0]![2]
    // Either removed by hand or registered with a signal of its own that is aborted by now.
    expect(left === true || (left as AddEventListenerOptions).signal?.aborted).toBe(true)
  })
})

describe('lastEventId', () => {
  it('is where the first request resumes, and in force until the stream says otherwise', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'data: a\n\nid: 8\ndata: b\n\n')
    })
    const log = await new EventLog(origin, { lastEventId: '7' }).count(3)
    expect(requests[0]!.headers['last-event-id']).toBe('7')
    expect(log.lines).toEqual(['open @1', 'message a #7 @1', 'message b #8 @1'])
  })

  it('of null, which is what a storage gives that has none, is none', async () => {
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    await new EventLog('http://a.test/', { fetch, lastEventId: null }).count(1)
    expect(calls[0]!.init.headers.has('last-event-id')).toBe(false)
  })

  it('that no header can carry is kept, but not sent', async () => {
    for (const character of ['\x01', '\b', '\v', '\f', '\x0e', '\x1f', '\x7f']) {
      const { origin, requests } = await serve((_, response) => stream(response, 'data: a\n\n'))
      const log = await new EventLog(origin, { lastEventId: `a${character}` }).count(2)
      expect(requests[0]!.headers).not.toHaveProperty('last-event-id')
      expect(log.messages[0]!.lastEventId).toBe(`a${character}`)
    }
  })

  it('wins over a header of that name', async () => {
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    await new EventLog('http://a.test/', { fetch, lastEventId: '7', headers: { 'Last-Event-ID': '1' } }).count(1)
    expect(calls[0]!.init.headers.get('last-event-id')).toBe('7')
  })
})

describe('retry', () => {
  it('left out waits the same after every failure, however many, and gives up on any status', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    stopClock()
    const { fetch } = scriptedFetch(...Array(50).fill(new Error('no network')), new Response('', { status: 503 }))
    const log = new EventLog('http://a.test/', { fetch })
    for (let attempt = 0; attempt < 50; attempt++) await advance(3000)
    expect(new Set(log.errors.slice(0, 50).map(({ retryDelayMs }) => retryDelayMs))).toEqual(new Set([3000]))
    expect(log.errors[50]).toMatchObject({ status: 503, willRetry: false, retryDelayMs: 0 })
    expect(log.source.readyState).toBe(2)
  })

  it('tries the usual passing refusals again, and no other', async () => {
    for (const [status, willRetry] of [
      [408, true],
      [425, true],
      [429, true],
      [500, true],
      [502, true],
      [503, true],
      [504, true],
      [400, false],
      [401, false],
      [404, false],
      [501, false],
      [204, false],
    ] as const) {
      const { fetch } = scriptedFetch(new Response(status === 204 ? null : 'no', { status }))
      const log = await new EventLog('http://a.test/', { fetch, retry: {} }).count(1)
      expect([status, log.errors[0]!.willRetry, log.source.readyState]).toEqual([status, willRetry, willRetry ? 0 : 2])
      log.source.close()
    }
  })

  it('tries the statuses it names, and no other', async () => {
    for (const [status, willRetry] of [
      [404, true],
      [503, false],
    ] as const) {
      const { fetch } = scriptedFetch(new Response('', { status }))
      const log = await new EventLog('http://a.test/', { fetch, retry: { statuses: [404] } }).count(1)
      expect([status, log.errors[0]!.willRetry]).toEqual([status, willRetry])
      log.source.close()
    }
  })

  it('gives up on a wrong content type all the same', async () => {
    const { fetch } = scriptedFetch(new Response('<html>'))
    const log = await new EventLog('http://a.test/', { fetch, retry: {} }).closed()
    expect(log.errors[0]).toMatchObject({ status: 200, willRetry: false })
  })

  it('adds a random part that doubles with each retry in vain, up to its maximum', async () => {
    expect(await delays({ backoffMs: 1000, maxBackoffMs: 5000 }, 0.5, 6)).toEqual([3500, 4000, 5000, 5500, 5500, 5500])
    expect(await delays({}, 1, 8)).toEqual([4000, 5000, 7000, 11000, 19000, 33000, 33000, 33000])
  })

  it('waits the reconnection time at least: the jitter is full, from 0 up', async () => {
    expect(await delays({}, 0, 3)).toEqual([3000, 3000, 3000])
  })

  it('never overflows, however many retries', async () => {
    expect(new Set(await delays({ backoffMs: 0 }, 0.5, 1100))).toEqual(new Set([3000]))
    expect(await delays({ backoffMs: Number.MAX_VALUE, maxBackoffMs: Infinity }, 1, 2)).toEqual([
      2147483647, 2147483647,
    ])
  })

  it('starts over once a connection has delivered a byte', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    stopClock()
    const silent = openBody()
    const healthy = openBody()
    const refused = new Error('no network')
    const { fetch } = scriptedFetch(refused, refused, silent.response, healthy.response, refused)
    const log = new EventLog('http://a.test/', { fetch, retry: {} })
    await advance(4000)
    await advance(5000)
    silent.end()
    await advance(7000)
    healthy.write(':\n')
    await settle()
    healthy.end()
    await advance(4000)
    expect(log.errors.map(({ retryDelayMs }) => retryDelayMs)).toEqual([4000, 5000, 7000, 4000, 5000])
  })

  it('stops after so many retries in vain, and says so', async () => {
    stopClock()
    const { fetch, calls } = scriptedFetch(new Error('no network'))
    const log = new EventLog('http://a.test/', { fetch, retry: { maxRetries: 2, backoffMs: 0 } })
    for (let wait = 0; wait < 3; wait++) await advance(3000)
    expect(log.lines).toEqual(['error @0', 'error @0', 'error @2'])
    expect(log.errors.map(({ willRetry }) => willRetry)).toEqual([true, true, false])
    expect(calls.length).toBe(3)
  })

  it('of false is one response and no more', async () => {
    const body = openBody()
    body.write('data: a\n\n')
    body.end()
    const { fetch, calls } = scriptedFetch(body.response)
    const log = await new EventLog('http://a.test/', { fetch, retry: false }).closed()
    expect(log.lines).toEqual(['open @1', 'message a # @1', 'error @2'])
    expect([log.errors[0]!.code, calls.length]).toEqual(['STREAM_COMPLETE', 1])
  })

  it('repeats a POST when there is a policy', async () => {
    stopClock()
    const { fetch, calls } = scriptedFetch(new Error('no network'))
    const log = new EventLog('http://a.test/', { fetch, body: 'x', retry: { backoffMs: 0 } })
    await advance(3000)
    expect([log.errors[0]!.willRetry, calls.length]).toEqual([true, 2])
  })

  it('honours Retry-After, in seconds or as a date, where it is longer', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    stopClock()
    vi.setSystemTime(Date.UTC(2030, 0, 1))
    for (const [value, delay] of [
      ['120', 120_000],
      ['0', 3000],
      ['1', 3000],
      ['Tue, 01 Jan 2030 00:01:00 GMT', 60_000],
      ['Tue, 01 Jan 2019 00:00:00 GMT', 3000],
      ['soon', 3000],
      ['99999999999', 2147483647],
    ] as const) {
      const { fetch } = scriptedFetch(new Response('', { status: 503, headers: { 'retry-after': value } }))
      const log = new EventLog('http://a.test/', { fetch, retry: { backoffMs: 0 } })
      await settle()
      expect([value, log.errors[0]!.retryDelayMs]).toEqual([value, delay])
      log.source.close()
    }
  })

  /** The waits after the first failures of a connection that never succeeds. */
  async function delays(retry: EventSourceOptions['retry'], random: number, count: number): Promise<number[]> {
    const spy = vi.spyOn(Math, 'random').mockReturnValue(random)
    stopClock()
    const { fetch } = scriptedFetch(new Error('no network'))
    const log = new EventLog('http://a.test/', { fetch, retry })
    for (let wait = 0; wait < count; wait++) {
      await log.count(wait + 1)
      await settle()
      await vi.runOnlyPendingTimersAsync()
    }
    log.source.close()
    vi.useRealTimers()
    spy.mockRestore()
    return log.errors.slice(0, count).map(({ retryDelayMs }) => retryDelayMs)
  }
})

describe('idleTimeoutMs', () => {
  it('drops a connection without a byte for so long, and connects again with the last event ID', async () => {
    stopClock()
    const first = openBody()
    const { fetch, calls } = scriptedFetch(first.response, openBody().response)
    const log = new EventLog('http://a.test/', { fetch, idleTimeoutMs: 30_000 })
    first.write('id: 7\ndata: a\n\n')
    await advance(29_999)
    expect(log.lines).toEqual(['open @1', 'message a #7 @1'])
    await advance(1)
    expect(log.lines.slice(2)).toEqual(['error @0'])
    expect(log.errors[0]).toMatchObject({ code: 'IDLE_TIMEOUT', willRetry: true, retryDelayMs: 3000 })
    expect([calls[0]!.init.signal.aborted, first.cancelled]).toEqual([true, true])
    await advance(3000)
    expect(calls[1]!.init.headers.get('last-event-id')).toBe('7')
    expect(log.lines.slice(3)).toEqual(['open @1'])
  })

  it('counts every byte: heartbeats and unfinished lines keep the connection', async () => {
    stopClock()
    const body = openBody()
    const log = new EventLog('http://a.test/', { ...scriptedFetch(body.response), idleTimeoutMs: 1000 })
    for (const bytes of [':\n', ':', '\n', 'data: half', '\n']) {
      await advance(999)
      body.write(bytes)
      await settle()
    }
    expect(log.lines).toEqual(['open @1'])
    await advance(1000)
    expect(log.lines).toEqual(['open @1', 'error @0'])
  })

  it('covers the time until the response, too', async () => {
    stopClock()
    const log = new EventLog('http://a.test/', {
      fetch: (_, { signal }) =>
        new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason))),
      idleTimeoutMs: 1000,
    })
    await advance(1000)
    expect(log.lines).toEqual(['error @0'])
    expect(log.errors[0]!.code).toBe('IDLE_TIMEOUT')
  })

  it('leaves no timer behind', async () => {
    stopClock()
    const log = new EventLog('http://a.test/', { ...scriptedFetch(openBody().response), idleTimeoutMs: 1000 })
    await settle()
    log.source.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('of 0, or beyond what a timer can take, never drops', async () => {
    stopClock()
    for (const idleTimeoutMs of [0, Infinity]) {
      const log = new EventLog('http://a.test/', { ...scriptedFetch(openBody().response), idleTimeoutMs })
      await advance(3_600_000)
      expect(log.lines).toEqual(['open @1'])
    }
  })
})

describe('maxEventBytes', () => {
  it('closes the connection for good over an event that is larger, after those before it', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/', { ...scriptedFetch(body.response), maxEventBytes: 100 })
    body.write(`data: a\n\ndata: ${'x'.repeat(200)}\n\ndata: b\n\n`)
    await log.closed()
    expect(log.lines).toEqual(['open @1', 'message a # @1', 'error @2'])
    expect(log.errors[0]).toMatchObject({ code: 'EVENT_TOO_LARGE', willRetry: false })
    expect(log.errors[0]!.message).toContain('100')
    expect(body.cancelled).toBe(true)
  })
})

describe('onComment', () => {
  it('is called with each comment, and its errors do not reach the stream', async () => {
    const reported = catchUncaught()
    const body = openBody()
    const comments: string[] = []
    const log = new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      onComment: (comment) => {
        comments.push(comment)
        throw new Error('from onComment')
      },
    })
    body.write(': one\n:two\n:\ndata: a\n\n')
    await log.count(2)
    await settle()
    expect(comments).toEqual(['one', 'two', ''])
    expect(reported.map(({ message }) => message)).toEqual(Array(3).fill('from onComment'))
  })
})

describe('onComment, in one piece with events,', () => {
  it('is called after the events before the comment were dispatched, and before those after it', async () => {
    const body = openBody()
    const order: string[] = []
    const log = new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      onComment: (comment) => order.push(comment),
    })
    log.source.addEventListener('message', ({ data }) => order.push(data))
    body.write('data: 1\n\n: all so far\ndata: 2\n\n: all\n')
    await log.count(3)
    await settle()
    expect(order).toEqual(['1', 'all so far', '2', 'all'])
  })

  it('is called after a loop over events() has consumed those before', async () => {
    const body = openBody()
    const order: string[] = []
    const stream = events('http://a.test/', {
      ...scriptedFetch(body.response),
      onComment: (comment) => order.push(comment),
    })
    body.write('data: 1\n\n: all so far\ndata: 2\n\n')
    for await (const { data } of stream) {
      await settle()
      order.push(data)
      if (data === '2') break
    }
    expect(order).toEqual(['1', 'all so far', '2'])
  })
})

describe('onEvent', () => {
  it('is called for every type of event from the server, and for nothing else', async () => {
    const body = openBody()
    const seen: string[] = []
    const log = new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      onEvent({ type, data, lastEventId }) {
        seen.push(`${type} ${data} ${lastEventId}`)
      },
    })
    body.write('data: 1\n\nevent: tick\nid: 7\ndata: 2\n\nevent: error\ndata: 3\n\nevent: *\ndata: 4\n\n')
    await log.count(3)
    await settle()
    body.end()
    await log.count(4)
    expect(seen).toEqual(['message 1 ', 'tick 2 7', 'error 3 7', '* 4 7'])
  })

  it('runs after the listeners of the type and before the next event, and its errors reach the host', async () => {
    const reported = catchUncaught()
    const body = openBody()
    const order: unknown[] = []
    const log = new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      onEvent({ data }) {
        order.push(`onEvent ${data}`)
        throw new Error('from onEvent')
      },
    })
    log.source.addEventListener('message', () => order.push('listener'))
    body.write('data: 1\n\ndata: 2\n\n')
    await log.count(3)
    await settle()
    expect(order).toEqual(['listener', 'onEvent 1', 'listener', 'onEvent 2'])
    expect(reported.map(({ message }) => message)).toEqual(['from onEvent', 'from onEvent'])
  })
})

describe('an option that cannot be', () => {
  it('throws INVALID_OPTION at once, with its name, its value and what it should be', () => {
    for (const [options, words] of [
      [{ idleTimeoutMs: -1 }, ['idleTimeoutMs', '-1', 'number from 0 up']],
      [{ idleTimeoutMs: Number.NaN }, ['idleTimeoutMs', 'NaN']],
      [{ idleTimeoutMs: '30' }, ['idleTimeoutMs', '30']],
      [{ maxEventBytes: -5 }, ['maxEventBytes', '-5']],
      [{ fetch: 'x' }, ['fetch', 'x', 'function']],
      [{ onComment: {} }, ['onComment', 'function']],
      [{ reconnectOn: ['online'] }, ['reconnectOn', 'online', 'function']],
      [{ onEvent: 1 }, ['onEvent', '1', 'function']],
      [{ url: 'http://a.test/' }, ['url', 'function']],
      [{ onOpen: true }, ['onOpen', 'function']],
      [{ retry: { decide: true } }, ['decide', 'function']],
      [{ retry: { reconnectionTimeMs: -1 } }, ['reconnectionTimeMs', '-1']],
      [{ retry: { maxReconnectionTimeMs: Number.NaN } }, ['maxReconnectionTimeMs', 'NaN']],
      [{ retry: 3 }, ['retry', '3', 'object or false']],
      [{ retry: true }, ['retry', 'true', 'object or false']],
      [{ retry: { maxRetries: -1 } }, ['maxRetries', '-1']],
      [{ retry: { backoffMs: 'x' } }, ['backoffMs', 'x']],
      [{ retry: { maxBackoffMs: null } }, ['maxBackoffMs', 'null']],
    ] as [EventSourceOptions, string[]][]) {
      const create = () => new EventSource('http://a.test/', options)
      expect(create).toThrow(SseError)
      expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
      for (const word of words) expect(create).toThrow(word)
    }
  })

  it('is refused by events() with the one that was meant', () => {
    for (const [options, words] of [
      [{ onopen() {} }, 'Did you mean onOpen?'],
      [{ onEvent() {} }, 'no "onEvent"'],
      [{ onError() {} }, 'Did you mean onState?'],
      [{ heartbeatTimeout: 1 }, 'Did you mean idleTimeoutMs?'],
      [{ retry: { retries: 3 } }, 'Did you mean maxRetries?'],
      [{ retry: { backoff: 3 } }, 'Did you mean backoffMs?'],
    ] as [object, string][]) {
      const call = () => events('http://a.test/', options)
      expect(call).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(words) }))
    }
  })

  // [Web IDL] A dictionary ignores other members, and code for other EventSources passes them.
  it('is ignored by EventSource, but not in retry, which is ours', () => {
    const { fetch } = scriptedFetch()
    new EventSource('http://a.test/', { fetch, heartbeatTimeout: 1 } as never).close()
    const create = () => new EventSource('http://a.test/', { retry: { retries: 3 } } as never)
    expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(create).toThrow('retries is 3')
  })

  it('throws a TypeError at once where it is the platform that says so', () => {
    for (const options of [
      { lastEventId: 'a\nb' },
      { lastEventId: 'a\0b' },
      { signal: {} },
      { retry: { statuses: 503 } },
    ])
      expect(() => new EventSource('http://a.test/', options as never)).toThrow(TypeError)
  })
})
