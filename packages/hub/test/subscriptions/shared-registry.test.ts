import { afterEach, describe, expect, test, vi } from 'vitest'
import type { StoredEvent } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { event } from '../store/temporary-store.ts'
import { type RunningNode, runNode } from './running-node.ts'
import { appendTo, readAll, subscriptionPaths, toldBy, wanted } from './running-registry.ts'
import { SharedEngine } from './shared-engine.ts'

/** Three hubs on one engine, each of which may judge the others. */
async function threeNodes(engine = new SharedEngine()): Promise<[RunningNode, RunningNode, RunningNode]> {
  const nodes = [await runNode(engine.open()), await runNode(engine.open()), await runNode(engine.open())] as const
  engine.advance(30)
  return [...nodes]
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await nextTurn()
}

const told = async (engine: SharedEngine): Promise<string[]> => toldBy(await readAll(engine.store))
const documents = (events: readonly StoredEvent[]) => events.map(({ data }) => JSON.parse(data))

describe('several nodes with one history', () => {
  test('have one list, in which each subscription names its node', async () => {
    const engine = new SharedEngine()
    const [a, b, c] = await threeNodes(engine)
    const leave = a.connect('a')
    b.connect('b')
    for (const each of [a, b, c]) await each.lists('a', 'b')
    const [first] = a.registry.list().subscriptions
    expect(c.registry.find(subscriptionPaths.of(first!)).subscriptions).toEqual([first])
    expect(c.registry.list()).toEqual(a.registry.list())
    expect(documents(await readAll(engine.store)).map(({ match, node }) => [match, node])).toEqual([
      ['a', 'node1'],
      ['b', 'node2'],
    ])
    leave()
    for (const each of [a, b, c]) await each.lists('b')
    expect(await told(engine)).toEqual(['+a', '+b', '-a'])
  })

  test('take no subscriber of another for dead when they start, and do not say that nobody is subscribed', async () => {
    const engine = new SharedEngine()
    const first = await runNode(engine.open())
    first.connect('a')
    await first.lists('a')
    engine.advance(3600)
    const second = await runNode(engine.open())
    expect(second.matches()).toEqual(['a'])
    engine.advance(60)
    await second.registry.check()
    await settle()
    expect(await told(engine)).toEqual(['+a'])
  })

  test('do not take one for dead that came after they had asked who is alive', async () => {
    const engine = new SharedEngine()
    const node = engine.open()
    const nodes = node.store.nodes!
    const answer = Promise.withResolvers<void>()
    const late = { ...nodes, alive: () => nodes.alive().then((names) => answer.promise.then(() => names)) }
    engine.advance(30)
    const starting = runNode(node, { nodes: late })
    await settle()
    ;(await runNode(engine.open())).connect('a')
    await settle()
    answer.resolve()
    const asking = await starting
    await asking.lists('a')
    await settle()
    expect(await told(engine)).toEqual(['+a'])
  })

  test('name no node in the form of Mercure 0.x', async () => {
    const engine = new SharedEngine()
    const { connect, lists } = await runNode(engine.open(), { isCompat: true })
    connect('a')
    await lists('a')
    const [current, old] = documents(await readAll(engine.store))
    expect(current).toHaveProperty('node', 'node1')
    expect(Object.keys(old)).toEqual(['@context', 'id', 'type', 'subscriber', 'topic', 'active'])
  })
})

describe('a node that was killed', () => {
  test('has its subscriptions ended once, however many others notice, and not before it is dead', async () => {
    const engine = new SharedEngine()
    const [a, b, c] = await threeNodes(engine)
    const compat = await runNode(engine.open())
    a.registry.connect([wanted('a'), wanted('x'.repeat(4000))])
    b.connect('b')
    await c.lists('a', 'b', 'x'.repeat(4000))
    a.node.kill()
    engine.advance(18)
    await Promise.all([b.registry.check(), c.registry.check()])
    await settle()
    expect((await told(engine)).length).toBe(3)
    engine.advance(6)
    await Promise.all([b.registry.check(), c.registry.check(), compat.registry.check()])
    for (const each of [b, c]) await each.lists('b')
    await settle()
    expect((await told(engine)).slice(3)).toEqual(['-a', `-${'x'.repeat(4000)}`])
    const [begin, , , end] = documents(await readAll(engine.store))
    expect(end).toEqual({ ...begin, active: false })
  })

  test('has them ended by the hub that is started in its place', async () => {
    const engine = new SharedEngine()
    const killed = await runNode(engine.open())
    killed.connect('a')
    await killed.lists('a')
    killed.node.kill()
    const next = await runNode(engine.open())
    expect(next.matches()).toEqual(['a'])
    engine.advance(24)
    await next.registry.check()
    await next.lists()
    expect(await told(engine)).toEqual(['+a', '-a'])
  })

  test('has them ended in both forms where hubs speak to clients of Mercure 0.x', async () => {
    const engine = new SharedEngine()
    const [a, b, c] = [
      await runNode(engine.open(), { isCompat: true }),
      await runNode(engine.open(), { isCompat: true }),
      await runNode(engine.open(), { isCompat: true }),
    ]
    a.connect('a')
    await c.lists('a')
    a.node.kill()
    engine.advance(30)
    await Promise.all([b.registry.check(), c.registry.check()])
    await b.lists()
    await settle()
    expect(documents(await readAll(engine.store)).map(({ active, topic }) => [active, topic])).toEqual([
      [true, undefined],
      [true, 'a'],
      [false, undefined],
      [false, 'a'],
    ])
  })
})

describe('a node that was stopped for half a minute', () => {
  test('publishes again that its subscriptions are active, and then they end once more', async () => {
    const engine = new SharedEngine()
    const [a, b, c] = await threeNodes(engine)
    const leave = a.connect('a')
    await b.lists('a')
    a.node.stop()
    engine.advance(30)
    await Promise.all([b.registry.check(), c.registry.check()])
    await b.lists()
    expect(await told(engine)).toEqual(['+a', '-a'])
    a.node.resume()
    await b.lists('a')
    expect(await told(engine)).toEqual(['+a', '-a', '+a'])
    const [first, , again] = documents(await readAll(engine.store))
    expect(again).toEqual({ ...first, node: 'node1.1' })
    engine.advance(60)
    for (const { registry } of [a, b, c]) await registry.check()
    leave()
    await b.lists()
    await settle()
    expect(await told(engine)).toEqual(['+a', '-a', '+a', '-a'])
  })

  test('can be taken for dead a second time', async () => {
    const engine = new SharedEngine()
    const [a, b, c] = await threeNodes(engine)
    a.connect('a')
    for (const _ of [1, 2]) {
      await b.lists('a')
      a.node.stop()
      engine.advance(30)
      await Promise.all([b.registry.check(), c.registry.check()])
      await b.lists()
      a.node.resume()
      engine.advance(30)
    }
    await b.lists('a')
    expect(await told(engine)).toEqual(['+a', '-a', '+a', '-a', '+a'])
  })

  test('does not publish the end that another has published for a client that has left meanwhile', async () => {
    const engine = new SharedEngine()
    const [a, b] = await threeNodes(engine)
    const leave = a.connect('a')
    await b.lists('a')
    a.node.stop()
    leave()
    engine.advance(30)
    await b.registry.check()
    await b.lists()
    a.node.resume()
    await a.lists()
    await settle()
    expect(await told(engine)).toEqual(['+a', '-a'])
  })

  test('leaves at their end the subscriptions of clients that left before it could publish again', async () => {
    const engine = new SharedEngine()
    const node = engine.open()
    let isBroken = false
    const a = await runNode(node, {
      append: async (appends) => {
        if (isBroken) throw new Error('The engine is away.')
        return await appendTo(node.store, appends)
      },
    })
    const b = await runNode(engine.open())
    engine.advance(30)
    const leave = a.connect('a')
    await b.lists('a')
    node.stop()
    engine.advance(30)
    await b.registry.check()
    await b.lists()
    isBroken = true
    a.connect('b')
    node.resume()
    while (a.errors.length === 0) await nextTurn()
    await a.lists()
    leave()
    isBroken = false
    await b.lists('b')
    await settle()
    expect(await told(engine)).toEqual(['+a', '-a', '+b'])
  })

  test('has ended by others what it stored after they had ended it, if it is dead for good', async () => {
    const engine = new SharedEngine({ maxEvents: 20 })
    const [a, b, c] = await threeNodes(engine)
    a.connect('a')
    await b.lists('a')
    const [begun] = await readAll(engine.store)
    a.node.kill()
    engine.advance(30)
    await Promise.all([b.registry.check(), c.registry.check()])
    await b.lists()
    // It was under way to the engine, under the same name.
    await engine.append([{ event: begun! }])
    await b.lists('a')
    await Promise.all([b.registry.check(), c.registry.check()])
    await b.lists()
    await settle()
    expect(await told(engine)).toEqual(['+a', '-a', '+a', '-a'])
  })

  test('judges nobody by what it knew before', async () => {
    const engine = new SharedEngine()
    const [a, b] = await threeNodes(engine)
    b.connect('b')
    await a.lists('b')
    a.node.stop()
    engine.advance(60)
    a.node.resume()
    await a.registry.check()
    engine.advance(3)
    await a.registry.check()
    await settle()
    expect(await told(engine)).toEqual(['+b'])
  })
})

test('an engine that was away for a minute makes no node take another for dead', async () => {
  const engine = new SharedEngine()
  const [a, b, c] = await threeNodes(engine)
  for (const [index, each] of [a, b, c].entries()) each.connect(`t${index}`)
  await a.lists('t0', 't1', 't2')
  engine.advance(60, { isAway: true })
  await a.registry.check()
  // It is the first that is seen again.
  a.node.beat()
  await a.registry.check()
  engine.advance(60)
  for (const { registry } of [a, b, c]) await registry.check()
  await settle()
  expect(await told(engine)).toEqual(['+t0', '+t1', '+t2'])
})

describe('an engine that fails over and has lost the last events', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is told again what it has lost', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    const engine = new SharedEngine()
    const [a, b] = await threeNodes(engine)
    const leave = a.connect('goes')
    await b.lists('goes')
    leave()
    a.connect('stays')
    await b.lists('stays')
    expect(await told(engine)).toEqual(['+goes', '-goes', '+stays'])
    await engine.failOver(1)
    // The list is that of the last position until the history was read once more.
    expect(b.matches()).toEqual(['stays'])
    await vi.advanceTimersByTimeAsync(1000)
    await b.lists('goes')
    await a.lists('goes')
    await a.registry.check()
    await b.lists('stays')
    expect((await told(engine)).sort()).toEqual(['+goes', '+stays', '-goes'])
    expect(a.errors).toEqual([])
  })
})

describe('a history that is trimmed', () => {
  test('goes on saying who is subscribed: each node says it of its own', async () => {
    const engine = new SharedEngine({ maxEvents: 100 })
    const [a, b] = await threeNodes(engine)
    a.connect('a')
    b.connect('b')
    await a.lists('a', 'b')
    for (let index = 0; index < 160; index++) await engine.append([{ event: event('"of somebody else"') }])
    await settle()
    await a.registry.refresh()
    await settle()
    expect(toldBy(await readAll(engine.store))).toContain('+a')
    expect(toldBy(await readAll(engine.store))).not.toContain('+b')
    await b.registry.refresh()
    await settle()
    const next = await runNode(engine.open())
    await next.lists('a', 'b')
  })

  test('that is too short for the subscribers of all nodes is left alone, and each operator told once', async () => {
    const engine = new SharedEngine({ maxEvents: 100 })
    const [a, b] = await threeNodes(engine)
    for (let index = 0; index < 15; index++) for (const each of [a, b]) each.connect(`t${index}`)
    while (a.matches().length < 30) await nextTurn()
    for (let index = 0; index < 200; index++) await engine.append([{ event: event('"of somebody else"') }])
    await settle()
    await a.registry.refresh()
    await a.registry.refresh()
    expect(a.errors).toHaveLength(1)
    expect(a.errors[0]).toMatch(/^There are 30 subscriptions, but the history keeps only about 100 events/)
  })
})
