import { describe, expect, onTestFinished, test } from 'vitest'
import { HistoryReader } from '../../src/hub/history-reader.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { Selection } from '../../src/hub/selection.ts'
import { everyTopic, exactTopic, urlPattern } from '../../src/matching/matcher.ts'
import { createMemoryStore, type MemoryStoreOptions } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { TestClient } from './client.ts'
import { countReads } from './counting-store.ts'

const of = (topic: string) => new Selection([exactTopic(topic)])
/** Looks at every event, and is another each time. */
const pattern = (n: number) => new Selection([urlPattern(`/none/${n}/:id`, 'https://hub.test/')])

async function append(store: EventStore, topics: readonly string[], count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await store.append({ topics, data: `${n}`, isPrivate: false, id: undefined, type: undefined, retryMs: undefined })
  }
}

async function start(count: number, options: MemoryStoreOptions = {}) {
  const counting = countReads(createMemoryStore(options))
  await append(counting.store, ['a'], count)
  return { counting, store: counting.store, reader: new HistoryReader(counting.store) }
}

describe('reading pages', () => {
  test('is done for 16 at once, and for the others in turn', async () => {
    const { counting, store, reader } = await start(1)
    const release = counting.hold()
    const { head } = await store.bounds()
    const pages = Array.from({ length: 100 }, (_, n) => reader.read(of(`${n}`), 0, head))
    await nextTurn()
    expect(counting.reads).toBe(16)
    release()
    await Promise.all(pages)
    expect([counting.reads, counting.mostAtOnce]).toEqual([100, 16])
  })

  test('is not done for those who leave the line, and done once for those who want the same page', async () => {
    const { counting, store, reader } = await start(1)
    const release = counting.hold()
    const { head } = await store.bounds()
    const controller = new AbortController()
    const staying = Array.from({ length: 16 }, (_, n) => reader.read(of(`${n}`), 0, head))
    const leaving = Array.from({ length: 1000 }, (_, n) => reader.read(of(`left ${n}`), 0, head, controller.signal))
    const same = Array.from({ length: 1000 }, () => reader.read(of('same'), 0, head, new AbortController().signal))
    controller.abort(new Error('left'))
    for (const { status } of await Promise.allSettled(leaving)) expect(status).toBe('rejected')
    release()
    await Promise.all([...staying, ...same])
    expect(counting.reads).toBe(17)
  })
})

describe('searching for the last event', () => {
  test('costs one scan for 1500 who want the same, and for later ones only what is new', async () => {
    const { counting, store, reader } = await start(5000)
    const once = await reader.findLast(pattern(0), 1)
    const oneScan = counting.reads
    expect(once.mark).toBe(undefined)
    const all = await Promise.all(Array.from({ length: 1500 }, () => reader.findLast(pattern(1), 1)))
    expect(new Set(all.map(({ head }) => head.position))).toEqual(new Set([5000]))
    expect(counting.reads).toBe(2 * oneScan)
    await append(store, ['https://hub.test/none/1/x'], 1)
    await append(store, ['a'], 5)
    expect((await reader.findLast(pattern(1), 1)).mark?.position).toBe(5001)
    await append(store, ['a'], 5)
    expect((await reader.findLast(pattern(1), 1)).mark?.position).toBe(5001)
    expect(counting.reads).toBeLessThanOrEqual(2 * oneScan + 2)
  })

  test('costs twice as many reads for twice as long a history, or for twice as many searches', async () => {
    const readsOf = async (events: number, searches: number) => {
      const { counting, reader } = await start(events)
      await Promise.all(Array.from({ length: searches }, (_, n) => reader.findLast(pattern(n), 1)))
      return counting.reads
    }
    const reads = await readsOf(4000, 10)
    expect(await readsOf(8000, 10)).toBeLessThanOrEqual(2 * reads + 10)
    expect(await readsOf(4000, 20)).toBeLessThanOrEqual(2 * reads)
  })

  test('reads one page at a time for all, and is over at the next page when its client has left', async () => {
    const { counting, reader } = await start(20_000)
    const controllers = Array.from({ length: 50 }, () => new AbortController())
    const searches = controllers.map(({ signal }, n) => reader.findLast(pattern(n), 1, signal))
    for (const search of searches) search.catch(() => {})
    while (counting.reads < 100) await nextTurn()
    for (const controller of controllers) controller.abort(new Error('left'))
    const before = counting.reads
    for (const { status } of await Promise.allSettled(searches)) expect(status).toBe('rejected')
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect(counting.reads - before).toBeLessThanOrEqual(1)
    expect(counting.mostAtOnce).toBe(1)
  })

  test('that is short is not kept waiting by long ones for more than a page of each', async () => {
    const { counting, reader } = await start(20_000)
    const controller = new AbortController()
    const long = Array.from({ length: 10 }, (_, n) => reader.findLast(pattern(n), 1, controller.signal))
    for (const search of long) search.catch(() => {})
    while (counting.reads < 20) await nextTurn()
    const before = counting.reads
    expect((await reader.findLast(of('a'), 1)).mark?.position).toBe(20_000)
    expect(counting.reads - before).toBeLessThanOrEqual(12)
    controller.abort()
  })

  test('goes on for those who stay when others who want the same leave', async () => {
    const { reader } = await start(5000)
    const controller = new AbortController()
    const leaving = reader.findLast(pattern(1), 1, controller.signal)
    const staying = reader.findLast(pattern(1), 1, new AbortController().signal)
    await nextTurn()
    controller.abort(new Error('left'))
    await expect(leaving).rejects.toThrow('left')
    expect((await staying).head.position).toBe(5000)
  })

  test('does not find what is trimmed, nor say of an old search that it is true of now', async () => {
    const { store, reader } = await start(10, { maxEvents: 10 })
    expect((await reader.findLast(of('a'), 1)).mark?.position).toBe(10)
    expect((await reader.findLast(of('a'), 9)).mark?.position).toBe(2)
    await append(store, ['b'], 5)
    expect((await reader.findLast(of('a'), 1)).mark?.position).toBe(10)
    expect((await reader.findLast(of('a'), 9)).mark).toBe(undefined)
    await append(store, ['b'], 5)
    expect(await reader.findLast(of('a'), 1)).toMatchObject({ mark: undefined, head: { position: 20 } })
  })
})

test('to find out whether something was lost takes a turn like any other read, and ends with its client', async () => {
  const { counting, store, reader } = await start(10, { maxEvents: 1 })
  const release = counting.hold()
  const { head } = await store.bounds()
  const pages = Array.from({ length: 16 }, (_, n) => reader.read(of(`${n}`), 0, head))
  const controller = new AbortController()
  const leaving = reader.hasLost(of('a'), 1, controller.signal)
  const staying = [reader.hasLost(of('a'), 1), reader.hasLost(of('b'), 1)]
  await nextTurn()
  controller.abort(new Error('left'))
  await expect(leaving).rejects.toThrow('left')
  expect(counting.reads).toBe(16)
  release()
  expect(await Promise.all(staying)).toEqual([true, false])
  await Promise.all(pages)
  expect(counting.reads).toBe(18)
})

describe('over one reader', () => {
  async function startHub(count: number) {
    const { counting, store } = await start(0)
    for (let n = 0; n < count; n++) await append(store, [`${n % 40}`], 1)
    const hub = await createHubCore({ store })
    onTestFinished(() => hub.close())
    return { counting, hub }
  }

  test('a subscriber that gets twice as much of the history takes twice as many reads', async () => {
    const readsOf = async (count: number) => {
      const { counting, hub } = await startHub(count)
      const client = await new TestClient(hub, { matchers: [everyTopic], lastEventId: 'earliest' }).connect()
      await client.readUntil(count)
      await client.disconnect()
      return counting.reads
    }
    const reads = await readsOf(5000)
    expect(await readsOf(10_000)).toBeLessThanOrEqual(2 * reads + 2)
  })

  test('programs and subscribers, more of each than there are places, all get on', async () => {
    const { counting, hub } = await startHub(4000)
    const release = counting.hold()
    const topics = Array.from({ length: 40 }, (_, n) => `${n}`)
    const loops = topics.map(async (topic) => {
      let count = 0
      for await (const _ of hub.subscribe(topic, { lastEventId: 'earliest' })) if (++count === 100) return
    })
    const clients = topics.map(
      (topic) => new TestClient(hub, { matchers: [exactTopic(topic)], lastEventId: 'earliest' }),
    )
    const reading = clients.map(async (client) => {
      await client.connect()
      await client.readUntil(100)
      await client.disconnect()
    })
    await nextTurn()
    release()
    await Promise.all([...loops, ...reading])
    expect(counting.mostAtOnce).toBe(16)
  })
})
