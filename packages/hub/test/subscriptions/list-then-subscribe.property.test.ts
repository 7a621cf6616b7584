import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'
import { TestClient } from '../hub/client.ts'
import { nextTurn } from '../next-turn.ts'
import { createRemoteStore, seeded } from '../store/remote-store.ts'
import { subscriptionPaths } from './running-registry.ts'

const stores = {
  memory: (_seed: number) => createMemoryStore(),
  'remote (simulated)': (seed: number) => createRemoteStore({ seed }),
}

describe.each(Object.entries(stores))(
  'whoever lists and then subscribes, to a hub over the %s store',
  (_, openStore) => {
    test('knows for ever after who is connected, however others come, go and publish', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), async (seed) => {
          const { watchers, active } = await comeAndGo(openStore(seed), seed)
          expect(watchers.length).toBeGreaterThan(0)
          for (const known of watchers) expect([...known].sort()).toEqual(active)
        }),
        { numRuns: 40 },
      )
    })
  },
)

async function comeAndGo(store: EventStore, seed: number) {
  const random = seeded(seed)
  const hub = await createHubCore({
    store,
    subscriptions: { compat: random() < 0.5 },
    turnMs: random() < 0.5 ? 0 : 2,
    feedBytes: random() < 0.5 ? 1000 : 1_000_000,
    onError: (error) => {
      throw error
    },
  })
  const connected: TestClient[] = []
  const watchers: { client: TestClient; listed: readonly string[] }[] = []
  const pathsNow = () => hub.subscriptions!.list().subscriptions.map((each) => subscriptionPaths.of(each))
  const watch = async () => {
    const { subscriptions, lastEventId } = hub.subscriptions!.list()
    const listed = subscriptions.map((each) => subscriptionPaths.of(each))
    // Time passes between the two requests.
    for (let turns = Math.floor(random() * 10); turns > 0; turns--) await nextTurn()
    const options = { matchers: [exactTopic(subscriptionPaths.events)], rights: [everyTopic], lastEventId }
    watchers.push({ client: await new TestClient(hub, options).connect(), listed })
  }

  for (let step = 0; step < 40; step++) {
    const dice = random()
    if (dice < 0.4) {
      const matchers = ['a', 'b', 'c'].filter((_, index) => index === 0 || random() < 0.3).map(exactTopic)
      connected.push(await new TestClient(hub, { matchers }).connect())
    } else if (dice < 0.6) await connected.splice(Math.floor(random() * connected.length), 1)[0]?.disconnect()
    else if (dice < 0.8) hub.publish({ topic: 'a', data: String(step) })
    else if (dice < 0.9 && watchers.length < 5) await watch()
    else for (let turns = Math.floor(random() * 10); turns > 0; turns--) await nextTurn()
  }
  await watch()
  await new TestClient(hub, { matchers: [exactTopic('last')] }).connect()
  while (!hub.subscriptions!.list(({ match }) => match === 'last').subscriptions.length) await nextTurn()

  const active = pathsNow().sort()
  for (const { client } of watchers) {
    while (!client.datas.some((data) => JSON.parse(data).match === 'last')) await client.readSome()
  }
  const known = watchers.map(({ client, listed }) => {
    expect(client.gaps).toEqual([])
    const paths = new Set(listed)
    for (const data of client.datas) {
      const { id, active } = JSON.parse(data)
      if (active) paths.add(id)
      else paths.delete(id)
    }
    return paths
  })
  await Promise.all([...connected, ...watchers.map(({ client }) => client)].map((client) => client.disconnect()))
  return { watchers: known, active }
}
