import { afterEach, describe, expect, it, vi } from 'vitest'
import { EventSource, events } from '../../src/client/index.ts'
import { createResponse } from '../../src/server/index.ts'
import { advanceUntil, cut, installFakeClock, scriptedFetch, wait } from '../../src/testing/index.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('a fake clock', () => {
  it('reconnects the client at the time that the standard says', async () => {
    using clock = installFakeClock()
    const fetch = scriptedFetch([['retry: 7000\n', { data: 'a', id: '1' }, cut()], [{ data: 'b' }]])
    const source = new EventSource('http://a.test/', { fetch })
    await fetch.request(1)
    await clock.advance(6999)
    expect([fetch.requests.length, clock.timerCount]).toEqual([1, 1])
    await clock.advance(1)
    expect([fetch.requests[1]?.lastEventId, clock.timerCount]).toEqual(['1', 0])
    source.close()
  })

  it('ends a silent connection, and counts the bytes that came', async () => {
    using clock = installFakeClock()
    const fetch = scriptedFetch([[wait(20_000), ': here\n', wait(60_000)], []])
    const codes: string[] = []
    const source = new EventSource('http://a.test/', { fetch, idleTimeoutMs: 30_000 })
    source.onerror = ({ code }) => codes.push(code)
    await clock.advance(49_999)
    expect(codes).toEqual([])
    await clock.advance(1)
    expect(codes).toEqual(['IDLE_TIMEOUT'])
    source.close()
  })

  it('advances as far as what the test waits for', async () => {
    using clock = installFakeClock({ now: 1000 })
    const fetch = scriptedFetch([[cut()], { status: 503, headers: { 'retry-after': '3600' } }, [{ data: 'at last' }]])
    const stream = events('http://a.test/', { fetch, retry: { backoffMs: 0 } })
    expect((await clock.until(stream.next())).value?.data).toBe('at last')
    expect(clock.now).toBe(1000 + 3000 + 3_600_000)
    expect(Date.now()).toBe(clock.now)
    stream.close()
  })

  it('rejects with what it waits for', async () => {
    using clock = installFakeClock()
    await expect(clock.until(Promise.reject(new Error('no')))).rejects.toThrow('no')
  })

  it('says so when that does not come', async () => {
    using clock = installFakeClock()
    const never = new Promise<never>(() => {})
    await expect(clock.until(never, 1)).rejects.toThrow('advanceUntil() waited for 1 ms. No timer is pending.')
  })

  it('sends the heartbeats of a session', async () => {
    using clock = installFakeClock()
    const response = createResponse(new Request('http://a.test/'), { heartbeatMs: 10_000 }, (session) =>
      session.closed.then(() => {}),
    )
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const reading = (async () => {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value
    })()
    await clock.advance(0)
    const before = text.length
    await clock.advance(100_000)
    // A heartbeat comes a little sooner or later, with those of other sessions.
    const count = text.slice(before).match(/:/g)?.length
    expect([9, 10]).toContain(count)
    await reader.cancel()
    await reading
  })

  it('runs timers in the order of their times, and intervals again', async () => {
    using clock = installFakeClock()
    const order: string[] = []
    setTimeout(() => order.push('20'), 20)
    setTimeout((name: string) => order.push(name), 10, '10')
    const interval = setInterval(() => order.push('every 8'), 8)
    const gone = setTimeout(() => order.push('cleared'), 5)
    clearTimeout(gone)
    await clock.advance(20)
    expect(order).toEqual(['every 8', '10', 'every 8', '20'])
    clearInterval(interval)
    expect(clock.timerCount).toBe(0)
    expect(new Date()).toEqual(new Date(clock.now))
    expect(+new Date(5)).toBe(5)
  })

  it('gives the runtime its clock back, once', async () => {
    const before = [setTimeout, setInterval, clearTimeout, clearInterval, Date]
    const pending = setTimeout(() => {}, 1_000_000)
    const clock = installFakeClock()
    clearTimeout(pending)
    const start = performance.now()
    await clock.advance(5)
    expect(performance.now() - start).toBe(5)
    clock.uninstall()
    clock.uninstall()
    expect([setTimeout, setInterval, clearTimeout, clearInterval, Date]).toEqual(before)
    expect(Object.hasOwn(performance, 'now')).toBe(false)
  })

  it('is refused where another is installed, and with options that mean nothing', () => {
    using _clock = installFakeClock()
    expect(() => installFakeClock()).toThrow('Fake timers are installed already.')
    expect(() => installFakeClock({ time: 1 } as never)).toThrow('There is no "time"')
    expect(() => installFakeClock({ now: -1 })).toThrow('now is -1')
  })
})

describe('advanceUntil', () => {
  it('takes the fake timers of Vitest, with their defaults', async () => {
    vi.useFakeTimers()
    const fetch = scriptedFetch([[{ data: 'a', id: '1' }, cut()], [{ data: 'b' }]])
    const source = new EventSource('http://a.test/', { fetch })
    expect((await advanceUntil(fetch.request(2), vi)).lastEventId).toBe('1')
    source.close()
    expect(() => installFakeClock()).toThrow('pass them (vi, jest) to advanceUntil()')
  })

  it('refuses anything that is no fake timers', async () => {
    await expect(advanceUntil(Promise.resolve(), {} as never)).rejects.toThrow('advanceUntil() needs the fake timers')
  })
})
