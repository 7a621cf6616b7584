import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Channel } from '../../src/server/channel.ts'
import { formatPlaces, isChannelName, parsePlaces, placePrefix } from '../../src/server/channel-id.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import { formatEventId } from '../../src/server/event-id.ts'
import { open } from './client-of-channels.ts'

const named = (...names: string[]) => names.map((name) => createChannel({ name }))

describe('a session in several channels', () => {
  test('gets the events of all, with one ID that has a place in each', async () => {
    const [a, b] = named('a', 'b') as [Channel, Channel]
    const client = open([a, b])
    const ids = [a.broadcast({ data: 'a1' }), b.broadcast({ data: 'b1' }), a.broadcast({ data: 'a2' })]
    await client.read()
    expect(client.seen.data).toEqual(['a1', 'b1', 'a2'])
    expect(client.seen.lastEventId).toBe(`${ids[2]}~${ids[1]}`)
  })

  test('resumes each exactly, in any order', async () => {
    const [a, b] = named('a', 'b') as [Channel, Channel]
    const first = open([a, b])
    a.broadcast({ data: 'a1' })
    b.broadcast({ data: 'b1' })
    await first.read()
    await first.leave()
    for (const data of ['a2', 'a3']) a.broadcast({ data })
    b.broadcast({ data: 'b2' })
    const second = open([b, a], { lastEventId: first.seen.lastEventId })
    await second.read()
    expect(second.seen).toMatchObject({ data: ['b2', 'a2', 'a3'], gaps: [] })
  })

  test('keeps the place in a channel that a session in between was not subscribed to', async () => {
    const [a, b] = named('a', 'b') as [Channel, Channel]
    const first = open([a, b])
    b.broadcast({ data: 'b1' })
    await first.read()
    await first.leave()
    const between = open([a], { lastEventId: first.seen.lastEventId })
    b.broadcast({ data: 'b2' })
    a.broadcast({ data: 'a1' })
    await between.read()
    expect(between.seen.data).toEqual(['a1'])
    await between.leave()
    const last = open([b], { lastEventId: between.seen.lastEventId })
    await last.read()
    expect(last.seen).toMatchObject({ data: ['b2'], gaps: [] })
  })

  test('begins with what comes in a channel that its client never was in, without a gap', async () => {
    const [a, b] = named('a', 'b') as [Channel, Channel]
    const first = open([a])
    const id = a.broadcast({ data: 'a1' })
    await first.read()
    await first.leave()
    b.broadcast({ data: 'before' })
    const second = open([b, a], { lastEventId: id })
    b.broadcast({ data: 'after' })
    await second.read()
    expect(second.seen).toMatchObject({ data: ['after'], gaps: [] })
  })

  test('hears of a gap per channel, by its name, and only where there is one', async () => {
    const a = createChannel({ name: 'a' })
    const b = createChannel({ name: 'b', history: { maxEvents: 1 } })
    const first = open([a, b])
    a.broadcast({ data: 'a1' })
    b.broadcast({ data: 'b1' })
    await first.read()
    await first.leave()
    a.broadcast({ data: 'a2' })
    for (const data of ['b2', 'b3']) b.broadcast({ data })
    const second = open([a, b], { lastEventId: first.seen.lastEventId })
    await second.read()
    expect(second.seen.data).toEqual(['a2', 'b3'])
    expect(second.seen.gaps).toMatchObject([{ reason: 'trimmed', channel: 'b' }])
    // A channel of another process.
    const third = open([createChannel({ name: 'b' })], { lastEventId: second.seen.lastEventId })
    await third.read()
    expect(third.seen.gaps).toMatchObject([{ reason: 'epoch', channel: 'b', earliest: null }])
  })

  test('leaves one channel and stays in the other; a closed channel ends only its last sessions', async () => {
    const [a, b] = named('a', 'b') as [Channel, Channel]
    const both = open([a, b])
    const only = open([a])
    const closed = a.close()
    await only.read()
    await closed
    expect([both.session.isOpen, only.session.isOpen]).toEqual([true, false])
    b.broadcast({ data: 'still' })
    await both.read()
    expect(both.seen.data).toEqual(['still'])
    void b.close()
    expect(both.session.isOpen).toBe(false)
  })

  test('is refused where a channel has no name, with what to do', () => {
    const { session } = open([createChannel()])
    const refused = expect.objectContaining({
      code: 'ALREADY_SUBSCRIBED',
      message: expect.stringContaining('{ name }'),
    })
    expect(() => createChannel({ name: 'a' }).subscribe(session)).toThrow(refused)
    expect(() => createChannel().subscribe(session)).toThrow(refused)
  })

  test('is in at most 32, and one that left room is told of a gap, not left in silence', async () => {
    const channels = named(...Array.from({ length: 33 }, (_, index) => `room ${index}`))
    const first = open(channels.slice(0, 32))
    for (const channel of channels) channel.broadcast({ data: 'x' })
    await first.read()
    expect(first.seen.lastEventId.length).toBeLessThan(1500)
    expect(() => channels[32]!.subscribe(first.session)).toThrow(expect.objectContaining({ code: 'TOO_MANY_CHANNELS' }))
    await first.leave()
    const second = open([channels[32]!], { lastEventId: first.seen.lastEventId })
    channels[32]!.broadcast({ data: 'new' })
    await second.read()
    expect(second.seen.data).toEqual(['new'])
    await second.leave()
    const third = open([channels[0]!], { lastEventId: second.seen.lastEventId })
    await third.read()
    expect(third.seen.gaps).toMatchObject([{ reason: 'unknown', channel: 'room 0' }])
  })

  test('gets every event of each channel once and in order or a gap, however cut, replayed and subscribed', async () => {
    const names = ['a', 'b', 'c']
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('broadcast' as const), at: fc.nat(2), size: fc.nat(30_000) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), chunks: fc.integer({ min: 1, max: 4 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('cut' as const), subscribed: fc.shuffledSubarray([0, 1, 2]) }),
      },
    )
    const histories = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 3, maxLength: 3 })
    const sessions = fc.record({
      maxUnsentBytes: fc.integer({ min: 1024, max: 100_000 }),
      whenFull: fc.constantFrom('disconnect' as const, 'wait' as const),
    })
    const filters = fc.array(fc.constantFrom(1, 2), { minLength: 3, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(
        histories,
        sessions,
        filters,
        fc.array(step, { maxLength: 80 }),
        async (bounds, session, every, steps) => {
          const channels = names.map((name, at) => createChannel({ name, history: { maxEvents: bounds[at]! } }))
          const sent = [0, 0, 0]
          const broadcast = (at: number, size: number) =>
            channels[at]!.broadcast({ data: `${at} ${++sent[at]!} ${'x'.repeat(size)}` })
          // Some channels only with every second of their events.
          const passes = (data: unknown) => {
            const [at, count] = String(data).split(' ').map(Number)
            return count! % every[at!]! === 0
          }
          const seen: (number | 'anew')[][] = [[], [], []]
          let lastEventId = ''
          let client!: ReturnType<typeof open>
          let taken = 0
          let subscribed = [0, 1, 2]
          const take = () => {
            const { data, types } = client.seen
            let index = 0
            // In the order of the stream, gaps between events.
            let gap = 0
            for (const [place, type] of types.entries()) {
              if (type === 'headwater-gap') {
                const { channel } = client.seen.gaps[gap++]!
                if (place >= taken) seen[names.indexOf(channel!)]!.push('anew')
              } else if (!type.startsWith('headwater-')) {
                const [at, count] = data[index++]!.split(' ').map(Number)
                if (place >= taken) seen[at!]!.push(count!)
              }
            }
            taken = types.length
            lastEventId = client.seen.lastEventId
          }
          const connect = () => {
            const places = parsePlaces(lastEventId)?.places
            for (const at of subscribed) if (!places?.has(names[at]!)) seen[at]!.push('anew')
            taken = 0
            client = open(
              subscribed.map((at) => channels[at]!),
              { lastEventId, session, options: { filter: ({ data }) => passes(data) } },
            )
          }
          connect()
          for (const each of steps) {
            if (each.do === 'broadcast') broadcast(each.at, each.size)
            else {
              const isOver = each.do === 'read' && (await client.read(each.chunks))
              take()
              if (each.do === 'cut') {
                await client.leave()
                subscribed = each.subscribed
              }
              if (isOver || each.do === 'cut') connect()
            }
          }
          await client.leave()
          subscribed = [2, 0, 1]
          connect()
          for (let at = 0; at < 3; at++) for (let count = 0; count < 2; count++) broadcast(at, 1)
          for (let tries = 0; tries < 200; tries++) {
            const isOver = await client.read()
            take()
            if (isOver) connect()
            else break
          }
          for (const [at, counts] of seen.entries()) {
            let previous: number | 'anew' = 'anew'
            for (const count of counts) {
              if (count !== 'anew' && previous !== 'anew') expect(count).toBe(previous + every[at]!)
              previous = count
            }
            const events = counts.filter((count) => count !== 'anew')
            expect(events).toEqual([...new Set(events)].sort((x, y) => x - y))
            // After a gap, nothing may be left.
            if (previous !== 'anew') expect(events.at(-1)).toBe(sent[at]! - (sent[at]! % every[at]!))
          }
        },
      ),
      { numRuns: 200 },
    )
  }, 60_000)
})

describe('the ID of several channels', () => {
  const name = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter(isChannelName)
  const id = fc.record({ epoch: fc.stringMatching(/^[0-9a-z]{1,10}$/), position: fc.nat() })

  test('is written and read back, whatever the names, in what a header can carry', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, id), { selector: ([key]) => key, minLength: 2, maxLength: 32 }),
        fc.boolean(),
        (places, hasLeftOut) => {
          const client = {
            places: new Map(places.map(([key, at]) => [key, placePrefix(key) + formatEventId(at)])),
            hasLeftOut,
          }
          const text = formatPlaces(client)
          expect(text).toMatch(/^[!-~]+$/)
          expect(parsePlaces(text)).toEqual(client)
        },
      ),
    )
  })

  test.each([
    '',
    '~',
    'a:',
    ':e.1',
    'e.1',
    'a:e.1~a:e.2',
    'a:e.1~',
    '*',
    'a b:e.1',
    'a:e.1.tag',
    '%61:e.1',
    '%zz:e.1',
    `${'a'.repeat(65)}:e.1`,
    Array.from({ length: 33 }, (_, at) => `${at}:e.1`).join('~'),
  ])('is not %s', (text) => {
    expect(parsePlaces(text)).toBeUndefined()
  })

  test.each(['', 'x'.repeat(65), '\ud800', 7])('has no name %j', (name) => {
    expect(() => createChannel({ name: name as string })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
