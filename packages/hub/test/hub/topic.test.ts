import { defineEvents, readEvents, type StandardSchema, text } from '@headwater/sse'
import { type Channel, createChannel, createResponse, type Session } from '@headwater/sse/server'
import { afterEach, describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { createHub, type Hub, type Topic } from '../../src/index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

interface Order {
  number: number
}

/** A schema as any library makes one. */
const order: StandardSchema<Order> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as Order).number === 'number'
        ? { value: value as Order }
        : { issues: [{ message: 'must be a number', path: ['number'] }] },
  },
}
const events = defineEvents({ placed: order, note: text() })

const hubs: Hub[] = []

afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close()
})

async function start(store: EventStore = createMemoryStore()): Promise<Hub> {
  const hub = await createHub({ store, authorize: () => ({}), onError: () => {} })
  hubs.push(hub)
  return hub
}

/** A session without a socket, and the events that its client gets. */
function open(lastEventId = '') {
  let session!: Session
  const headers = { accept: 'text/event-stream', 'last-event-id': lastEventId }
  const response = createResponse(new Request('http://a/', { headers }), (opened) => {
    session = opened
  })
  const reader = readEvents(response.body!, {
    onId(id) {
      client.lastEventId = id
    },
  })
  const client = {
    session,
    lastEventId: '',
    leave: () => reader.return(),
    async next() {
      for (;;) {
        const { value, done } = await reader.next()
        if (done) throw new Error('the stream is over')
        if (!value.type?.startsWith('headwater-')) return value
      }
    },
  }
  onTestFinished(() => void session.close())
  return client
}

describe('a topic', () => {
  test('brings its events to sessions and to the program, as its map says', async () => {
    const orders = (await start()).topic('orders', { events })
    const client = open()
    orders.subscribe(client.session)
    expect([orders.size, ...orders.subscribers]).toEqual([1, client.session])
    const id = await orders.broadcast({ type: 'placed', data: { number: 7 }, private: true })
    await orders.broadcast({ type: 'note', data: 'as it is' })
    expect(await client.next()).toEqual({ type: 'placed', data: '{"number":7}', id })
    expect(await client.next()).toMatchObject({ type: 'note', data: 'as it is' })
    const received = orders.events({ lastEventId: 'earliest' })
    expect(await received.next()).toEqual({
      done: false,
      value: { id, topics: ['orders'], type: 'placed', data: { number: 7 }, isPrivate: true },
    })
    expect((await received.next()).value).toMatchObject({ type: 'note', data: 'as it is' })
  })

  test('refuses what is not as its map says, at both ends', async () => {
    const hub = await start()
    const orders = hub.topic('orders', { events })
    await expect(orders.broadcast({ type: 'placed', data: { number: '7' as never } })).rejects.toMatchObject({
      name: 'HubError',
      code: 'INVALID_DATA',
      message: expect.stringContaining('at number: must be a number'),
    })
    await expect(orders.broadcast({ type: 'Placed' as never, data: { number: 7 } })).rejects.toThrow(
      'Did you mean placed?',
    )
    await hub.publish({ topic: 'orders', type: 'placed', data: '{}' })
    await hub.publish({ topic: 'orders', type: 'placed', data: '{"number":1}' })
    await expect(orders.events({ lastEventId: 'earliest' }).next()).rejects.toBeInstanceOf(HubError)
    const problems: string[] = []
    const told = hub.topic('orders', { events, onInvalid: ({ type }) => problems.push(type) })
    expect((await told.events({ lastEventId: 'earliest' }).next()).value).toMatchObject({ data: { number: 1 } })
    expect(problems).toEqual(['placed'])
    const skipping = hub.topic('orders', { events, onInvalid: 'skip' })
    expect(await skipping.broadcast({ type: 'placed', data: {} as Order })).toBe('')
  })

  test('without a map is text, and JSON for what is none', async () => {
    const hub = await start()
    const log = hub.topic('log')
    await log.broadcast({ data: 'text' })
    await log.broadcast({ type: 'at', data: { n: 1 } })
    const received = log.events({ lastEventId: 'earliest' })
    expect((await received.next()).value).toMatchObject({ type: 'message', data: 'text' })
    expect((await received.next()).value).toMatchObject({ type: 'at', data: '{"n":1}' })
  })

  test('throws at a gap unless it is to be told of it', async () => {
    const orders = (await start()).topic('orders', { events })
    await orders.broadcast({ type: 'placed', data: { number: 1 } })
    await expect(orders.events({ lastEventId: 'gone' }).next()).rejects.toThrow('are lost')
    const gaps: string[] = []
    const received = orders.events({ lastEventId: 'gone', onGap: ({ data }) => gaps.push(JSON.parse(data).reason) })
    expect((await received.next()).value).toMatchObject({ data: { number: 1 } })
    expect(gaps).toEqual(['unknown'])
  })

  test('of a template selects all of them, and is published to by values', async () => {
    const orders = (await start()).topic('shops/{shop}/orders', { events })
    const client = open()
    orders.subscribe(client.session)
    await orders.at({ shop: 'a b' }).broadcast({ type: 'placed', data: { number: 1 } })
    await orders.at({ shop: 7 }).broadcast({ type: 'placed', data: { number: 2 } })
    expect([(await client.next()).data, (await client.next()).data]).toEqual(['{"number":1}', '{"number":2}'])
    const received = orders.events({ lastEventId: 'earliest' })
    expect((await received.next()).value).toMatchObject({ topics: ['shops/a%20b/orders'] })
    await expect(orders.broadcast({ type: 'placed', data: { number: 1 } })).rejects.toMatchObject({
      code: 'INVALID_TOPIC',
      message: expect.stringContaining('at({ … })'),
    })
    expect(() => orders.at({ shops: 1 })).toThrow('{shop}')
    const path = hubs[0]!.topic('{+path}')
    expect(() => path.at({ path: 'a' })).toThrow('{+path}')
  })

  test('outlives the process: a client resumes exactly from a hub that was started anew', async () => {
    const directory = temporaryDirectory()
    const run = async (lastEventId: string) => {
      const store = await openSqliteStore({ directory })
      const hub = await start(store)
      const room = hub.topic('room/7')
      const client = open(lastEventId)
      room.subscribe(client.session)
      const stop = async () => {
        await hub.close()
        await store.close()
      }
      return { room, client, stop }
    }
    const first = await run('')
    await first.room.broadcast({ data: 1 })
    expect((await first.client.next()).data).toBe('1')
    const id = first.client.lastEventId
    await first.client.leave()
    await first.room.broadcast({ data: 2 })
    await first.stop()
    const second = await run(id)
    await second.room.broadcast({ data: 3 })
    expect([(await second.client.next()).data, (await second.client.next()).data]).toEqual(['2', '3'])
    await second.client.leave()
    await second.stop()
  })

  test.each<[string, () => Promise<Channel | Topic>]>([
    ['a channel in memory', async () => createChannel()],
    ['a topic', async () => (await start()).topic('room')],
  ])('is used by the same code as %s', async (_, openRoom) => {
    const room = await openRoom()
    const client = open()
    room.subscribe(client.session)
    // The subscription of a hub begins when its store has answered.
    const first = open()
    room.subscribe(first.session, { lastEventId: 'earliest' })
    expect(room.size).toBe(2)
    const id = await room.broadcast({ type: 'said', data: { text: 'hi' } })
    expect(await client.next()).toEqual({ type: 'said', data: '{"text":"hi"}', id })
    expect(await first.next()).toMatchObject({ id })
    const closed = room.close()
    await expect(client.next()).rejects.toThrow('over')
    await expect(first.next()).rejects.toThrow('over')
    await closed
    expect(room.size).toBe(0)
  })

  test('drains a session that the store fails to serve, so that its client comes back', async () => {
    const hub = await start()
    await hub.close()
    const client = open()
    hub.topic('a').subscribe(client.session)
    await expect(client.next()).rejects.toThrow()
    expect(await client.session.closed).toBe('drained')
  })

  test('is the one subscription of a session', async () => {
    const hub = await start()
    const refused = expect.objectContaining({ code: 'ALREADY_SUBSCRIBED' })
    const { session } = open()
    hub.topic('a').subscribe(session)
    expect(() => hub.topic('b').subscribe(session)).toThrow(refused)
    expect(() => createChannel({ name: 'c' }).subscribe(session)).toThrow(refused)
    const other = open().session
    createChannel().subscribe(other)
    expect(() => hub.topic('a').subscribe(other)).toThrow(refused)
    expect([hub.topic('a').size, other.isOpen]).toEqual([1, true])
  })

  test('is refused with what to do', async () => {
    const hub = await start()
    const refused = (message: string) =>
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) })
    expect(() => hub.topic('a', { events: { tick: 1 } as never })).toThrow(refused('defineEvents('))
    expect(() => hub.topic('a', { event: 1 } as never)).toThrow(refused('Did you mean events?'))
    expect(() => hub.topic('a').subscribe(open().session, { filter: () => true } as never)).toThrow(refused('"filter"'))
    await expect(hub.topic('a').broadcast('text' as never)).rejects.toMatchObject({ code: 'INVALID_DATA' })
  })

  test('has the types of its map', () => {
    const check = async (hub: Hub) => {
      const orders = hub.topic('orders', { events })
      expectTypeOf(orders).toEqualTypeOf<Topic<{ placed: Order; note: string }>>()
      for await (const event of orders.events()) {
        if (event.type === 'placed') expectTypeOf(event.data).toEqualTypeOf<Order>()
        else expectTypeOf(event.data).toEqualTypeOf<string>()
      }
      // @ts-expect-error an order has a number
      await orders.broadcast({ type: 'placed', data: {} })
      // @ts-expect-error there is no such type
      await orders.broadcast({ type: 'sent', data: { number: 1 } })
      await hub.topic('log').broadcast({ type: 'anything', data: 1 })
    }
    expect(check).toBeTypeOf('function')
  })
})
