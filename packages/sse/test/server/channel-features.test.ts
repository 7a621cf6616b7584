import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createChannel } from '../../src/server/create-channel.ts'
import type { Session } from '../../src/server/session.ts'
import { open } from './client-of-channels.ts'
import { useFakeClock } from './opener.ts'

describe('a filter', () => {
  const even = { options: { filter: ({ data }: { data: unknown }) => Number(data) % 2 === 0 } }

  test('chooses what a session gets, live and from the history', async () => {
    const channel = createChannel()
    const first = open([channel], even)
    for (const data of [1, 2]) channel.broadcast({ data })
    await first.read()
    await first.leave()
    for (const data of [3, 4, 5]) channel.broadcast({ data })
    const second = open([channel], { ...even, lastEventId: first.seen.lastEventId })
    for (const data of [6, 7]) channel.broadcast({ data })
    await second.read()
    expect([first.seen.data, second.seen.data]).toEqual([['2'], ['4', '6']])
  })

  test('sees type, data as it was given, and the session with its state', () => {
    const channel = createChannel<{ order: { of: string } }, { user: string }>()
    const filter = vi.fn(
      ({ data }: { data: { of: string } }, { state }: Session<{ order: { of: string } }, { user: string }>) =>
        data.of === state.user,
    )
    const { session } = open([])
    session.state = { user: 'ann' }
    channel.subscribe(session as never, { filter })
    const data = { of: 'ann' }
    channel.broadcast({ type: 'order', data })
    expect(filter).toHaveBeenCalledExactlyOnceWith({ type: 'order', data }, session)
    expect(filter).toHaveReturnedWith(true)
  })

  test('that throws lets nothing through, and its error is reported', async () => {
    const channel = createChannel()
    const onError = vi.fn()
    const error = new Error('of the filter')
    const filter = () => {
      throw error
    }
    const client = open([channel], { session: { onError }, options: { filter } })
    channel.broadcast({ data: 1 })
    await client.read()
    expect(client.seen.data).toEqual([])
    expect(onError).toHaveBeenCalledExactlyOnceWith(error)
  })

  describe('that lets little through', () => {
    beforeEach(useFakeClock)
    afterEach(() => void vi.useRealTimers())

    test('moves the position on, so that the ID of a quiet client does not leave the history', async () => {
      const channel = createChannel({ history: { maxEvents: 10 } })
      const client = open([channel], { options: { filter: ({ type }) => type === 'rare' } })
      channel.broadcast({ type: 'rare', data: 0 })
      for (let i = 0; i < 100; i++) channel.broadcast({ type: 'frequent', data: i })
      await client.read()
      await client.leave()
      const again = open([channel], { lastEventId: client.seen.lastEventId })
      await again.read()
      expect(again.seen.gaps).toEqual([])
      expect(again.seen.data.length).toBeLessThan(10)
      // A position now and then, not for each event.
      expect(client.seen.types.filter((type) => type === 'headwater-position').length).toBeLessThan(40)
    })

    test('moves it on before the events are too old, with nothing new to come', async () => {
      const channel = createChannel({ history: { maxAgeMs: 60_000 } })
      const client = open([channel], { options: { filter: ({ type }) => type === 'rare' } })
      for (const type of ['rare', 'frequent', 'rare', 'frequent']) channel.broadcast({ type, data: '' })
      await vi.advanceTimersByTimeAsync(15_000)
      await client.read()
      await client.leave()
      vi.advanceTimersByTime(60_000)
      const again = open([channel], { lastEventId: client.seen.lastEventId })
      await again.read()
      expect(again.seen.gaps).toEqual([])
    })
  })
})

describe('an exception', () => {
  test('leaves the sender out, and its client after a reconnect as well', async () => {
    const channel = createChannel()
    const [sender, other] = [open([channel]), open([channel])]
    channel.broadcast({ data: 'mine' }, { except: sender.session })
    await sender.read()
    await sender.leave()
    const again = open([channel], { lastEventId: sender.seen.lastEventId })
    channel.broadcast({ data: 'later' }, { except: new Set([other.session]) })
    for (const client of [again, other]) await client.read()
    expect([sender.seen.data, again.seen.data, other.seen.data]).toEqual([[], ['later'], ['mine']])
  })

  test('holds for a session whose replay is under way', async () => {
    const channel = createChannel()
    const start = channel.broadcast({ data: 'start' })
    for (let i = 0; i < 20; i++) channel.broadcast({ data: 'x'.repeat(10_000) })
    const client = open([channel], { lastEventId: start })
    channel.broadcast({ data: 'mine' }, { except: client.session })
    channel.broadcast({ data: 'last' })
    while (client.seen.data.at(-1) !== 'last') await client.read(5)
    expect(client.seen.data).not.toContain('mine')
  })
})

describe('an ID of the application', () => {
  test('is what the client gets, and the history finds it', async () => {
    const channel = createChannel()
    const client = open([channel])
    expect(channel.broadcast({ data: 1, id: 'row-1' })).toBe('row-1')
    await client.read()
    await client.leave()
    expect(client.seen.lastEventId).toBe('row-1')
    channel.broadcast({ data: 2, id: 'row-2' })
    channel.broadcast({ data: 3 })
    const again = open([channel], { lastEventId: 'row-1' })
    await again.read()
    expect(again.seen).toMatchObject({ data: ['2', '3'], gaps: [] })
  })

  test('that has left the history is a gap', async () => {
    const channel = createChannel({ history: { maxEvents: 1 } })
    for (const row of [1, 2, 3]) channel.broadcast({ data: row, id: `row-${row}` })
    const client = open([channel], { lastEventId: 'row-1' })
    await client.read()
    expect(client.seen).toMatchObject({ data: ['3'], gaps: [{ reason: 'unknown', requested: 'row-1' }] })
  })

  test('gives way to the places of a session in several channels', async () => {
    const [a, b] = [createChannel({ name: 'a' }), createChannel({ name: 'b' })]
    const client = open([a, b])
    a.broadcast({ data: 'é', id: 'réf-1' })
    await client.read()
    expect(client.seen.lastEventId).toMatch(/^a:\w+\.1~b:\w+\.0$/)
    expect(client.seen.data).toEqual(['é'])
  })

  test.each(['', 'earliest', ' a', 'e.1', 'e.1.t', 'a:e.1', 'a:e.1~b:e.2', 'taken', 'a\nb', 7])('is not %j', (id) => {
    const channel = createChannel()
    channel.broadcast({ data: 1, id: 'taken' })
    expect(() => channel.broadcast({ data: 2, id: id as string })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_ID' }),
    )
    expect(channel.broadcast({ data: 3 })).toMatch(/\.2$/)
  })
})

test('a session has a state, which its channels list', () => {
  const channel = createChannel<object, { user: string }>()
  const { session } = open([channel as never], { session: { state: { user: 'ann' } } })
  expect(channel.size).toBe(1)
  expect(Array.from(channel.subscribers, ({ state }) => state.user)).toEqual(['ann'])
  session.close()
  expect(channel.size).toBe(0)
})

test.each([
  ['publish', 'broadcast'],
  ['send', 'broadcast'],
  ['emit', 'broadcast'],
  ['register', 'subscribe'],
  ['subscriberCount', 'size'],
  ['sessions', 'subscribers'],
])('another word for what a channel has is refused with the right one: %s', (word, meant) => {
  expect(() => createChannel()[word as never]).toThrow(`Did you mean ${meant}?`)
})

test.each<[string, () => unknown, string]>([
  ['a filter', () => open([createChannel()], { options: { filter: 'x' as never } }), 'filter is x'],
  ['an exception', () => createChannel().broadcast({ data: 1 }, { except: {} as never }), 'except'],
  ['another word', () => createChannel().broadcast({ data: 1 }, { exclude: 1 } as never), 'Did you mean except?'],
])('%s that is none is refused', async (_, call, message) => {
  const error = console.error
  const reported: unknown[] = []
  console.error = (...parts) => reported.push(parts.at(-1))
  try {
    call()
    throw reported[0] ?? (await new Promise((resolve) => setTimeout(() => resolve(reported[0]), 0)))
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(message) })
  } finally {
    console.error = error
  }
})
