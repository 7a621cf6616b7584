import { afterEach, describe, expect, test } from 'vitest'
import { createHubCore, type HubCore } from '../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createRemoteStore } from '../store/remote-store.ts'
import { TestClient } from './client.ts'

const hubs: HubCore[] = []
const clients: TestClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.disconnect()
  for (const hub of hubs.splice(0)) await hub.close()
})

async function start(store = createMemoryStore()): Promise<HubCore> {
  const hub = await createHubCore({ store })
  hubs.push(hub)
  return hub
}

async function connect(
  hub: HubCore,
  topics: string[],
  lastEventId: string,
  rights: string[] = [],
): Promise<TestClient> {
  const options = { matchers: topics.map(exactTopic), rights: rights.map(exactTopic), lastEventId }
  const client = new TestClient(hub, options)
  clients.push(client)
  return await client.connect()
}

describe.each([
  ['memory', () => createMemoryStore()],
  ['remote (simulated), which reads forwards only', () => createRemoteStore()],
])('asked for the last N events over the %s store, a hub', (_name, createStore) => {
  test('gives the last N of the selection, then goes on live', async () => {
    const hub = await start(createStore())
    const ids: string[] = []
    for (let n = 0; n < 2500; n++) {
      ids.push(await hub.publish({ topic: n % 5 ? 'busy' : 'quiet', data: `${n}`, private: n % 25 === 0 }))
    }
    const quiet = await connect(hub, ['quiet'], '-3')
    const both = await connect(hub, ['quiet', 'busy'], '-3')
    const all = await connect(hub, ['*'], '-2')
    const granted = await connect(hub, ['quiet'], '-5', ['quiet'])
    await hub.publish({ topic: 'quiet', data: 'live' })
    // 2475 is private.
    await quiet.readUntil(4)
    expect(quiet.datas).toEqual(['2485', '2490', '2495', 'live'])
    expect(quiet.precedingEventId).toBe(ids[2480])
    await both.readUntil(4)
    expect(both.datas).toEqual(['2497', '2498', '2499', 'live'])
    await all.readUntil(3)
    expect(all.datas).toEqual(['2498', '2499', 'live'])
    await granted.readUntil(6)
    expect(granted.datas).toEqual(['2475', '2480', '2485', '2490', '2495', 'live'])
    for (const { gaps } of clients) expect(gaps).toEqual([])
  })

  test('gives all there is when that is fewer, and says so', async () => {
    const hub = await start(createStore())
    for (const data of ['1', '2']) await hub.publish({ topic: 'a', data })
    const client = await connect(hub, ['a'], '-2')
    await client.readUntil(2)
    expect([client.datas, client.precedingEventId]).toEqual([['1', '2'], 'earliest'])
    const none = await connect(hub, ['b'], '-7')
    await hub.publish({ topic: 'b', data: 'live' })
    await none.readUntil(1)
    expect(none.datas).toEqual(['live'])
  })

  test('tells no gap though what came before is gone', async () => {
    const hub = await start(createMemoryStore({ maxEvents: 3 }))
    for (const data of ['1', '2', '3', '4', '5']) await hub.publish({ topic: 'a', data })
    for (const count of [2, 3, 9]) {
      const client = await connect(hub, ['a'], `-${count}`)
      await client.readUntil(Math.min(count, 3))
      expect([client.datas, client.gaps]).toEqual([['3', '4', '5'].slice(-count), []])
    }
  })
})

describe('a hub', () => {
  test('takes -0 for what comes next, and refuses more than 10000', async () => {
    const hub = await start()
    await hub.publish({ topic: 'a', data: 'before' })
    const client = await connect(hub, ['a'], '-0')
    await hub.publish({ topic: 'a', data: 'after' })
    await client.readUntil(1)
    expect(client.datas).toEqual(['after'])
    await expect(hub.openSubscription({ matchers: [everyTopic], lastEventId: '-10001' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('10000'),
    })
  })

  test('tells the id to subscribe from for what comes after the newest event of a selection', async () => {
    const hub = await start()
    const of = (topic: string, rights: string[] = []) =>
      hub.lastEventId({ matchers: [exactTopic(topic)], rights: rights.map(exactTopic) })
    expect(await of('a')).toMatch(/^[0-9a-z]{10}\.0$/)
    const first = await hub.publish({ topic: 'a' })
    expect(await of('a')).toBe(first)
    const secret = await hub.publish({ topic: 'a', private: true })
    const other = await hub.publish({ topic: 'b' })
    expect(await of('a')).toBe(first)
    expect(await of('a', ['a'])).toBe(secret)
    expect(await of('*')).toBe(other)
    // Of one that has none: from now on.
    expect(await of('c')).toBe(other)
  })
})
