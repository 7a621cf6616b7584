import { describe, expect, test, vi } from 'vitest'
import { opener, turns } from './opener.ts'
import { type TestResponse, transports } from './transports.ts'

const asEventSource = { headers: { accept: 'text/event-stream' } }

describe.each(transports)('a session over $name ends: it', ({ name, serve }) => {
  const { open, listen } = opener(serve)

  test('sees the client leave, and says so to hooks added before and after', async () => {
    const { response, session } = await open()
    const early = vi.fn()
    session.signal.addEventListener('abort', early)
    expect(session.isOpen).toBe(true)
    response.leave()
    expect(await session.closed).toBe('client-left')
    expect(session.isOpen).toBe(false)
    expect(early).toHaveBeenCalledOnce()
    expect(session.signal.reason).toMatchObject({ code: 'SESSION_CLOSED' })
    expect(await session.closed).toBe('client-left')
  })

  test('has an aborted signal when that is first asked for after the end', async () => {
    const { response, session } = await open()
    response.leave()
    await session.closed
    expect(session.signal.aborted).toBe(true)
  })

  test('closes for good: after everything sent before, and the reconnect is answered 204', async () => {
    const { server, opened } = await listen({ headers: { 'Access-Control-Allow-Origin': '*' } })
    const response = await server.request(asEventSource)
    const session = await opened()
    for (let i = 0; i < 100; i++) session.send({ data: i, id: `${i}` })
    const closed = session.close()
    expect(session.isOpen).toBe(false)
    expect(session.signal.aborted).toBe(true)
    const [, id] = /id: 99\n\nevent: headwater-close\ndata: \{\}\nid: (\S+)\n\n$/.exec(await response.text())!
    expect(await closed).toBe('closed')

    const reconnect = await server.request({ headers: { accept: 'text/event-stream', 'last-event-id': id! } })
    expect(reconnect.status).toBe(204)
    expect(reconnect.headers['access-control-allow-origin']).toBe('*')
    expect(reconnect.headers).not.toHaveProperty('content-type')
    expect(await reconnect.text()).toBe('')
    if (name !== 'a Fetch response') {
      const second = await opened()
      expect(second.isOpen).toBe(false)
      expect(await second.closed).toBe('already-closed')
    }
  })

  test('closes with the cursor in the ID, which counts later, and in the query at once', async () => {
    const { server, opened } = await listen()
    const closeAndReadId = async (response: TestResponse) => {
      ;(await opened()).close()
      return /id: (headwater-end\S+)\n\n$/.exec(await response.text())![1]!
    }
    const headers = { accept: 'text/event-stream', 'last-event-id': '7' }
    const id = await closeAndReadId(await server.request({ headers }))
    const beforeAMinute = id.replace(/\.\w+/, `.${(Date.now() - 61_000).toString(36)}`)
    await server.request({ headers: { ...headers, 'last-event-id': beforeAMinute } })
    expect((await opened()).lastEventId).toBe('7')
    const again = await server.request({ headers: { accept: 'text/event-stream' }, path: `/?lastEventId=${id}` })
    // An ID that the application saved is no nested one either.
    expect(await closeAndReadId(again)).toMatch(/^headwater-end\.\w+\.7$/)
  })

  test.each(['a%0Ab', 'a%00b'])('closes without a cursor that no header could bring back: %s', async (cursor) => {
    const { server, opened } = await listen()
    const response = await server.request({ ...asEventSource, path: `/?lastEventId=${cursor}` })
    expect(await (await opened()).close()).toBe('closed')
    expect(await response.text()).toMatch(/\nid: headwater-end\.\w+\.\n\n$/)
  })

  test.each([
    ['a POST', { ...asEventSource, method: 'POST' }],
    ['a client that accepts anything', { headers: { accept: '*/*' } }],
    ['a client that does not say what it accepts', {}],
  ])('just ends for %s', async (_, request) => {
    const { response, session } = await open({ retryMs: null }, request)
    session.send({ data: 'last', id: '1' })
    session.close()
    expect(await response.text()).toBe(':\ndata: last\nid: 1\n\n')
  })

  test('drains: the client is told to come back at its own random time, and may', async () => {
    const { server, opened } = await listen({ retryMs: 1000, drainSpreadMs: 4000 })
    const times = new Set<number>()
    for (let i = 0; i < 20; i++) {
      const response = await server.request()
      const session = await opened()
      session.send({ data: 'last', id: '7' })
      const drained = session.drain()
      const text = await response.broken()
      expect(text).not.toContain('headwater-close')
      const [, retry] = /data: last\nid: 7\n\nretry: (\d+)\nid: 7\n\n$/.exec(text) ?? []
      expect(await drained).toBe('drained')
      times.add(Number(retry))
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1000)
    expect(Math.max(...times)).toBeLessThanOrEqual(5000)
    expect(times.size).toBeGreaterThan(10)
  })

  test.each([
    [{ among: 1 }, 1000, 1002],
    [{ among: 10 }, 1000, 1020],
    [{ among: 1_000_000 }, 1000, 5000],
  ])('drains one of few over a shorter time: %o', async (options, least, most) => {
    const { server, opened } = await listen({ retryMs: 1000, drainSpreadMs: 4000 })
    for (let i = 0; i < 10; i++) {
      const response = await server.request()
      const session = await opened()
      session.drain(options)
      const [, retry] = /retry: (\d+)\n$/.exec((await response.broken()).replace(/^retry: 1000\n/, '')) ?? []
      expect(Number(retry)).toBeGreaterThanOrEqual(least)
      expect(Number(retry)).toBeLessThanOrEqual(most)
    }
  })

  test.each([
    [{ among: -1 }, /among is -1/],
    [{ among: 1.5 }, /among is 1.5/],
    [{ amongst: 3 } as object, /amongst/],
  ])('refuses to drain with %o', async (options, message) => {
    const { session } = await open({}, asEventSource)
    expect(() => session.drain(options)).toThrow(message)
    expect(session.isOpen).toBe(true)
  })

  test('drains an EventSource with its cursor in a block with data, which browsers ask for', async () => {
    const { response, session } = await open({}, asEventSource)
    session.send({ data: 'a', id: '1' })
    session.send({ data: 'b' })
    session.drain()
    expect(await response.broken()).toMatch(/event: headwater-position\nretry: \d+\ndata: \{\}\nid: 1\n\n$/)
  })

  test('drains a client without an ID with a line that belongs to no block', async () => {
    const { response, session } = await open({}, asEventSource)
    session.send({ data: 'a' })
    session.drain()
    expect(await response.broken()).toMatch(/data: a\n\nretry: \d+\n$/)
  })

  test('drains like a complete stream when told to', async () => {
    const { response, session } = await open({ whenInterrupted: 'end' })
    session.drain()
    expect(await response.text()).toMatch(/retry: \d+\n$/)
  })

  test('drains with every other of one signal, without a warning, and lets the server close', async () => {
    const warnings = vi.fn()
    process.on('warning', warnings)
    const shutdown = new AbortController()
    const { server, opened } = await listen({ drainSignal: shutdown.signal })
    const pairs = []
    for (let i = 0; i < 30; i++) pairs.push({ response: await server.request(), session: await opened() })
    shutdown.abort()
    const closed = name === 'a Fetch response' ? undefined : server.close()
    for (const { response, session } of pairs) {
      const [, retry] = /retry: (\d+)\n$/.exec(await response.broken()) ?? []
      // 2 s, and 2 ms for each.
      expect(Number(retry)).toBeLessThanOrEqual(2060)
      expect(await session.closed).toBe('drained')
    }
    // No timeout of a kept-alive connection is waited for: the test would take longer than it may.
    await closed
    await turns(2)
    process.off('warning', warnings)
    expect(warnings).not.toHaveBeenCalled()
  })

  test('drains at once when its signal is aborted already', async () => {
    const { server, opened } = await listen({ drainSignal: AbortSignal.abort() })
    const response = await server.request()
    expect(await response.broken()).toMatch(/retry: \d+\n$/)
    if (name !== 'a Fetch response') expect(await (await opened()).closed).toBe('drained')
  })

  test('keeps the first reason, whatever follows', async () => {
    const { response, session } = await open()
    session.send({ data: 'x'.repeat(32 * 1024 * 1024) })
    session.drain()
    session.close()
    await turns(5)
    response.leave()
    expect(await session.closed).toBe('drained')
  })

  test('resolves closed only when the last bytes have left', async () => {
    const { response, session } = await open()
    session.send({ data: 'x'.repeat(32 * 1024 * 1024) })
    const closed = vi.fn()
    session.close().then(closed)
    await turns(50)
    expect(closed).not.toHaveBeenCalled()
    await response.text()
    await session.closed
  })
})
