import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredEvent } from '../../src/store/store.ts'
import { readSubscriptionEvent } from '../../src/subscriptions/subscription-events.ts'
import { nextTurn } from '../next-turn.ts'
import { seeded } from '../store/remote-store.ts'
import { event } from '../store/temporary-store.ts'
import { type RunningNode, runNode } from './running-node.ts'
import { readAll, subscriptionPaths, wanted } from './running-registry.ts'
import { SharedEngine } from './shared-engine.ts'

test('the list of a node and the events after its ID are the list of any node later, and in the end that of who is there, however nodes die, stop and come back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const { lists, events, connected } = await comeAndGo(seed)
      lists.sort((one, other) => one.position - other.position)
      for (const [index, earlier] of lists.entries()) {
        const later = lists[index + 1]
        if (later) expect(advance(earlier, events, later.position)).toEqual(later.paths)
      }
      for (const { paths } of lists.slice(-3)) expect([...paths].map(matchOf).sort()).toEqual(connected.sort())
      // However many nodes end a subscription, and however often its node returns.
      for (const [path, states] of statesOf(events)) {
        for (const [index, isActive] of states.entries()) {
          if (!isActive) expect([path, states[index - 1]]).toEqual([path, true])
        }
      }
    }),
    { numRuns: 150 },
  )
})

interface Listed {
  readonly position: number
  readonly paths: readonly string[]
}

function matchOf(path: string): string {
  return path.split('/').at(-2)!
}

/** What whoever has a list knows when it has had the events after it, up to a position. */
function advance({ position, paths }: Listed, events: readonly StoredEvent[], through: number): readonly string[] {
  const known = new Set(paths)
  for (const each of events) {
    if (each.position <= position || each.position > through) continue
    const told = readSubscriptionEvent(each, subscriptionPaths)
    if (!told) continue
    const path = subscriptionPaths.of(told.subscription)
    if (told.isActive) known.add(path)
    else known.delete(path)
  }
  return [...known].sort()
}

function statesOf(events: readonly StoredEvent[]): ReadonlyMap<string, boolean[]> {
  const states = new Map<string, boolean[]>()
  for (const each of events) {
    const told = readSubscriptionEvent(each, subscriptionPaths)!
    if (!told) continue
    const path = subscriptionPaths.of(told.subscription)
    states.set(path, [...(states.get(path) ?? []), told.isActive])
  }
  return states
}

async function comeAndGo(seed: number) {
  const random = seeded(seed)
  const engine = new SharedEngine({
    maxEvents: Infinity,
    maxBytes: Infinity,
    random,
    failures: random() < 0.5 ? 0.15 : 0,
  })
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const nodes: RunningNode[] = []
  for (let count = 0; count < 3; count++) nodes.push(await runNode(engine.open()))
  let stopped: RunningNode | undefined
  const running = () => nodes.filter((each) => each !== stopped)
  let clients: { of: RunningNode; match: string; leave: () => void }[] = []
  const lists: Listed[] = []
  const list = ({ registry }: RunningNode) => {
    const { subscriptions, lastEventId } = registry.list()
    lists.push({ position: Number(lastEventId), paths: subscriptions.map((each) => subscriptionPaths.of(each)).sort() })
  }
  const isCheckedAtOnce = random() < 0.5
  const advance = async (seconds: number) => {
    engine.advance(seconds)
    const checks = running().map(({ registry }) => registry.check())
    if (isCheckedAtOnce) await Promise.all(checks)
  }

  for (let step = 0; step < 80; step++) {
    const dice = random()
    if (dice < 0.25) {
      const of = pick(running())
      const match = `m${step}`
      clients.push({ of, match, leave: of.registry.connect([wanted(match)]) })
    } else if (dice < 0.4) {
      // Also of a node that is stopped: it finds out when it goes on.
      const leaving = pick(clients)
      clients = clients.filter((client) => client !== leaving)
      leaving?.leave()
    } else if (dice < 0.6) list(pick(running()))
    else if (dice < 0.7) await advance(Math.ceil(random() * 12))
    else if (dice < 0.78) {
      if (stopped) stopped.node.resume()
      stopped = stopped ? undefined : pick(nodes)
      stopped?.node.stop()
    } else if (dice < 0.8 && nodes.length > 2) {
      const killed = pick(running())
      nodes.splice(nodes.indexOf(killed), 1)
      killed.node.kill()
      killed.registry.close()
      clients = clients.filter(({ of }) => of !== killed)
      nodes.push(await runNode(engine.open()))
    } else if (dice < 0.85) engine.append([{ event: event('of somebody else') }])
    else if (dice < 0.9) pick(running()).registry.refresh()
    else for (let turns = Math.floor(random() * 12); turns > 0; turns--) await nextTurn()
  }
  stopped?.node.resume()
  stopped = undefined
  const expected = clients.map(({ match }) => match).sort()
  const isDone = () => nodes.every(({ matches }) => matches().join() === expected.join())
  // What does not end hangs.
  for (let round = 0; round < 4 || !isDone(); round++) {
    await advance(12)
    for (let turns = 0; turns < 100; turns++) await nextTurn()
  }
  for (const each of nodes) list(each)
  const events = await readAll(engine.store)
  await Promise.all(nodes.map(({ registry }) => registry.close()))
  return { lists, events, connected: expected }
}
