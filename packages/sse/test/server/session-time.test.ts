import { describe, expect, test, vi } from 'vitest'
import { encodeComment } from '../../src/protocol/encode.ts'
import { opener, turns, useFakeClock } from './opener.ts'
import { transports } from './transports.ts'

describe.each(transports)('time over $name', ({ serve }) => {
  const { open } = opener(serve)
  const comments = (stream: string) => stream.match(/^:/gm)?.length ?? 0

  test('brings a heartbeat after 10 idle seconds, and after each 10 more', async () => {
    useFakeClock()
    const { response, session } = await open({ retryMs: null })
    const comment = encodeComment()
    for (let count = 1; count < 5; count++) {
      // No more than these have come when the next is due.
      expect(await response.until(comment.repeat(count))).toBe(comment.repeat(count))
      await vi.advanceTimersByTimeAsync(9900)
      expect(session.unsentBytes).toBe(0)
      await vi.advanceTimersByTimeAsync(count === 1 ? 200 : 100)
    }
    session.close()
    expect(comments(await response.text())).toBe(5)
  })

  test('brings no heartbeat while events flow', async () => {
    useFakeClock()
    const { response, session } = await open({ heartbeatMs: 1000 })
    for (let i = 0; i < 20; i++) {
      await session.send({ data: i })
      await vi.advanceTimersByTimeAsync(900)
    }
    session.close()
    expect(comments(await response.text())).toBe(1)
  })

  test('brings no heartbeat while bytes are waiting', async () => {
    useFakeClock()
    const { session } = await open({ heartbeatMs: 1000, maxUnsentBytes: Number.POSITIVE_INFINITY })
    session.send({ data: 'x'.repeat(32 * 1024 * 1024) })
    await turns(100)
    const unsent = session.unsentBytes
    await vi.advanceTimersByTimeAsync(10_000)
    await turns(100)
    expect(session.unsentBytes).toBeLessThanOrEqual(unsent)
    expect(session.isOpen).toBe(true)
  })

  test('never brings a heartbeat when heartbeatMs is Infinity', async () => {
    useFakeClock()
    const { response, session } = await open({ heartbeatMs: Number.POSITIVE_INFINITY })
    await vi.advanceTimersByTimeAsync(3_600_000)
    session.close()
    expect(comments(await response.text())).toBe(1)
  })

  test('ends the session before maxDurationMs, at most a tenth before', async () => {
    useFakeClock()
    const { response, session } = await open({ maxDurationMs: 20_000 })
    await vi.advanceTimersByTimeAsync(17_900)
    expect(session.isOpen).toBe(true)
    await vi.advanceTimersByTimeAsync(2_100)
    expect(session.isOpen).toBe(false)
    // A client that comes back resumes: nothing final was said.
    expect(await response.broken()).not.toContain('headwater-close')
    expect(await session.closed).toBe('max-duration')
  })

  test('tells the client at the end of maxDurationMs to come back after retryMs, and up to as much again', async () => {
    useFakeClock()
    const times = new Set<number>()
    for (let n = 0; n < 20; n++) {
      const { response } = await open({ maxDurationMs: 20_000, retryMs: 1000 })
      await vi.advanceTimersByTimeAsync(20_000)
      const [, retry] = /retry: (\d+)\n$/.exec(await response.broken())!
      expect(Number(retry)).toBeGreaterThanOrEqual(1000)
      expect(Number(retry)).toBeLessThanOrEqual(2000)
      times.add(Number(retry))
    }
    expect(times.size).toBeGreaterThan(10)
    const { response } = await open({ maxDurationMs: 20_000, retryMs: null })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await response.broken()).not.toContain('retry')
  })

  test('asks every heartbeat whether the client may still listen, also while events flow', async () => {
    useFakeClock()
    const authorize = vi.fn(() => true)
    const { session } = await open({ authorize, heartbeatMs: 1000 })
    expect(authorize).not.toHaveBeenCalled()
    for (let i = 0; i < 50; i++) {
      session.send({ data: i })
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(authorize.mock.calls.length).toBeGreaterThanOrEqual(4)
    expect(session.isOpen).toBe(true)
  })

  test.each([
    ['false', () => false],
    ['a promise of false', async () => false],
  ])('ends the session when authorize says %s, and lets the client ask again', async (_, authorize) => {
    useFakeClock()
    const { response, session } = await open({ authorize })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(session.isOpen).toBe(false)
    expect(await response.broken()).not.toContain('headwater-close')
    expect(await session.closed).toBe('unauthorized')
  })

  test('ends the session when authorize fails, and reports why', async () => {
    useFakeClock()
    const onError = vi.fn()
    const failure = new Error('no database')
    const { session } = await open({ authorize: () => Promise.reject(failure), onError })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await session.closed).toBe('unauthorized')
    expect(onError).toHaveBeenCalledExactlyOnceWith(failure)
  })

  test('ends the session when authorize does not answer within stallTimeoutMs, without asking twice at a time', async () => {
    useFakeClock()
    const authorize = vi.fn(() => new Promise<boolean>(() => {}))
    const { session } = await open({ authorize, heartbeatMs: 1000, stallTimeoutMs: 3000 })
    await vi.advanceTimersByTimeAsync(3900)
    expect(session.isOpen).toBe(true)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await session.closed).toBe('unauthorized')
    expect(authorize).toHaveBeenCalledOnce()
  })

  test('keeps from a client that lost its right what was waiting for it', async () => {
    useFakeClock()
    const { response, session } = await open({ authorize: () => false, maxUnsentBytes: Number.POSITIVE_INFINITY })
    const sent = session.send({ data: `${'x'.repeat(32 * 1024 * 1024)}secret` })
    await turns(50)
    await vi.advanceTimersByTimeAsync(10_000)
    await expect(sent).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
    expect(await response.broken()).not.toContain('secret')
  })
})
