import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Append, EventStore, HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { subscriptionDocument } from '../../src/subscriptions/active-subscription.ts'
import { readSubscriptionEvent } from '../../src/subscriptions/subscription-events.ts'
import { nextTurn } from '../next-turn.ts'
import { createRemoteStore, seeded } from '../store/remote-store.ts'
import { event } from '../store/temporary-store.ts'
import { appendTo, readAll, runRegistry, subscriptionPaths, wanted } from './running-registry.ts'

const stores = {
  memory: (_seed: number) => createMemoryStore({ maxEvents: Infinity, maxBytes: Infinity }),
  'remote (simulated)': (seed: number) => createRemoteStore({ maxEvents: Infinity, maxBytes: Infinity, seed }),
}

describe.each(Object.entries(stores))('the list of subscriptions over the %s store', (_, openStore) => {
  test('and the events after its ID are the list of any later moment, however clients come and go and appends fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const { lists, events, told } = await comeAndGo(openStore(seed), seed)
        const final = lists.at(-1)!
        for (const [index, earlier] of lists.entries()) {
          expect(advance(earlier, events, final.position)).toEqual(final.paths)
          const later = lists[index + 1]
          if (later) expect(advance(earlier, events, later.position)).toEqual(later.paths)
        }
        // Exactly once, though the answer of a store that failed may have been wrong.
        for (const states of told.values()) expect([[true], [true, false]]).toContainEqual(states)
      }),
      { numRuns: 60 },
    )
  })
})

interface Listed {
  readonly position: number
  readonly paths: ReadonlySet<string>
}

/** What whoever has a list knows when it has had the events after it, up to a position. */
function advance({ position, paths }: Listed, events: readonly StoredEvent[], through: number): ReadonlySet<string> {
  const known = new Set(paths)
  for (const each of events) {
    if (each.position <= position || each.position > through) continue
    const told = readSubscriptionEvent(each, subscriptionPaths)
    if (!told) continue
    const path = subscriptionPaths.of(told.subscription)
    if (told.isActive) known.add(path)
    else known.delete(path)
  }
  return new Set([...known].sort())
}

async function comeAndGo(store: EventStore, seed: number) {
  const random = seeded(seed)
  const chance = (probability: number) => random() < probability
  const turns = async (most: number) => {
    for (let left = Math.floor(random() * (most + 1)); left > 0; left--) await nextTurn()
  }
  const append = async (appends: readonly Append[]): Promise<readonly HistoryPosition[]> => {
    await turns(3)
    if (chance(0.15)) throw new Error('nothing was stored')
    const marks = await appendTo(store, appends)
    await turns(3)
    if (chance(0.15)) throw new Error('all was stored, but nobody knows')
    return marks
  }
  const { registry } = await runRegistry(store, { append, isCompat: chance(0.5) })
  const connected = new Set<() => void>()
  const lists: Listed[] = []
  const list = () => {
    const { subscriptions, lastEventId } = registry.list()
    const paths = subscriptions.map(
      (subscription) => JSON.parse(subscriptionDocument(subscription, true, subscriptionPaths)).id as string,
    )
    lists.push({ position: Number(lastEventId), paths: new Set(paths.sort()) })
  }

  for (let step = 0; step < 60; step++) {
    const dice = random()
    if (dice < 0.35)
      connected.add(registry.connect(['a', 'b', 'c'].filter(() => chance(0.6)).map((each) => wanted(each))))
    else if (dice < 0.6) {
      const leaving = [...connected][Math.floor(random() * connected.size)]
      if (leaving) {
        connected.delete(leaving)
        leaving()
      }
    } else if (dice < 0.8) list()
    else if (dice < 0.9) store.append(event('of somebody else'))
    else await turns(6)
  }
  // When one that came last of all is told, so is everything.
  registry.connect([wanted('last')])
  while (!registry.list(({ match }) => match === 'last').subscriptions.length) await nextTurn()
  list()

  const events = await readAll(store, lists.at(-1)!.position)
  const told = new Map<string, boolean[]>()
  for (const each of events) {
    const of = readSubscriptionEvent(each, subscriptionPaths)
    if (!of) continue
    const path = subscriptionPaths.of(of.subscription)
    told.set(path, [...(told.get(path) ?? []), of.isActive])
  }
  await registry.close()
  return { lists, events, told }
}
