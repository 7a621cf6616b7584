import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHubCore, type HubCore } from '../../src/hub/hub-core.ts'
import type { HubEvent } from '../../src/hub/program-events.ts'
import { everyTopic, exactTopic, urlPattern } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { nextTurn } from '../next-turn.ts'
import { createRemoteStore } from '../store/remote-store.ts'
import { countReads } from './counting-store.ts'

const hubs: HubCore[] = []

afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close()
})

async function start(store = createMemoryStore()): Promise<HubCore> {
  const hub = await createHubCore({ store })
  hubs.push(hub)
  return hub
}

/** The data of the next events. */
async function take(events: AsyncGenerator<{ data: unknown }>, count: number): Promise<unknown[]> {
  const datas: unknown[] = []
  while (datas.length < count) {
    const { done, value } = await events.next()
    if (done) throw new Error(`the events ended after ${datas.length}`)
    datas.push(value.data)
  }
  return datas
}

describe('the events of a hub', () => {
  test('come with all that their publisher gave them', async () => {
    const hub = await start()
    const id = await hub.publish({ topic: ['a', 'b'], data: 'x\r\ny', type: 'note', private: true })
    await hub.publish({ topic: 'a', id: 'mine' })
    const events = hub.subscribe('a', { lastEventId: 'earliest', rights: [exactTopic('b')] })
    expect((await events.next()).value).toEqual({
      id,
      topics: ['a', 'b'],
      type: 'note',
      data: 'x\r\ny',
      isPrivate: true,
    })
    expect((await events.next()).value).toEqual({
      id: 'mine',
      topics: ['a'],
      type: 'message',
      data: '',
      isPrivate: false,
    })
  })

  test.each([
    ['memory', createMemoryStore],
    ['remote (simulated)', createRemoteStore],
  ])('go from the history to live without gap or duplicate, over the %s store', async (_name, createStore) => {
    const hub = await start(createStore())
    const publish = async (from: number, to: number) => {
      for (let n = from; n < to; n++) await hub.publish({ topic: n % 3 ? 'a' : 'b', data: `${n}` })
    }
    await publish(0, 1500)
    const publishing = publish(1500, 3000)
    const events = hub.subscribe(['a', exactTopic('c')], { lastEventId: 'earliest' })
    expect(await take(events, 2000)).toEqual(Array.from({ length: 3000 }, (_, n) => `${n}`).filter((_, n) => n % 3))
    await publishing
  })

  test('begin with what comes next, or after an id, or with the last', async () => {
    const hub = await start()
    const [first] = await hub.publishAll(['1', '2', '3'].map((data) => ({ topic: 'a', data })))
    const live = hub.subscribe('*')
    const next = take(live, 1)
    await nextTurn()
    await hub.publish({ topic: 'a', data: '4' })
    expect(await next).toEqual(['4'])
    expect(await take(hub.subscribe('a', { lastEventId: first }), 3)).toEqual(['2', '3', '4'])
    expect(await take(hub.subscribe('a', { lastEventId: '-2' }), 2)).toEqual(['3', '4'])
  })

  test('tell of a gap as streams do, also when a reader is overtaken by the trimming', async () => {
    const hub = await start(createMemoryStore({ maxEvents: 2 }))
    const id = await hub.publish({ topic: 'a', data: '1' })
    const reader = hub.subscribe('a', { lastEventId: id })
    const unknown = hub.subscribe('a', { lastEventId: 'unheard-of' })
    const first = reader.next()
    await nextTurn()
    await hub.publish({ topic: 'a', data: '2' })
    expect((await first).value).toMatchObject({ data: '2' })
    for (const data of ['3', '4', '5']) await hub.publish({ topic: 'a', data })
    const gap = (await reader.next()).value as HubEvent
    expect([gap.type, JSON.parse(gap.data)]).toEqual(['headwater-gap', expect.objectContaining({ reason: 'trimmed' })])
    expect(await take(reader, 2)).toEqual(['4', '5'])
    expect(JSON.parse(((await unknown.next()).value as HubEvent).data)).toMatchObject({ reason: 'unknown' })
    expect(await take(unknown, 2)).toEqual(['4', '5'])
    // Whoever resumes from the gap misses nothing more.
    expect(await take(hub.subscribe('a', { lastEventId: gap.id }), 2)).toEqual(['4', '5'])
  })

  test('end when the hub closes, and throw the reason of a signal that aborts', async () => {
    const hub = await start()
    const controller = new AbortController()
    const closed = hub.subscribe('a').next()
    const aborted = hub.subscribe('a', { signal: controller.signal }).next()
    await nextTurn()
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(hub.subscribe('a', { signal: controller.signal }).next()).rejects.toThrow('enough')
    await hub.close()
    expect(await closed).toEqual({ done: true, value: undefined })
    await expect(hub.subscribe('a').next()).rejects.toMatchObject({ code: 'HUB_CLOSED' })
  })

  test('do not wait in memory for a reader that takes its time', async () => {
    const hub = await start()
    const events = hub.subscribe('a', { lastEventId: 'earliest' })
    await hub.publish({ topic: 'a', data: '0' })
    await events.next()
    for (let n = 1; n <= 3000; n++) await hub.publish({ topic: 'a', data: `${n}` })
    expect(await take(events, 3000)).toEqual(Array.from({ length: 3000 }, (_, n) => `${n + 1}`))
  })

  test('of 20 loops over a quiet topic cost no read of the history while events come on another', async () => {
    const counting = countReads(createMemoryStore())
    const hub = await start(counting.store)
    const quiet = Array.from({ length: 20 }, () => take(hub.subscribe('quiet'), 1))
    const patterns = take(hub.subscribe([urlPattern('/quiet/:id', 'https://hub.test/')]), 1)
    await nextTurn()
    const before = counting.reads
    for (let n = 0; n < 100; n++) await hub.publish({ topic: 'busy', data: `${n}` })
    await hub.publish({ topic: 'quiet', data: 'secret', private: true })
    await nextTurn()
    expect(counting.reads - before).toBe(0)
    await hub.publish({ topic: ['quiet', 'https://hub.test/quiet/1'], data: 'at last' })
    expect(await Promise.all(quiet)).toEqual(quiet.map(() => ['at last']))
    expect(await patterns).toEqual(['at last'])
    // The loops of the same topic share one.
    expect(counting.reads - before).toBe(2)
  })

  test('cost one read for each time that something comes, and twice as many for twice as many events', async () => {
    const readsFor = async (count: number) => {
      const counting = countReads(createMemoryStore())
      const hub = await start(counting.store)
      const events = hub.subscribe('a')
      for (let n = 0; n < count; n++) {
        const next = take(events, 1)
        await nextTurn()
        await hub.publish({ topic: 'a', data: `${n}` })
        for (let others = 0; others < 5; others++) await hub.publish({ topic: 'b' })
        expect(await next).toEqual([`${n}`])
      }
      return counting.reads
    }
    const reads = await readsFor(50)
    // One for the event, and at most one to find that those after it are of others.
    expect(reads).toBeLessThanOrEqual(100)
    expect(await readsFor(100)).toBeLessThanOrEqual(2 * reads + 2)
  })

  test.each([
    ['memory', createMemoryStore],
    ['remote (simulated)', createRemoteStore],
  ])(
    'are told of no gap where only those of other topics are gone, over the %s store',
    { timeout: 60_000 },
    async (_name, createStore) => {
      const hub = await start(createStore({ maxEvents: 3 }))
      const events = hub.subscribe('quiet', { lastEventId: await hub.publish({ topic: 'quiet', data: '0' }) })
      const next = events.next()
      await nextTurn()
      // More topics than a store remembers the ends of.
      await Promise.all(Array.from({ length: 10_100 }, (_, n) => hub.publish({ topic: `busy ${n}` })))
      await hub.publish({ topic: 'quiet', data: '1' })
      expect((await next).value).toMatchObject({ type: 'message', data: '1' })
      // One that is busy with that event is overtaken by the trimming of its own topic.
      for (const data of ['2', '3', '4', '5']) await hub.publish({ topic: 'quiet', data })
      expect((await events.next()).value).toMatchObject({ type: 'headwater-gap' })
      expect(await take(events, 3)).toEqual(['3', '4', '5'])
    },
  )

  test('are not missed while the tail of the store has failed', async () => {
    const store = createMemoryStore()
    const { follow } = store
    let fail = (_: Error) => {}
    store.follow = (follower) => {
      fail = (error) => follower.onFailure(error)
      return follow.call(store, follower)
    }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const hub = await createHubCore({ store, onError: () => {} })
    hubs.push(hub)
    const next = take(hub.subscribe('a'), 2)
    await nextTurn()
    fail(new Error('cut off'))
    await store.append({
      topics: ['a'],
      data: '1',
      isPrivate: false,
      id: undefined,
      type: undefined,
      retryMs: undefined,
    })
    await vi.advanceTimersByTimeAsync(1000)
    await hub.publish({ topic: 'a', data: '2' })
    expect(await next).toEqual(['1', '2'])
  })

  test('are waited for by nobody who has aborted or left', async () => {
    const counting = countReads(createMemoryStore())
    const hub = await start(counting.store)
    const controllers = Array.from({ length: 10 }, () => new AbortController())
    const waiting = controllers.map(({ signal }) => hub.subscribe('b', { signal }).next())
    const left = hub.subscribe('a', { lastEventId: 'earliest' })
    await hub.publish({ topic: 'a', data: '1' })
    expect(await take(left, 1)).toEqual(['1'])
    for (const controller of controllers) controller.abort(new Error('enough'))
    await Promise.allSettled(waiting)
    const before = counting.reads
    for (let n = 0; n < 10; n++) await hub.publish({ topic: ['a', 'b'] })
    await nextTurn()
    expect(counting.reads - before).toBe(0)
  })

  test('of no topic are refused', async () => {
    const hub = await start()
    await expect(hub.subscribe([]).next()).rejects.toMatchObject({ code: 'INVALID_MATCHER' })
  })
})

test('everyTopic as a right gives every private event', async () => {
  const hub = await start()
  await hub.publish({ topic: 'a', data: 'secret', private: true })
  expect(await take(hub.subscribe('*', { lastEventId: 'earliest', rights: [everyTopic] }), 1)).toEqual(['secret'])
})
