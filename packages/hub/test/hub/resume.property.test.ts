import { parseEventId } from '@headwater/sse/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeStoredEvent } from '../../src/hub/event-frame.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { Selection } from '../../src/hub/selection.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Retention } from '../../src/store/retention.ts'
import { shareStore } from '../../src/store/shared/share-store.ts'
import { openSharedStore } from '../../src/store/shared.ts'
import type { EventRecord, EventStore, HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { createRemoteStore, seeded } from '../store/remote-store.ts'
import { TestClient } from './client.ts'

const stores = {
  memory: (retention: Retention, _seed: number) => createMemoryStore(retention),
  'remote (simulated)': (retention: Retention, seed: number) => createRemoteStore({ ...retention, seed }),
  'shared (seen from another thread)': openShared,
}

interface Logged extends EventRecord, HistoryPosition {}

// As long as it takes: how fast the machine is says nothing of the hub.
const patience = { timeout: 600_000 }

async function openShared(retention: Retention): Promise<EventStore> {
  const frameOf = (epoch: string, event: StoredEvent) => Buffer.from(encodeStoredEvent(epoch, event))
  return openSharedStore((await shareStore(createMemoryStore(retention), { frameOf })).connect())
}

describe.each(Object.entries(stores))('subscribers of a hub over the %s store', patience, (name, openStore) => {
  test('get each of their events once and in order, however they disconnect and resume while others publish', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const run = await runHub(await openStore({ maxEvents: Infinity, maxBytes: Infinity }, seed), seed)
        for (const { client, expected } of run) {
          expect(client.gaps).toEqual([])
          expect(client.datas).toEqual(expected.map(({ data }) => data))
        }
      }),
      { numRuns: 40 },
    )
  })

  test('are told of a gap wherever, and only where, events of their own are gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const run = await runHub(await openStore({ maxEvents: 1 + (seed % 30), maxBytes: Infinity }, seed), seed)
        for (const { client, expected } of run) {
          const places = new Map(expected.map(({ data }, place) => [data, place]))
          let place = -1
          let gapReason: string | undefined
          for (const { type, data } of client.received) {
            if (type === 'headwater-position') continue
            if (type === 'headwater-gap') {
              gapReason = JSON.parse(data).reason
              continue
            }
            const next = places.get(data)!
            if (gapReason) {
              // An ID of a publisher's is forgotten with its event, so that nobody can say what came after it; and where history
              // is trimmed faster than a read of it takes, only that the topic lost something can be said, not when.
              const isExact = gapReason !== 'unknown' && name === 'memory'
              expect(next, gapReason).toBeGreaterThanOrEqual(isExact ? place + 2 : place + 1)
            } else expect(next).toBe(place + 1)
            place = next
            gapReason = undefined
          }
          if (!gapReason) expect(place).toBe(expected.length - 1)
        }
      }),
      { numRuns: 60 },
    )
  })
})

/** Publishers, and subscribers who come and go, all at random. At the end everybody is connected and has read everything. */
async function runHub(store: EventStore, seed: number): Promise<{ client: TestClient; expected: Logged[] }[]> {
  const random = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const log: Logged[] = []
  const hub = await createHubCore({
    store: recording(store, log),
    turnMs: pick([0, 0.05, 2]),
    feedBytes: pick([300, 3000, 300_000]),
    onError: (error) => {
      throw error
    },
  })
  const topics = ['a', 'b', 'c', 'd']
  const dataBytes = pick([1, 10, 10_000])

  const publish = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const chosen = topics.filter(() => random() < 0.3)
      await hub.publish({
        topic: chosen.length > 0 ? chosen : 'a',
        data: `${random()} ${'x'.repeat(random() * dataBytes)}`,
        private: random() < 0.2,
        id: random() < 0.2 ? `own ${random()}` : undefined,
      })
      for (let turns = random() * 3; turns > 1; turns--) await nextTurn()
    }
  }

  const subscribe = async (untilOver: { isOver: boolean }) => {
    const matchers = random() < 0.2 ? [everyTopic] : [exactTopic(pick(topics)), exactTopic(pick(topics))]
    const rights = random() < 0.3 ? [exactTopic(pick(topics))] : []
    const client = new TestClient(hub, { matchers, rights, lastEventId: random() < 0.3 ? 'earliest' : undefined })
    let firstId: string | undefined
    while (!untilOver.isOver) {
      for (let turns = random() * 5; turns > 1; turns--) await nextTurn()
      if (!client.isConnected) await client.connect()
      // A client that leaves before it was given any ID has nothing to resume from.
      while (!firstId) {
        await client.readSome()
        firstId = client.received[0]?.lastEventId
      }
      for (let chunks = random() * 4; chunks > 1; chunks--) await client.readSome(pick([1, 5]))
      if (random() < 0.3) await client.disconnect()
    }
    if (!client.isConnected) await client.connect()
    return { client, matchers, rights }
  }

  const publishing = { isOver: false }
  const subscribers = Array.from({ length: 8 }, () => subscribe(publishing))
  await Promise.all([publish(60), publish(60)])
  publishing.isOver = true
  const clients = await Promise.all(subscribers)
  await store.trim()
  await hub.publish({ topic: ['a', 'b', 'c', 'd'], data: 'last' })
  for (const { client } of clients) while (client.datas.at(-1) !== 'last') await client.readSome()
  for (const { client } of clients) await client.readAll()

  log.sort((one, other) => one.position - other.position)
  const result = clients.map(({ client, matchers, rights }) => {
    const selection = new Selection(matchers, rights)
    const own = log.filter((event) => selection.admits(event))
    // What it should have begins where its first ID says: with the first event received, or after the first position told.
    const first = client.received[0]!
    const start =
      first.type === 'headwater-gap'
        ? 0
        : first.type === 'headwater-position'
          ? parseEventId(first.lastEventId)!.position + 1
          : log.find(({ data }) => data === first.data)!.position
    return { client, expected: own.filter(({ position }) => position >= start) }
  })
  for (const { client } of clients) await client.disconnect()
  await hub.close()
  expect(hub.subscriberCount).toBe(0)
  await store.close()
  return result
}

/** The same store, writing down what it took. */
function recording(store: EventStore, log: Logged[]): EventStore {
  return {
    ...bound(store),
    epoch: store.epoch,
    async append(event, options) {
      const mark = await store.append(event, options)
      log.push({ ...event, ...mark })
      return mark
    },
  }
}

function bound(store: EventStore): Omit<EventStore, 'epoch' | 'append'> {
  return {
    read: (query) => store.read(query),
    bounds: () => store.bounds(),
    inspect: (position) => store.inspect(position),
    find: (id) => store.find(id),
    follow: (follower) => store.follow(follower),
    trim: () => store.trim(),
    close: () => store.close(),
  }
}
