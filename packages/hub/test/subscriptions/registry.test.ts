import { describe, expect, test } from 'vitest'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Append, EventStore } from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'
import { createRemoteStore } from '../store/remote-store.ts'
import { event } from '../store/temporary-store.ts'
import { appendTo, readAll, runRegistry, subscriptionPaths, toldBy, wanted } from './running-registry.ts'

/** A store's `append` that fails when told to, and what it was given. */
function breakable(store: EventStore) {
  const breakable = {
    isBroken: false,
    /** How many events each call had. */
    calls: [] as number[],
    append: async (appends: readonly Append[]) => {
      breakable.calls.push(appends.length)
      if (breakable.isBroken) throw new Error('The disk is full.')
      return await appendTo(store, appends)
    },
  }
  return breakable
}

async function told(store: EventStore, count: number): Promise<string[]> {
  for (;;) {
    const events = await readAll(store)
    if (events.length >= count) return toldBy(events)
    await nextTurn()
  }
}

describe('a storm of subscribers', () => {
  test('is told in few appends, one after the other, and all of it is', async () => {
    const store = createMemoryStore()
    let underWay = 0
    const append = async (appends: readonly Append[]) => {
      underWay++
      expect(underWay).toBe(1)
      calls.push(appends.length)
      await nextTurn()
      const marks = await appendTo(store, appends)
      underWay--
      return marks
    }
    const calls: number[] = []
    const { registry } = await runRegistry(store, { append })
    const leaves = Array.from({ length: 5000 }, (_, index) => registry.connect([wanted(`t${index}`)]))
    await told(store, 5000)
    // The first is not kept waiting; the others share.
    expect(calls).toEqual([1, ...Array(9).fill(500), 499])
    for (const leave of leaves) leave()
    await told(store, 10_000)
    expect(calls.length).toBe(22)
    expect(registry.list().subscriptions).toEqual([])
  })

  test('with long payloads is told in appends of bounded size', async () => {
    const store = createMemoryStore()
    const { append, calls } = breakable(store)
    const { registry } = await runRegistry(store, { append })
    for (let index = 0; index < 50; index++) registry.connect([wanted('a', 'x'.repeat(100_000))])
    await told(store, 50)
    expect(Math.max(...calls)).toBe(11)
  })
})

describe('when events of subscriptions cannot be stored', () => {
  test('the operator hears of it once, and what happened is told in order as soon as it can be', async () => {
    const store = createMemoryStore()
    const broken = breakable(store)
    const { registry, errors } = await runRegistry(store, { append: broken.append })
    const leaveA = registry.connect([wanted('a')])
    await told(store, 1)
    broken.isBroken = true
    registry.connect([wanted('b')])
    leaveA()
    while (broken.calls.length < 10) await nextTurn()
    expect(errors).toEqual([
      'Subscription events cannot be stored: The disk is full. No subscriber is dropped; the hub retries until they are stored.',
    ])
    // Nothing is listed before it is told.
    expect(registry.list().subscriptions.map(({ match }) => match)).toEqual(['a'])
    broken.isBroken = false
    expect(await told(store, 3)).toEqual(['+a', '+b', '-a'])
    expect(registry.list().subscriptions.map(({ match }) => match)).toEqual(['b'])
    broken.isBroken = true
    registry.connect([wanted('c')])
    while (errors.length < 2) await nextTurn()
  })

  test('those who come and go meanwhile leave nothing behind that would grow', async () => {
    const store = createMemoryStore()
    const broken = breakable(store)
    const { registry } = await runRegistry(store, { append: broken.append })
    broken.isBroken = true
    registry.connect([wanted('first')])
    while (broken.calls.length < 2) await nextTurn()
    for (let index = 0; index < 1000; index++) registry.connect([wanted('passing')])()
    registry.connect([wanted('stays')])
    broken.isBroken = false
    expect(await told(store, 2)).toEqual(['+first', '+stays'])
  })

  test('closing tries once more, says what is left, and does not wait', async () => {
    const store = createMemoryStore()
    const broken = breakable(store)
    const { registry, errors } = await runRegistry(store, { append: broken.append, retryMs: [1e6, 1e6] })
    const leave = registry.connect([wanted('a')])
    await told(store, 1)
    broken.isBroken = true
    leave()
    while (errors.length === 0) await nextTurn()
    await registry.close()
    expect(errors[1]).toBe(
      'Subscription events cannot be stored: The disk is full. The next hub on this history will publish their ends.',
    )
    const next = await runRegistry(store)
    expect(toldBy(await readAll(store))).toEqual(['+a', '-a', '0'])
    expect(next.registry.list().subscriptions).toEqual([])
  })

  test('closing tells what can be stored again by then', async () => {
    const store = createMemoryStore()
    const broken = breakable(store)
    const { registry, errors } = await runRegistry(store, { append: broken.append, retryMs: [1e6, 1e6] })
    broken.isBroken = true
    const leave = registry.connect([wanted('a')])
    while (errors.length === 0) await nextTurn()
    leave()
    broken.isBroken = false
    await registry.close()
    expect(toldBy(await readAll(store))).toEqual(['+a', '-a'])
  })
})

describe('a hub that comes after one that was killed', () => {
  test('tells of the end of what the history says is active, then that nobody is subscribed, and of the rest nothing', async () => {
    const store = createMemoryStore()
    const killed = await runRegistry(store, { isCompat: true })
    const leave = killed.registry.connect([wanted('a')])
    killed.registry.connect([
      wanted('b', { name: 'Ada' }),
      { matchType: 'urlpattern', match: '/:c', payload: undefined },
    ])
    leave()
    await told(store, 8)
    const before = await readAll(store)

    const next = await runRegistry(store)
    const after = (await readAll(store)).slice(before.length)
    expect(toldBy(after)).toEqual(['-b', '-/:c', '0'])
    const begun = before.find(({ type, data }) => type && data.includes('"name":"Ada"'))!
    expect(after[0]).toMatchObject({ topics: begun.topics, type: 'mercure', isPrivate: true })
    expect(JSON.parse(after[0]!.data)).toEqual({ ...JSON.parse(begun.data), active: false })
    expect(after[2]).toMatchObject({ topics: [subscriptionPaths.list], type: 'mercure', isPrivate: true })
    expect(JSON.parse(after[2]!.data)).toEqual({ id: subscriptionPaths.list, type: 'subscriptions', subscriptions: [] })
    expect(next.registry.list().subscriptions).toEqual([])
  })

  test('tells it in the form of before 1.0, too, where it speaks that', async () => {
    const store = createMemoryStore()
    ;(await runRegistry(store, { isCompat: true })).registry.connect([wanted('a')])
    await told(store, 2)
    await runRegistry(store, { isCompat: true })
    const [, old, , oldEnd] = await readAll(store)
    expect(oldEnd!.topics).toEqual(old!.topics)
    expect(JSON.parse(oldEnd!.data)).toEqual({ ...JSON.parse(old!.data), active: false })
  })

  test('reads what happened since the last start, and no other events', async () => {
    const store = createMemoryStore()
    ;(await runRegistry(store)).registry.connect([wanted('a')])
    await told(store, 1)
    await store.append(event('of somebody else'))
    await runRegistry(store)
    const { head } = await store.bounds()
    const queries: { after: number; topics: ReadonlySet<string> | undefined }[] = []
    const { read } = store
    store.read = (query) => {
      queries.push(query)
      return read.call(store, query)
    }
    const { registry } = await runRegistry(store)
    // Nothing happened: nothing to read, and nothing to say.
    expect(queries).toEqual([])
    expect((await store.bounds()).head).toEqual(head)
    registry.connect([wanted('b')])
    await nextTurn()
    await store.append(event('of somebody else'))
    await runRegistry(store)
    expect(queries).toMatchObject([{ after: head.position, topics: new Set([subscriptionPaths.events]) }])
    expect(toldBy((await readAll(store)).slice(-2))).toEqual(['-b', '0'])
  })

  test('finds them also in a store that cannot be read backwards, and in more than one page', async () => {
    const store = createRemoteStore({ seed: 1 })
    const { registry } = await runRegistry(store)
    registry.connect(Array.from({ length: 1500 }, (_, index) => wanted(`t${index}`)))
    while (registry.list().subscriptions.length < 1500) await nextTurn()
    const { registry: next } = await runRegistry(store)
    const events = await readAll(store, Number(next.list().lastEventId))
    expect(toldBy(events.slice(1500))).toEqual([...Array.from({ length: 1500 }, (_, index) => `-t${index}`), '0'])
  })

  test('is not misled by what else the history has at the reserved topics', async () => {
    const store = createMemoryStore()
    const plain = { isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
    const data = JSON.stringify({ match_type: 'exact', match: 'a', subscriber: 'urn:uuid:1', active: true })
    await store.append({
      ...plain,
      topics: [`${subscriptionPaths.list}/exact/a/urn%3Auuid%3A1`, subscriptionPaths.events],
      data,
    })
    await store.append({ ...plain, topics: [subscriptionPaths.list], data: 'no JSON' })
    await runRegistry(store)
    expect((await store.bounds()).head.position).toBe(2)
  })

  test('starts though it cannot store, and tells it before anything else when it can', async () => {
    const store = createMemoryStore()
    ;(await runRegistry(store)).registry.connect([wanted('a')])
    await told(store, 1)
    const broken = breakable(store)
    broken.isBroken = true
    const { registry, errors } = await runRegistry(store, { append: broken.append })
    expect(errors).toHaveLength(1)
    registry.connect([wanted('b')])
    broken.isBroken = false
    expect(await told(store, 4)).toEqual(['+a', '-a', '0', '+b'])
  })

  test('does not start when it cannot read', async () => {
    const store = createMemoryStore()
    store.bounds = () => Promise.reject(new Error('The disk is gone.'))
    await expect(createHubCore({ store, subscriptions: true })).rejects.toThrow('The disk is gone.')
  })
})

describe('a history that is trimmed', () => {
  test('goes on saying who is subscribed, for as long as they are', async () => {
    const store = createMemoryStore({ maxEvents: 100 })
    const { registry, errors } = await runRegistry(store)
    registry.connect([wanted('stays')])
    const leave = registry.connect([wanted('goes')])
    for (let index = 0; index < 100; index++) await store.append(event('"of somebody else"'))
    for (let index = 0; index < 1000; index++) {
      if (index % 20 === 0) await registry.refresh()
      await store.append(event('"of somebody else"'))
      if (index === 500) leave()
      await nextTurn()
      const kept = toldBy(await readAll(store))
      expect(kept).toContain('+stays')
      if (index < 500) expect(kept).toContain('+goes')
    }
    expect(toldBy(await readAll(store))).not.toContain('+goes')
    expect(registry.list().subscriptions.map(({ match }) => match)).toEqual(['stays'])
    expect(errors).toEqual([])
  })

  test('that cannot be written to just then still learns who left', async () => {
    const store = createMemoryStore({ maxEvents: 100 })
    const broken = breakable(store)
    const { registry, errors } = await runRegistry(store, { append: broken.append })
    const leave = registry.connect([wanted('goes')])
    for (let index = 0; index < 200; index++) await store.append(event('"of somebody else"'))
    broken.isBroken = true
    registry.connect([wanted('stays')])
    while (errors.length === 0) await nextTurn()
    await registry.refresh()
    leave()
    broken.isBroken = false
    while (registry.list().subscriptions.some(({ match }) => match === 'goes')) await nextTurn()
    expect(toldBy((await readAll(store)).slice(-2))).toEqual(['+stays', '-goes'])
  })

  test('that is too short for it is left alone, and the operator told once', async () => {
    const store = createMemoryStore({ maxEvents: 100 })
    const { registry, errors } = await runRegistry(store)
    for (let index = 0; index < 50; index++) registry.connect([wanted(`t${index}`)])
    await told(store, 50)
    for (let index = 0; index < 200; index++) await store.append(event('"of somebody else"'))
    const { head } = await store.bounds()
    await registry.refresh()
    await registry.refresh()
    expect((await store.bounds()).head).toEqual(head)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/^There are 50 subscriptions, but the history keeps only about 100 events/)
  })
})
