import { afterEach, describe, expect, test } from 'vitest'
import { createHubCore, type HubCore } from '../../src/hub/hub-core.ts'
import { everyTopic } from '../../src/matching/matcher.ts'
import { decorateStore } from '../../src/store/decorate-store.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Bounds, EventStore, HistoryPosition } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { TestClient } from './client.ts'

const hubs: HubCore[] = []
const clients: TestClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.disconnect()
  for (const hub of hubs.splice(0)) await hub.close()
})

async function start(store: EventStore): Promise<HubCore> {
  const hub = await createHubCore({ store })
  hubs.push(hub)
  return hub
}

function client(hub: HubCore, lastEventId?: string): TestClient {
  const made = new TestClient(hub, { matchers: [everyTopic], lastEventId })
  clients.push(made)
  return made
}

describe('what is trimmed', () => {
  test.each(['earliest', '-3'])(
    'is not given to a new subscriber from a feed that still holds it, by %s',
    async (from) => {
      const hub = await start(createMemoryStore({ maxEvents: 2 }))
      const other = await client(hub).connect()
      for (const data of ['1', '2', '3', '4']) await hub.publish({ topic: 'a', data })
      await other.readUntil(4)
      const late = await client(hub, from).connect()
      await late.readAll()
      expect(late.datas).toEqual(['3', '4'])
    },
  )

  test('does not come again with a page that was read for somebody else before', async () => {
    const { store, gate } = withSlowReads(createMemoryStore({ maxEvents: 3 }))
    const hub = await start(store)
    for (const data of ['1', '2', '3']) await hub.publish({ topic: 'a', data, id: `own ${data}` })
    const stranger = await client(hub, 'never published').connect()
    while (gate.readCount === 0) await nextTurn()
    // What the stranger gets has been read, and has not arrived.
    for (const data of ['4', '5']) await hub.publish({ topic: 'a', data })
    const returned = await client(hub, 'own 2').connect()
    await returned.readAll()
    gate.open()
    await returned.readUntil(3)
    await returned.readAll()
    expect(returned.gaps.map(({ reason }) => reason)).toEqual(['unknown'])
    expect(returned.datas).toEqual(['3', '4', '5'])
    await stranger.readUntil(5)
    expect(stranger.datas).toEqual(['1', '2', '3', '4', '5'])
  })

  test('does not take a client back when the tail of its new hub is late', async () => {
    const engine = createMemoryStore({ maxEvents: 2 })
    const first = await start(engine)
    const { store, tail } = withLateTail(engine)
    const second = await start(store)
    const ids: string[] = []
    for (const data of ['1', '2', '3', '4', '5']) ids.push(await first.publish({ topic: 'a', data }))
    const moved = client(second, ids[1])
    let isConnected = false
    const connecting = moved.connect().then(() => {
      isConnected = true
    })
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    expect(isConnected).toBe(false)
    tail.release()
    await connecting
    await moved.readUntil(2)
    expect(moved.gaps).toEqual([{ reason: 'trimmed', requested: ids[1], earliest: ids[3] }])
    expect(moved.received.map(({ lastEventId }) => lastEventId)).toEqual([ids[2], ids[3], ids[4]])
  })
})

/** The same store, whose pages arrive when the gate is open. */
function withSlowReads(store: EventStore) {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const gate = { readCount: 0, open }
  const slow = decorateStore(store, {
    read: async (query) => {
      const page = await store.read(query)
      gate.readCount++
      await opened
      return page
    },
  })
  return { store: slow, gate }
}

/** The same store as it looks from another process, which hears of nothing until the tail is released. */
function withLateTail(store: EventStore) {
  const waiting: (() => void)[] = []
  let told: HistoryPosition = { position: 0, tag: 0 }
  const known = (bounds: Bounds): Bounds => ({ ...bounds, head: told })
  const late = decorateStore(store, {
    bounds: async () => known(await store.bounds()),
    follow: (follower) =>
      store.follow({
        onStart: (bounds) => follower.onStart(known(bounds)),
        onAppend: (events) => {
          waiting.push(() => {
            told = events.at(-1)!
            follower.onAppend(events)
          })
        },
        onTrim: (trimmed) => {
          waiting.push(() => follower.onTrim(trimmed))
        },
        onFailure: (error) => follower.onFailure(error),
      }),
  })
  const tail = {
    release() {
      for (const tell of waiting.splice(0)) tell()
    },
  }
  return { store: late, tail }
}
