import { describe, expect, test, vi } from 'vitest'
import { opener, turns } from './opener.ts'
import { transports } from './transports.ts'

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
    const response = await server.request()
    const session = await opened()
    for (let i = 0; i < 100; i++) session.send({ data: i })
    const closed = session.close()
    expect(session.isOpen).toBe(false)
    expect(session.signal.aborted).toBe(true)
    expect(await response.text()).toMatch(/data: 99\n\nevent: headwater-close\ndata:\nid: headwater-closed\n\n$/)
    expect(await closed).toBe('closed')

    const reconnect = await server.request({ headers: { 'last-event-id': 'headwater-closed' } })
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

  test('drains: the client is told to come back at its own random time, and may', async () => {
    const { server, opened } = await listen({ retryMs: 1000, drainSpreadMs: 4000 })
    const times = new Set<number>()
    for (let i = 0; i < 20; i++) {
      const response = await server.request()
      const session = await opened()
      session.send({ data: 'last' })
      const drained = session.drain()
      const text = await response.text()
      expect(text).not.toContain('headwater-close')
      const [, retry] = /data: last\n\nretry: (\d+)\n\n$/.exec(text) ?? []
      expect(await drained).toBe('drained')
      times.add(Number(retry))
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1000)
    expect(Math.max(...times)).toBeLessThanOrEqual(5000)
    expect(times.size).toBeGreaterThan(10)
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
      expect(await response.text()).toMatch(/retry: \d+\n\n$/)
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
    expect(await response.text()).toMatch(/retry: \d+\n\n$/)
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
