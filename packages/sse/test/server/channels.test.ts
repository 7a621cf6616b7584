import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Channels, createChannels } from '../../src/server/channels.ts'
import { open } from './client-of-channels.ts'
import { useFakeClock } from './opener.ts'

describe('channels by key', () => {
  beforeEach(useFakeClock)
  afterEach(() => void vi.useRealTimers())

  test('are made when first asked for, and one session can be in several', async () => {
    const rooms = createChannels<number>()
    expect([rooms.size, rooms.has(7)]).toEqual([0, false])
    const client = open([rooms.get(7), rooms.get(8)])
    rooms.get(7).broadcast({ data: 'in 7' })
    rooms.get(8).broadcast({ data: 'in 8' })
    await client.read()
    expect(client.seen.data).toEqual(['in 7', 'in 8'])
    expect(client.seen.lastEventId).toMatch(/^7:\w+\.1~8:\w+\.1$/)
    expect(Array.from(rooms, ([key, { size }]) => [key, size])).toEqual([
      [7, 1],
      [8, 1],
    ])
  })

  test('are dropped when nobody is there and the history is past, not before', () => {
    const rooms = createChannels<string>({ history: { maxAgeMs: 60_000 } })
    const { session } = open([rooms.get('subscribed')], { session: { stallTimeoutMs: Number.POSITIVE_INFINITY } })
    rooms.get('with a history').broadcast({ data: 1 })
    rooms.get('empty')
    const keys = () => Array.from(rooms, ([key]) => key)
    vi.advanceTimersByTime(30_000)
    expect(keys()).toEqual(['subscribed', 'with a history'])
    vi.advanceTimersByTime(60_000)
    expect(keys()).toEqual(['subscribed'])
    session.close()
    vi.advanceTimersByTime(60_000)
    expect(keys()).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('are bounded, and an idle one makes room', () => {
    const rooms = createChannels<number>({ maxChannels: 2 })
    open([rooms.get(1)])
    rooms.get(2)
    open([rooms.get(3)])
    expect(rooms.has(2)).toBe(false)
    expect(() => rooms.get(4)).toThrow(expect.objectContaining({ code: 'TOO_MANY_CHANNELS' }))
  })

  test('are closed together, those of later keys too', () => {
    const rooms = createChannels<number>()
    const { session } = open([rooms.get(1)])
    void rooms.close()
    expect(session.isOpen).toBe(false)
    expect(() => rooms.get(2).broadcast({ data: 1 })).toThrow(expect.objectContaining({ code: 'CHANNEL_CLOSED' }))
  })

  test.each<[string, () => unknown, string]>([
    ['a name', () => createChannels({ name: 'x' } as never), '"name"'],
    ['no number', () => createChannels({ maxChannels: 0 }), 'maxChannels is 0'],
    ['another word', () => createChannels({ maxRooms: 5 } as never), 'Did you mean maxChannels?'],
    ['an empty key', () => createChannels<string>().get(''), 'name is ""'],
    ['another method', () => (createChannels() as Channels<string> & { room: unknown }).room, 'Did you mean get?'],
  ])('are refused with %s', (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }))
  })
})
