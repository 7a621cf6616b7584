import { parseEventId } from '@headwater/sse/internal'
import { createResponse, type Session } from '@headwater/sse/server'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHubCore, type HubCore, type HubCoreOptions } from '../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore, Follower } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { TestClient } from './client.ts'

const hubs: HubCore[] = []
const clients: TestClient[] = []

afterEach(async () => {
  vi.useRealTimers()
  for (const client of clients.splice(0)) await client.disconnect()
  for (const hub of hubs.splice(0)) await hub.close()
})

async function start({ store = createMemoryStore(), ...options }: Partial<HubCoreOptions> = {}): Promise<HubCore> {
  const hub = await createHubCore({ store, ...options })
  hubs.push(hub)
  return hub
}

async function connect(
  hub: HubCore,
  topic: string | string[],
  { lastEventId, rights = [], session }: { lastEventId?: string; rights?: string[]; session?: object } = {},
): Promise<TestClient> {
  const matchers = [topic].flat().map(exactTopic)
  const client = new TestClient(hub, { matchers, rights: rights.map(exactTopic), lastEventId }, session)
  clients.push(client)
  return await client.connect()
}

const gapOf = (reason: string) => expect.objectContaining({ reason })

describe('publishing', () => {
  test('answers with the id under which subscribers get the event', async () => {
    const hub = await start()
    const client = await connect(hub, 'a')
    const id = await hub.publish({ topic: 'a', data: 'hello' })
    await client.readUntil(1)
    expect(client.received.at(-1)).toEqual({ type: 'message', data: 'hello', lastEventId: id })
    expect(parseEventId(id)).toMatchObject({ position: 1, tag: expect.any(String) })
  })

  test("keeps the publisher's own id, type and reconnection time", async () => {
    const hub = await start()
    const client = await connect(hub, 'a')
    expect(await hub.publish({ topic: 'a', data: '1\r\n2', id: 'mine', type: 'tick', retry: 7 })).toBe('mine')
    await client.readUntil(1)
    expect(client.received.at(-1)).toEqual({ type: 'tick', data: '1\n2', lastEventId: 'mine' })
  })

  test('rejects what the rules refuse, and stores nothing of it', async () => {
    const store = createMemoryStore()
    const hub = await start({ store })
    await expect(hub.publish({ topic: '*' })).rejects.toMatchObject({ code: 'INVALID_TOPIC' })
    expect((await store.bounds()).head.position).toBe(0)
  })

  test('rejects when the store does, and the hub goes on', async () => {
    const store = createMemoryStore()
    const append = vi.spyOn(store, 'append').mockRejectedValueOnce(new Error('disk full'))
    const hub = await start({ store })
    await expect(hub.publish({ topic: 'a' })).rejects.toThrow('disk full')
    append.mockRestore()
    await expect(hub.publish({ topic: 'a' })).resolves.toMatch(/\.1\./)
  })

  test('rejects when a store throws at once, and the hub can still close', async () => {
    const store = createMemoryStore()
    vi.spyOn(store, 'append').mockImplementationOnce(() => {
      throw new Error('no connection')
    })
    const hub = await start({ store })
    await expect(hub.publish({ topic: 'a' })).rejects.toThrow('no connection')
    await hub.close()
  })
})

describe('subscribing', () => {
  test('gives each event once, though several matchers match and it has several topics', async () => {
    const hub = await start()
    const client = await connect(hub, ['a', 'b', '*'])
    const two = await connect(hub, ['a', 'b'])
    await hub.publish({ topic: ['a', 'b'], data: '1' })
    await hub.publish({ topic: ['x', 'b'], data: '2' })
    await hub.publish({ topic: 'x', data: '3' })
    expect((await client.readAll()).datas).toEqual(['1', '2', '3'])
    expect((await two.readAll()).datas).toEqual(['1', '2'])
  })

  test('without a last event id begins with what comes next', async () => {
    const hub = await start()
    await hub.publish({ topic: 'a', data: 'before' })
    const client = await connect(hub, 'a')
    await hub.publish({ topic: 'a', data: 'after' })
    expect((await client.readAll()).datas).toEqual(['after'])
  })

  test('tells a client its position at once, so that what comes before its first event is not missed when it reconnects', async () => {
    const hub = await start()
    await hub.publish({ topic: 'other', data: 'x' })
    const client = await connect(hub, 'a')
    await client.readAll()
    expect(client.received).toEqual([
      { type: 'headwater-position', data: '{}', lastEventId: expect.stringMatching(/^[0-9a-z]{10}\.1\.[0-9a-z]+$/) },
    ])
    await client.disconnect()
    await hub.publish({ topic: 'a', data: 'while away' })
    await client.connect()
    expect((await client.readAll()).datas).toEqual(['while away'])
  })

  test('at the very beginning of a history, too', async () => {
    const hub = await start()
    const client = await connect(hub, 'a')
    await client.readAll()
    expect(client.lastEventId).toMatch(/^[0-9a-z]{10}\.0$/)
    await client.disconnect()
    await hub.publish({ topic: 'a', data: 'first' })
    await client.connect()
    expect((await client.readAll()).datas).toEqual(['first'])
  })

  test('with no matcher is refused', async () => {
    const hub = await start()
    await expect(hub.openSubscription({ matchers: [] })).rejects.toMatchObject({ code: 'INVALID_MATCHER' })
  })

  test('ends with its session, and leaves nothing behind', async () => {
    const hub = await start()
    const client = await connect(hub, 'a')
    expect(hub.subscriberCount).toBe(1)
    await client.disconnect()
    await nextTurn()
    expect(hub.subscriberCount).toBe(0)
    await hub.publish({ topic: 'a' })
  })
})

describe('private events', () => {
  test('reach those with a right to one of the topics, live and from the history, and nobody else', async () => {
    const hub = await start()
    const without = await connect(hub, '*', { lastEventId: 'earliest' })
    const withRight = await connect(hub, 'book', { lastEventId: 'earliest', rights: ['user 42'] })
    await hub.publish({ topic: ['book', 'user 42'], data: 'secret', private: true })
    await hub.publish({ topic: ['book', 'user 43'], data: 'of another', private: true })
    await hub.publish({ topic: 'book', data: 'open' })
    expect((await without.readAll()).datas).toEqual(['open'])
    expect((await withRight.readAll()).datas).toEqual(['secret', 'open'])

    const later = await connect(hub, '*', { lastEventId: 'earliest' })
    const laterWithRight = await connect(hub, '*', { lastEventId: 'earliest', rights: ['user 42'] })
    expect((await later.readAll()).datas).toEqual(['open'])
    expect((await laterWithRight.readAll()).datas).toEqual(['secret', 'open'])
  })

  test('are as unknown as any that never was, to who may not have them', async () => {
    const hub = await start()
    await hub.publish({ topic: 'book', data: 'open', id: 'open' })
    await hub.publish({ topic: 'book', data: 'secret', id: 'secret', private: true })
    const client = await connect(hub, 'book', { lastEventId: 'never was' })
    await client.readAll()
    expect(client.datas).toEqual(['open'])
    expect(JSON.stringify(client.received)).not.toContain('secret')
  })
})

describe('resuming', () => {
  async function withHistory(...options: Parameters<typeof start>) {
    const hub = await start(...options)
    const ids: string[] = []
    for (let n = 1; n <= 5; n++) {
      ids.push(await hub.publish({ topic: n % 2 ? 'odd' : 'even', data: `${n}`, id: n === 3 ? 'three' : undefined }))
    }
    return { hub, ids }
  }

  test('after an id gives what came after it, then goes on live', async () => {
    const { hub, ids } = await withHistory()
    const client = await connect(hub, '*', { lastEventId: ids[1]! })
    await hub.publish({ topic: 'odd', data: 'live' })
    expect((await client.readAll()).datas).toEqual(['3', '4', '5', 'live'])
    expect(client.gaps).toEqual([])
    expect(client.precedingEventId).toBe(ids[1])
  })

  test('works from the id of an event of another topic, or one the client never had', async () => {
    const { hub, ids } = await withHistory()
    const client = await connect(hub, 'odd', { lastEventId: ids[1]! })
    expect((await client.readAll()).datas).toEqual(['3', '5'])
  })

  test("works from a publisher's own id", async () => {
    const { hub } = await withHistory()
    const client = await connect(hub, '*', { lastEventId: 'three' })
    expect((await client.readAll()).datas).toEqual(['4', '5'])
    expect(client.precedingEventId).toBe('three')
  })

  test('from "earliest" gives all that is kept, and is no gap', async () => {
    const { hub } = await withHistory({ store: createMemoryStore({ maxEvents: 3 }) })
    const client = await connect(hub, '*', { lastEventId: 'earliest' })
    expect((await client.readAll()).datas).toEqual(['3', '4', '5'])
    expect(client.gaps).toEqual([])
    expect(client.precedingEventId).toBe('earliest')
  })

  test('from the newest id gives nothing but that id again, for clients that drop what a response does not repeat', async () => {
    const { hub, ids } = await withHistory()
    const client = await connect(hub, '*', { lastEventId: ids[4]! })
    const { received } = await client.readAll()
    expect(received).toEqual([{ type: 'headwater-position', data: '{}', lastEventId: ids[4] }])
  })

  test('gives more than 10000 missed events in one connection', async () => {
    const hub = await start()
    const first = await hub.publish({ topic: 'a', data: 'first' })
    for (let n = 0; n < 12_000; n++) await hub.publish({ topic: 'a', data: `${n}` })
    const client = await connect(hub, 'a', { lastEventId: first })
    await client.readUntil(12_000)
    expect(client.datas).toEqual(Array.from({ length: 12_000 }, (_, n) => `${n}`))
  })

  test('reads on while others publish faster than it reads', async () => {
    const hub = await start()
    const client = await connect(hub, 'a')
    let published = 0
    for (let round = 0; round < 60; round++) {
      for (let n = 0; n < 20; n++) await hub.publish({ topic: 'a', data: `${published++} ${'x'.repeat(3000)}` })
      await client.readSome()
    }
    await client.readUntil(published)
    expect(client.datas.map((data) => Number.parseInt(data, 10))).toEqual(
      Array.from({ length: published }, (_, n) => n),
    )
  })
})

describe('a gap', () => {
  test('is told when events of the client are no longer kept, with the earliest that is', async () => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 2 }) })
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push(await hub.publish({ topic: 'a', data: `${n}` }))
    const client = await connect(hub, 'a', { lastEventId: ids[0]! })
    await client.readAll()
    expect(client.gaps).toEqual([{ reason: 'trimmed', requested: ids[0], earliest: ids[3] }])
    expect(client.datas).toEqual(['3', '4'])
    expect(client.received[0]!.type).toBe('headwater-gap')
    expect(client.precedingEventId).toBe('earliest')
  })

  test('is not told when only events of others are gone', async () => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 3 }) })
    const mine = await hub.publish({ topic: 'mine', data: '0' })
    for (let n = 0; n < 10; n++) await hub.publish({ topic: 'other', data: `${n}` })
    await hub.publish({ topic: 'mine', data: '1' })
    const client = await connect(hub, 'mine', { lastEventId: mine })
    await client.readAll()
    expect(client.gaps).toEqual([])
    expect(client.datas).toEqual(['1'])
    expect(client.precedingEventId).toBe(mine)
  })

  test('is not told because of private events that the client could not have had', async () => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 1 }) })
    const first = await hub.publish({ topic: 'a', data: 'first' })
    await hub.publish({ topic: 'a', data: 'secret', private: true })
    await hub.publish({ topic: 'a', data: 'last' })
    const without = await connect(hub, 'a', { lastEventId: first })
    const withRight = await connect(hub, 'a', { lastEventId: first, rights: ['a'] })
    expect((await without.readAll()).gaps).toEqual([])
    expect((await withRight.readAll()).gaps).toEqual([gapOf('trimmed')])
  })

  test.each([
    ['unknown', () => 'never published'],
    ['unknown', (hubId: string) => hubId.replace(/[^.]+$/, 'zzzz')],
    ['unknown', (hubId: string) => hubId.replace(/\.[^.]+$/, '')],
    ['ahead', (hubId: string) => hubId.replace(/\.1\./, '.zzz.')],
    ['epoch', (hubId: string) => `aaaaaaaaaa${hubId.slice(10)}`],
    ['epoch', () => 'aaaaaaaaaa.0'],
  ])('is told as %s of an id that names no event here, and all that is kept follows', async (reason, forge) => {
    const hub = await start()
    const id = await hub.publish({ topic: 'a', data: '1' })
    await hub.publish({ topic: 'a', data: '2' })
    const requested = forge(id)
    const client = await connect(hub, 'a', { lastEventId: requested })
    await client.readAll()
    expect(client.gaps).toEqual([{ reason, requested, earliest: id }])
    expect(client.datas).toEqual(['1', '2'])
    expect(client.precedingEventId).toBe('earliest')
  })

  test('in an empty history names no earliest event', async () => {
    const hub = await start()
    const client = await connect(hub, 'a', { lastEventId: 'gone' })
    await client.readAll()
    expect(client.gaps).toEqual([{ reason: 'unknown', requested: 'gone', earliest: null }])
  })

  test('is told once: the id it carries is one to resume from', async () => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 2 }) })
    const first = await hub.publish({ topic: 'a', data: '0' })
    for (let n = 1; n < 5; n++) await hub.publish({ topic: 'a', data: `${n}` })
    for (const lastEventId of [first, 'unknown']) {
      const client = await connect(hub, 'a', { lastEventId })
      await client.readAll()
      const { lastEventId: told } = client.received.find(({ type }) => type === 'headwater-gap')!
      const again = await connect(hub, 'a', { lastEventId: told })
      await again.readAll()
      expect(again.gaps).toEqual([])
      expect(again.datas).toEqual(['3', '4'])
    }
  })

  test('is told to a client from before a restart, which then gets everything of the new history', async () => {
    const before = await start()
    const client = await connect(before, 'a')
    const id = await before.publish({ topic: 'a', data: 'old' })
    await client.readUntil(1)
    await client.disconnect()
    await before.close()

    const after = await start()
    await after.publish({ topic: 'a', data: 'new' })
    const returned = await connect(after, 'a', { lastEventId: client.lastEventId! })
    await returned.readAll()
    expect(returned.gaps).toEqual([{ reason: 'epoch', requested: id, earliest: expect.any(String) }])
    expect(returned.datas).toEqual(['new'])
  })

  test('is told in the stream when the history is trimmed under a slow reader', async () => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 50 }), feedBytes: 100_000 })
    const client = await connect(hub, 'a')
    for (let n = 0; n < 200; n++) await hub.publish({ topic: 'a', data: `${n} ${'x'.repeat(10_000)}` })
    await client.readAll()
    const numbers = client.datas.map((data) => Number.parseInt(data, 10))
    expect(client.gaps).toEqual([gapOf('trimmed')])
    expect(numbers.at(-1)).toBe(199)
    expect(numbers.slice(-50)).toEqual(Array.from({ length: 50 }, (_, n) => 150 + n))
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  })
})

describe('a quiet subscription', () => {
  test.each([undefined, 'own'])('never ages out of the history while it is connected (last id: %s)', async (id) => {
    const hub = await start({ store: createMemoryStore({ maxEvents: 10 }) })
    const client = await connect(hub, 'quiet')
    await hub.publish({ topic: 'quiet', data: 'only', id })
    await client.readUntil(1)
    for (let n = 0; n < 100; n++) {
      await hub.publish({ topic: 'busy', data: `${n}` })
      await client.readAll()
      const { gaps } = await (await connect(hub, 'quiet', { lastEventId: client.lastEventId! })).readAll()
      expect(gaps).toEqual([])
    }
    expect(client.datas).toEqual(['only'])
    // It is told now and then, not with each event of others.
    expect(client.received.filter(({ type }) => type === 'headwater-position').length).toBeLessThan(50)
  })

  test('is told nothing by each event of others while the history keeps all there was', async () => {
    const hub = await start()
    const client = await connect(hub, 'quiet')
    await hub.publish({ topic: 'quiet', data: 'only' })
    for (let n = 0; n < 100; n++) await hub.publish({ topic: 'busy', data: `${n}` })
    await client.readAll()
    expect(client.received.map(({ type }) => type)).toEqual(['headwater-position', 'message'])
  })

  test('is told its position each minute, and only while there is news', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const hub = await start()
    const client = await connect(hub, 'quiet')
    const positions = async () => {
      await client.readAll()
      return client.received.map(({ lastEventId }) => parseEventId(lastEventId)?.position)
    }
    const lastId = await hub.publish({ topic: 'quiet' })
    await client.readAll()
    await hub.publish({ topic: 'busy' })
    expect(await positions()).toEqual([0, 1])
    vi.advanceTimersByTime(60_000)
    expect(await positions()).toEqual([0, 1, 2])
    vi.advanceTimersByTime(120_000)
    expect(await positions()).toEqual([0, 1, 2])
    expect(client.lastEventId).not.toBe(lastId)
  })

  test('is told its position each minute though it never had an event of its own', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const hub = await start()
    const client = await connect(hub, 'quiet')
    await client.readAll()
    await hub.publish({ topic: 'busy' })
    vi.advanceTimersByTime(60_000)
    await client.readAll()
    expect(client.received.map(({ lastEventId }) => parseEventId(lastEventId)?.position)).toEqual([0, 1])
  })
})

describe('a slow subscriber', () => {
  test('delays nobody, holds little memory, and gets everything when it reads on', async () => {
    const hub = await start()
    let session: Session | undefined
    const subscription = await hub.openSubscription({ matchers: [exactTopic('a')] })
    const response = createResponse(new Request('http://hub.test/'), {}, (opened) => {
      session = opened
      subscription.deliverTo(opened)
    })
    const fast = await connect(hub, 'a')
    for (let n = 0; n < 300; n++) {
      await hub.publish({ topic: 'a', data: `${n} ${'x'.repeat(10_000)}` })
      await fast.readUntil(n + 1)
      expect(session!.unsentBytes).toBeLessThan(200_000)
    }
    expect(session!.isOpen).toBe(true)
    const reader = response.body!.getReader()
    let bytes = 0
    while (bytes < 300 * 10_000) bytes += (await reader.read()).value!.length
    await reader.cancel()
  })

  test('that takes nothing at all is given up, and its client resumes', async () => {
    const hub = await start()
    const client = await connect(hub, 'a', { session: { stallTimeoutMs: 20 } })
    const first = await hub.publish({ topic: 'a', data: 'x'.repeat(200_000) })
    while (hub.subscriberCount > 0) await nextTurn()
    await client.disconnect()
    const again = await connect(hub, 'a', { lastEventId: 'earliest' })
    await again.readUntil(1)
    expect(again.lastEventId).toBe(first)
  })
})

describe('a hub whose store has trouble', () => {
  /** A store whose followers the test can fail. */
  function failingTail(): { store: EventStore; fail: () => void } {
    const memory = createMemoryStore()
    let following: { follower: Follower; stop: () => void } | undefined
    const follow: EventStore['follow'] = async (follower) => {
      const stop = await memory.follow(follower)
      following = { follower, stop }
      return stop
    }
    vi.spyOn(memory, 'follow')
    const store: EventStore = Object.assign(Object.create(memory), { follow })
    for (const method of ['append', 'read', 'bounds', 'inspect', 'find', 'trim', 'close'] as const) {
      Object.assign(store, { [method]: memory[method].bind(memory) })
    }
    return {
      store,
      fail() {
        following!.stop()
        following!.follower.onFailure(new Error('the tail was cut'))
      },
    }
  }

  test('goes on where it was when the tail fails: no event missed, none twice, nobody disconnected', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { store, fail } = failingTail()
    const errors: unknown[] = []
    const hub = await start({ store, onError: (error) => errors.push(error) })
    const client = await connect(hub, 'a')
    const quiet = await connect(hub, 'b')
    await hub.publish({ topic: 'a', data: '1' })
    await client.readAll()
    fail()
    await hub.publish({ topic: 'a', data: '2' })
    await hub.publish({ topic: 'b', data: '3' })
    expect((await client.readAll()).datas).toEqual(['1'])
    vi.advanceTimersByTime(1000)
    await nextTurn()
    await hub.publish({ topic: 'a', data: '4' })
    expect((await client.readAll()).datas).toEqual(['1', '2', '4'])
    expect((await quiet.readAll()).datas).toEqual(['3'])
    expect(errors).toEqual([expect.objectContaining({ message: 'the tail was cut' })])
    expect(client.gaps).toEqual([])
  })

  test('ends the session of a subscriber whose history cannot be read, so that the client comes back', async () => {
    const store = createMemoryStore()
    const errors: unknown[] = []
    const hub = await start({ store, onError: (error) => errors.push(error) })
    const id = await hub.publish({ topic: 'a', data: '1' })
    await hub.publish({ topic: 'a', data: '2' })
    const read = vi.spyOn(store, 'read').mockRejectedValue(new Error('unreadable'))
    const client = await connect(hub, 'a', { lastEventId: id })
    await client.readAll()
    expect(client.isConnected).toBe(false)
    expect(errors).toEqual([expect.objectContaining({ message: 'unreadable' })])
    read.mockRestore()
    await client.connect()
    expect((await client.readAll()).datas).toEqual(['2'])
  })

  test.each([
    [{ store: undefined }, 'createMemoryStore()'],
    [{ store: 'memory:' }, 'store is memory:'],
    [{ turnMs: -1 }, 'turnMs is -1'],
    [{ feedBytes: Number.NaN }, 'feedBytes is NaN'],
    [{ positionMs: 'often' }, 'positionMs is often'],
  ])('is not made with %j, and says why', async (options, reason) => {
    const made = createHubCore({ store: createMemoryStore(), ...options } as unknown as HubCoreOptions)
    await expect(made).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(reason) })
  })

  test('is not made at all when the store cannot be followed', async () => {
    const store = createMemoryStore()
    await store.close()
    await expect(createHubCore({ store })).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })
})

describe('closing', () => {
  test('finishes publishes under way, ends sessions so that clients come back, and takes nothing more', async () => {
    const store = createMemoryStore()
    let finishAppend = () => {}
    const append = store.append.bind(store)
    vi.spyOn(store, 'append').mockImplementationOnce(async (event) => {
      await new Promise<void>((resolve) => {
        finishAppend = resolve
      })
      return append(event)
    })
    const hub = await start({ store })
    const client = await connect(hub, 'a')
    const publishing = hub.publish({ topic: 'a', data: 'last' })
    const closing = hub.close()
    await expect(hub.publish({ topic: 'a' })).rejects.toMatchObject({ code: 'HUB_CLOSED' })
    await expect(hub.openSubscription({ matchers: [everyTopic] })).rejects.toMatchObject({ code: 'HUB_CLOSED' })
    finishAppend()
    await expect(publishing).resolves.toContain(`${store.epoch}.1.`)
    await client.readAll()
    expect(client.isConnected).toBe(false)
    await closing
    expect(hub.subscriberCount).toBe(0)
    await hub.close()
  })

  test('ends a session that comes in between', async () => {
    const hub = await start()
    const subscription = await hub.openSubscription({ matchers: [everyTopic] })
    await hub.close()
    const response = createResponse(new Request('http://hub.test/'), {}, (session) => subscription.deliverTo(session))
    await expect(response.text()).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })
})

describe("a publisher's id", () => {
  test('that is taken is refused to a program, with a code', async () => {
    const hub = await start()
    await hub.publish({ topic: 'a', id: 'mine' })
    await expect(hub.publish({ topic: 'b', id: 'mine' })).rejects.toMatchObject({ code: 'EVENT_ID_TAKEN' })
    await expect(hub.publishAll([{ topic: 'b' }, { topic: 'b', id: 'mine' }])).rejects.toMatchObject({
      code: 'EVENT_ID_TAKEN',
    })
  })

  test('of a private event is unknown to who may not receive that event', async () => {
    const hub = await start()
    await hub.publish({ topic: 'secret', data: 's', id: 'private', private: true })
    await hub.publish({ topic: 'a', data: 'open', id: 'open' })
    await hub.publish({ topic: 'a', data: 'next' })
    const resume = async (lastEventId: string, rights: string[] = []) => {
      const client = await connect(hub, 'a', { lastEventId, rights })
      await client.readAll()
      return { gaps: client.gaps.map(({ reason }) => reason), datas: client.datas }
    }
    expect(await resume('never published')).toEqual({ gaps: ['unknown'], datas: ['open', 'next'] })
    expect(await resume('private')).toEqual(await resume('never published'))
    expect(await resume('private', ['secret'])).toEqual({ gaps: [], datas: ['open', 'next'] })
    expect(await resume('open')).toEqual({ gaps: [], datas: ['next'] })
  })
})
