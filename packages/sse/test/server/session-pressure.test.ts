import { describe, expect, test, vi } from 'vitest'
import { dataOf, opener, settledUnsent, turns, useFakeClock } from './opener.ts'
import { transports } from './transports.ts'

const MiB = 1024 * 1024

describe.each(transports)('pressure over $name', ({ serve }) => {
  const { open } = opener(serve)

  test('is no disconnect: a client that reads late gets everything', async () => {
    const { response, session } = await open({ maxUnsentBytes: 64 * MiB })
    for (let i = 0; i < 2000; i++) session.send({ data: `${i} ${'x'.repeat(10_000)}` })
    await turns(5)
    expect(session.isOpen).toBe(true)
    session.close()
    const numbers = dataOf(await response.text()).map((data) => Number.parseInt(data, 10))
    expect(numbers).toEqual(Array.from({ length: 2000 }, (_, i) => i))
  })

  test('holds a producer that awaits back to what the client reads', async () => {
    const { response, session } = await open()
    const total = 10_000
    let sent = 0
    let mostUnsent = 0
    const produce = async () => {
      for (; sent < total; sent++) {
        const delivered = session.send({ data: 'x'.repeat(4000) })
        mostUnsent = Math.max(mostUnsent, session.unsentBytes)
        await delivered
      }
      await session.close()
    }
    const produced = produce()
    await turns(300)
    expect(sent).toBeLessThan(total)
    expect(dataOf(await response.text())).toHaveLength(total)
    await produced
    expect(mostUnsent).toBeLessThan(10_000)
  })

  test('lets one event of any size through', async () => {
    const { response, session } = await open({ maxUnsentBytes: 1024 })
    const sent = session.send({ data: 'x'.repeat(2 * MiB) })
    await response.until('x\n\n')
    await sent
    expect(session.isOpen).toBe(true)
  })

  test('by default disconnects a client that never reads, with 6,000 events of 10 kB to come, within 1 MiB', async () => {
    useFakeClock()
    const { session } = await open()
    let mostUnsent = 0
    for (let i = 0; i < 6000; i++) {
      session.send({ data: 'x'.repeat(10_000) })
      mostUnsent = Math.max(mostUnsent, session.unsentBytes)
      if (i % 20 === 0) await turns(1)
    }
    expect(mostUnsent).toBeLessThanOrEqual(MiB + 10_100)
    expect(session.isOpen).toBe(false)
    expect(session.signal.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await session.closed).toBe('too-slow')
    expect(session.unsentBytes).toBeLessThanOrEqual(MiB + 10_100)
  })

  test('that disconnects a client first gives it what was accepted, and rejects the rest', async () => {
    const { response, session } = await open({ maxUnsentBytes: 100_000 })
    // More than the system's buffers of a connection take: what is in there has left.
    const sent = Array.from({ length: 2000 }, (_, i) => session.send({ data: `${i} ${'x'.repeat(10_000)}` }))
    expect(session.isOpen).toBe(false)
    const received = dataOf(await response.broken()).map((data) => Number.parseInt(data, 10))
    const outcomes = await Promise.allSettled(sent)
    expect(await session.closed).toBe('too-slow')
    expect(received.length).toBeGreaterThanOrEqual(10)
    expect(outcomes.map(({ status }) => status)).toEqual(
      Array.from({ length: 2000 }, (_, i) => (i < received.length ? 'fulfilled' : 'rejected')),
    )
    expect(received).toEqual(received.map((_, i) => i))
  })

  test('drops the oldest events where that was chosen, and keeps the newest', async () => {
    const { response, session } = await open({ maxUnsentBytes: 100_000, whenFull: 'drop' })
    let mostUnsent = 0
    for (let i = 0; i < 6000; i++) {
      session.send({ data: `${i} ${'x'.repeat(10_000)}` })
      mostUnsent = Math.max(mostUnsent, session.unsentBytes)
      if (i % 20 === 0) await turns(1)
    }
    expect(session.isOpen).toBe(true)
    // What the connection holds below is no longer ours to drop.
    expect(mostUnsent).toBeLessThan(100_000 + 150_000)
    expect(session.droppedEvents).toBeGreaterThan(0)
    session.close()
    const received = dataOf(await response.text()).map((data) => Number.parseInt(data, 10))
    expect(received).toHaveLength(6000 - session.droppedEvents)
    expect(received.at(-1)).toBe(5999)
    expect(received).toEqual([...new Set(received)].sort((a, b) => a - b))
  })

  test('resolves the send of a dropped event: its bytes may be forgotten', async () => {
    const { session } = await open({ maxUnsentBytes: 1024, whenFull: 'drop' })
    session.send({ data: 'x'.repeat(32 * MiB) })
    const dropped = session.send({ data: 'dropped' })
    session.send({ data: 'x'.repeat(1024) })
    await dropped
    expect(session.droppedEvents).toBe(1)
  })

  test('keeps everything where waiting was chosen', async () => {
    const { response, session } = await open({ maxUnsentBytes: 1024, whenFull: 'wait' })
    const sent = Array.from({ length: 1000 }, (_, i) => session.send({ data: `${i} ${'x'.repeat(10_000)}` }))
    session.close()
    expect(dataOf(await response.text())).toHaveLength(1000)
    await Promise.all(sent)
  })

  test('for stallTimeoutMs without progress ends the session: a client asleep closes nothing', async () => {
    useFakeClock()
    const { session } = await open({ stallTimeoutMs: 5000, maxUnsentBytes: 64 * MiB })
    const sent = session.send({ data: 'x'.repeat(32 * MiB) })
    const unsent = await settledUnsent(session)
    expect(unsent).toBeGreaterThan(0)
    await vi.advanceTimersByTimeAsync(4900)
    expect(session.isOpen).toBe(true)
    await vi.advanceTimersByTimeAsync(200)
    expect(await session.closed).toBe('stalled')
    await expect(sent).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })

  test('with progress, however slow, does not', async () => {
    useFakeClock()
    const { response, session } = await open({ stallTimeoutMs: 5000, maxUnsentBytes: 64 * MiB })
    const length = 48 * MiB
    session.send({ data: 'x'.repeat(length) })
    session.close()
    let received = 0
    // 8 MiB a step, because the two sockets between us hold some of them, and move on in leaps.
    while (received < length) {
      await settledUnsent(session)
      await vi.advanceTimersByTimeAsync(4000)
      received = await response.readSome(8 * MiB)
    }
    await response.text()
    expect(await session.closed).toBe('closed')
  })
})
