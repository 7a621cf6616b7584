import { expect, onTestFinished, test, vi } from 'vitest'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'
import { EdgeDirectory } from '../../src/subscriptions/edge-directory.ts'
import { assertReport } from '../../src/subscriptions/reports.ts'
import { RootRegistry } from '../../src/subscriptions/root-registry.ts'
import { SharedRegistry } from '../../src/subscriptions/shared-registry.ts'
import { nextTurn } from '../next-turn.ts'
import { appendTo, readAll, subscriptionPaths, toldBy, wanted } from './running-registry.ts'

const options = (store: EventStore) => ({
  store,
  append: (appends: Parameters<typeof appendTo>[1]) => appendTo(store, appends),
  head: () => ({ position: 0, tag: 0 }),
  idOf: ({ position }: { position: number }) => String(position),
  isCompat: false,
  paths: subscriptionPaths,
  onError: () => {},
})

/** An edge of the registry, which reports as over HTTP. */
async function edgeOf(root: RootRegistry, store: EventStore, name: string, isKilled = () => false) {
  const alive = async () => (isKilled() ? undefined : await root.visit(name))
  const nodes = { name, alive, exchange: async () => [] }
  const registry = await SharedRegistry.start({
    ...options(store),
    nodes,
    async append(appends) {
      if (isKilled()) throw new Error('killed')
      assertReport(appends, subscriptionPaths)
      await root.expectEdges()
      return await appendTo(store, appends)
    },
  })
  return registry
}

const matchesOf = (registry: RootRegistry | SharedRegistry) =>
  registry
    .list()
    .subscriptions.map(({ match }) => match)
    .sort()

test('the list has the subscribers of a hub and of its edges; those of a dead edge are ended', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  let now = 0
  let isKilled = false
  const store = createMemoryStore()
  const root = await RootRegistry.start({ ...options(store), edges: new EdgeDirectory(() => now) })
  const lists = async (registry: RootRegistry | SharedRegistry, ...expected: string[]) => {
    while (matchesOf(registry).join() !== expected.join()) await nextTurn()
  }
  const leave = root.connect([wanted('own')])
  await lists(root, 'own')
  const one = await edgeOf(root, store, 'one', () => isKilled)
  const other = await edgeOf(root, store, 'other')
  one.connect([wanted('at one')])
  other.connect([wanted('at other')])
  for (const each of [root, one, other]) await lists(each, 'at one', 'at other', 'own')
  const { subscriptions, lastEventId } = root.list()
  expect(lastEventId).toBe(one.list().lastEventId)
  expect(subscriptions.find(({ match }) => match === 'own')!.node).toBeUndefined()

  // One is killed: it says nothing more, and nothing of it is closed.
  isKilled = true
  for (let round = 0; round < 6; round++) {
    now += 5000
    await vi.advanceTimersByTimeAsync(5000)
  }
  for (const each of [root, other]) await lists(each, 'at other', 'own')
  leave()
  await lists(root, 'at other')
  expect(toldBy(await readAll(store))).toEqual(['+own', '+at one', '+at other', '-at one', '-own'])

  // The next one on this history ends what it finds; an edge that is alive says that it is.
  await root.close()
  const next = await RootRegistry.start({ ...options(store), edges: new EdgeDirectory(() => now) })
  await lists(other, 'at other')
  expect(
    toldBy(await readAll(store))
      .slice(5)
      .sort(),
  ).toEqual(['+at other', '-at other', '0'])
  await next.visit('other')
  await lists(next, 'at other')
  await other.close()
  await next.close()
})
