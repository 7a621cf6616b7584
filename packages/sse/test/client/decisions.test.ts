import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ConnectionFailure, events, type RetryPolicy } from '../../src/client/index.ts'
import { EventLog } from './event-log.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'
import { serve, stream } from './stream-server.ts'
import { catchUncaught } from './uncaught.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** The waits after these answers, one after the other. */
async function delays(retry: RetryPolicy, ...answers: (Response | Error)[]): Promise<number[]> {
  stopClock()
  const { fetch } = scriptedFetch(...answers)
  const log = new EventLog('http://a.test/', { fetch, retry: { backoffMs: 0, ...retry } })
  for (let attempt = 0; attempt < answers.length; attempt++) await advance(log.errors.at(-1)?.retryDelayMs ?? 0)
  log.source.close()
  return log.errors.slice(0, answers.length).map(({ retryDelayMs }) => retryDelayMs)
}

function ended(text: string): Response {
  const body = openBody()
  body.write(text)
  body.end()
  return body.response
}

describe('reconnectionTimeMs', () => {
  it('is the wait until the server sends another', async () => {
    const refused = new Error('no network')
    expect(await delays({ reconnectionTimeMs: 20 }, refused, ended('retry: 50\n'), refused)).toEqual([20, 50, 50])
  })
})

describe('maxReconnectionTimeMs', () => {
  it('bounds what the server asks for, by retry or by Retry-After', async () => {
    const busy = new Response('', { status: 503, headers: { 'retry-after': '86400' } })
    expect(await delays({ maxReconnectionTimeMs: 60_000 }, ended('retry: 2147483647\n'), busy)).toEqual([
      60_000, 60_000,
    ])
  })
})

describe('decide', () => {
  it('is asked after each failure, with what the policy says, and its answer counts', async () => {
    stopClock()
    const asked: ConnectionFailure[] = []
    const { fetch, calls } = scriptedFetch(
      new Response('<html>'),
      new Response(null, { status: 204 }),
      new Response('', { status: 503 }),
    )
    const log = new EventLog('http://a.test/', {
      fetch,
      retry: {
        backoffMs: 0,
        decide(failure) {
          asked.push(failure)
          return failure.status !== 503
        },
      },
    })
    for (let attempt = 0; attempt < 3; attempt++) await advance(3000)
    expect(asked).toMatchObject([
      { code: 'UNEXPECTED_RESPONSE', status: 200, body: '<html>', willRetry: false, retryDelayMs: 3000 },
      { code: 'STREAM_COMPLETE', status: 204, willRetry: false },
      { status: 503, willRetry: true, retryDelayMs: 3000 },
    ])
    expect(log.lines).toEqual(['error @0', 'error @0', 'error @2'])
    expect(log.errors.map(({ willRetry, retryDelayMs }) => [willRetry, retryDelayMs])).toEqual([
      [true, 3000],
      [true, 3000],
      [false, 0],
    ])
    expect(calls.length).toBe(3)
  })

  it('may go on after a stream that was complete, and the next one is read to its own end', async () => {
    const next = openBody()
    const complete = openBody()
    const options = {
      ...scriptedFetch(complete.response, next.response),
      retry: { reconnectionTimeMs: 0, decide: () => true },
    }
    complete.write('data: 1\n\nevent: headwater-close\ndata: {}\nid: headwater-end.0.\n\n')
    const received: string[] = []
    for await (const { type, data } of events('http://a.test/', options)) {
      if (type !== 'message') continue
      received.push(data)
      if (received.length < 3) next.write(`data: ${received.length + 1}\n\n`)
      else break
    }
    expect(received).toEqual(['1', '2', '3'])
  })

  it('leaves it to the policy by undefined', async () => {
    for (const [status, willRetry] of [
      [503, true],
      [404, false],
    ] as const) {
      const retry = { decide: () => undefined }
      const log = await new EventLog('http://a.test/', { ...scriptedFetch(new Response('', { status })), retry }).count(
        1,
      )
      expect(log.errors[0]).toMatchObject({ status, willRetry })
    }
  })

  it('gives up if it throws, with its error as the cause', async () => {
    const enough = new Error('enough')
    const options = {
      ...scriptedFetch(new Error('no network')),
      retry: {
        decide() {
          throw enough
        },
      },
    }
    const log = await new EventLog('http://a.test/', options).closed()
    expect(log.errors[0]).toMatchObject({ code: 'NETWORK_ERROR', cause: enough, willRetry: false })
    await expect(events('http://a.test/', options).next()).rejects.toMatchObject({ cause: enough })
  })
})

describe('url', () => {
  it('is called before each attempt, and its answer is asked for; the property keeps the given URL', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'retry: 1\nid: 7\ndata: a\n\n').end()
    })
    const log = new EventLog(`${origin}/given`, {
      url: async ({ attempt, lastEventId }) => `asked?token=${attempt}&after=${lastEventId}`,
    })
    await log.until(() => requests.length > 1)
    expect(requests.slice(0, 2).map(({ url }) => url)).toEqual(['/asked?token=1&after=', '/asked?token=2&after=7'])
    expect(log.source.url).toBe(`${origin}/given`)
    expect(log.messages[0]!.origin).toBe(origin)
  })

  it('is tried again if it throws, and fails for good if it returns what no attempt can ask for', async () => {
    for (const [url, code, willRetry] of [
      [() => Promise.reject(new Error('no token')), 'NETWORK_ERROR', true],
      [() => 'http://', 'INVALID_REQUEST', false],
      [() => 'http://user:secret@a.test/', 'INVALID_REQUEST', false],
      [() => new URL('mailto:a@b.test'), 'NETWORK_ERROR', false],
    ] as const) {
      const log = await new EventLog('http://a.test/', { url }).count(1)
      expect(log.errors[0]).toMatchObject({ code, willRetry })
      log.source.close()
    }
  })
})

describe('onOpen', () => {
  it('gets the response before the open event, and its errors do not reach the stream', async () => {
    const reported = catchUncaught()
    const order: unknown[] = []
    const body = openBody({ headers: { 'content-type': 'text/event-stream', 'x-a': '1' } })
    const log = new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      onOpen({ status, headers }) {
        order.push([status, headers.get('x-a')])
        throw new Error('from onOpen')
      },
    })
    log.source.onopen = () => order.push('open')
    body.write('data: a\n\n')
    await log.count(2)
    await settle()
    expect(order).toEqual([[200, '1'], 'open'])
    expect(reported.map(({ message }) => message)).toEqual(['from onOpen'])
  })
})
