import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEpoch } from '@headwater/sse/internal'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openReplica, type Replica, type ReplicaOptions } from '../../src/store/replica.ts'
import { examineDataDirectory } from '../../src/store/sqlite/examine.ts'
import type { EventStore, Follower, HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { openSparseStore, SparseSequencer } from './sparse-store.ts'
import { describeStore } from './store-suite.ts'
import { event, openStore } from './temporary-store.ts'

const histories = new Map<EventStore, { directory: string; epoch: string; sequencer: SparseSequencer }>()
const made: string[] = []
describeStore('SQLite, sequenced elsewhere with holes,', {
  sequences: 10,
  open: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-replica-'))
    made.push(directory)
    const history = { directory, epoch: createEpoch(), sequencer: new SparseSequencer() }
    const store = await openSparseStore({ ...options, ...history }, history.sequencer)
    histories.set(store, history)
    return store
  },
  reopen: async (closed, options) => {
    const history = histories.get(closed)!
    const store = await openSparseStore({ ...options, ...history }, history.sequencer)
    histories.set(store, history)
    return store
  },
  dispose: async () => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true })
  },
})

const epoch = 'abcdefghij'

describe('a replica', () => {
  test('restores events as old as they were, and they expire by that', async () => {
    let clock = Date.UTC(2027, 0, 31)
    const directory = temporaryDirectory()
    const now = () => clock
    const restored = await openReplica({ directory, epoch, now, maxBytes: Infinity })
    const times = [60, 50, 50, 40].map((minutes) => clock - minutes * 60_000)
    await restored.restore(times.map((storedAt, index) => ({ ...at(index + 1, `${index}`), storedAt })))
    const kept = async (store: EventStore | Replica) =>
      (await store.read({ after: 0, through: 4, topics: undefined, maxEvents: 9, maxBytes: 1e6 })).events.map(
        ({ storedAt }) => storedAt,
      )
    expect(await kept(restored)).toEqual(times)
    await restored.close()
    const store = await openStore(directory, { now, maxAgeMs: 55 * 60_000 })
    await store.trim()
    expect(await kept(store)).toEqual(times.slice(1))
    clock += 6 * 60_000
    await store.trim()
    expect(await kept(store)).toEqual(times.slice(3))
  })

  test('keeps events at the places they have, and knows the holes between them', async () => {
    const replica = await openTemporary()
    await replica.apply([at(5, 'five'), at(6, 'six', { topics: ['b'] }), at(2 ** 40, 'far', { id: 'mine' })])
    expect(await replica.bounds()).toEqual({
      head: { position: 2 ** 40, tag: tagAt(2 ** 40) },
      trimmed: { position: 0, tag: 0 },
      earliest: { position: 5, tag: tagAt(5) },
      count: 3,
    })
    expect(await replica.inspect(1)).toEqual({ name: 'vacant' })
    expect(await replica.inspect(5)).toEqual({ name: 'kept', tag: tagAt(5) })
    expect(await replica.inspect(7)).toEqual({ name: 'vacant' })
    expect(await replica.inspect(2 ** 40)).toEqual({ name: 'kept', tag: tagAt(2 ** 40) })
    expect(await replica.inspect(2 ** 40 + 1)).toEqual({ name: 'ahead' })
    expect(await replica.find('mine')).toEqual({ position: 2 ** 40, tag: tagAt(2 ** 40) })
    expect(await datasAfter(replica, 0)).toEqual(['five', 'six', 'far'])
    // From within a hole, too.
    expect(await datasAfter(replica, 100)).toEqual(['far'])
    expect(await datasAfter(replica, 5, ['a'])).toEqual(['far'])
  })

  test('is found whole by whoever looks at its directory, holes or not', async () => {
    const directory = temporaryDirectory()
    const replica = await openTemporary({ directory, maxEvents: 2 })
    await replica.apply([at(10, '1'), at(20, '2'), at(30, '3'), at(1000, '4')])
    await replica.trim()
    const findings = [...examineDataDirectory(directory)]
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
    const history = findings.find(({ about }) => about === 'history')
    expect(history?.text).toMatch(/2 events on 1 topics, from position 30 .* to 1000 .*, 2 trimmed\.$/)
  })

  test('tells its followers of events before it says that they are applied', async () => {
    const replica = await openTemporary()
    const told: number[] = []
    await replica.follow(follower({ onAppend: (events) => told.push(...events.map(({ position }) => position)) }))
    await replica.apply([at(3, 'x'), at(9, 'y')])
    expect(told).toEqual([3, 9])
  })

  test.each([
    ['at the head', [at(10, 'again')]],
    ['below the head', [at(9, 'late')]],
    ['twice', [at(11, 'once'), at(11, 'twice')]],
    ['out of order', [at(12, 'later'), at(11, 'sooner')]],
    ['that is no whole number', [at(11.5, 'half')]],
  ])('refuses all events if the position of one is %s', async (_, events) => {
    const replica = await openTemporary()
    await replica.apply([at(10, 'head')])
    await expect(replica.apply(events)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^The events were not applied: position \S+ does not come after 1\d,/),
    })
    expect(await datasAfter(replica, 0)).toEqual(['head'])
    await replica.apply([at(13, 'next')])
    expect(await datasAfter(replica, 0)).toEqual(['head', 'next'])
  })

  test('counts events and not positions: by itself it keeps as many as it is to, whatever the holes', async () => {
    const replica = await openTemporary({ maxEvents: 4 })
    for (let n = 1; n <= 20; n++) await replica.apply([at(n * 1000, `${n}`)])
    await replica.trim()
    expect(await datasAfter(replica, 0)).toEqual(['17', '18', '19', '20'])
    expect((await replica.bounds()).count).toBe(4)
    const { lost } = await replica.read({ after: 0, through: 20_000, topics: undefined, maxEvents: 9, maxBytes: 1e6 })
    expect(lost).toEqual([{ position: 16_000, topics: ['a'], isPrivate: false }])
  })

  test('trims what was trimmed elsewhere, and leaves tombstones', async () => {
    const directory = temporaryDirectory()
    const replica = await openTemporary({ directory })
    const trims: HistoryPosition[] = []
    await replica.follow(follower({ onTrim: (trimmed) => trims.push(trimmed) }))
    await replica.apply([at(10, '1'), at(20, '2', { topics: ['b'], isPrivate: true }), at(30, '3'), at(40, '4')])
    // Between two events: a mark is one of the sequencer's, which trimmed others before.
    await replica.trimThrough({ position: 35, tag: 1 })
    const check = async (replica: Replica) => {
      expect(await replica.bounds()).toEqual({
        head: { position: 40, tag: tagAt(40) },
        trimmed: { position: 30, tag: tagAt(30) },
        earliest: { position: 40, tag: tagAt(40) },
        count: 1,
      })
      const page = await replica.read({ after: 0, through: 40, topics: undefined, maxEvents: 9, maxBytes: 1e6 })
      expect(page.events.map(({ data }) => data)).toEqual(['4'])
      expect(page.lost).toEqual([
        { position: 20, topics: ['b'], isPrivate: true },
        { position: 30, topics: ['a'], isPrivate: false },
      ])
    }
    await check(replica)
    expect(trims).toEqual([{ position: 30, tag: tagAt(30) }])
    // What is gone already is not trimmed again.
    await replica.trimThrough({ position: 20, tag: 1 })
    await check(replica)
    await replica.close()
    await check(await openTemporary({ directory }))
  })

  test('that missed events which are trimmed goes on after them, says so to its followers, and knows that it missed some', async () => {
    const directory = temporaryDirectory()
    const replica = await openTemporary({ directory })
    const failures: Error[] = []
    await replica.follow(follower({ onFailure: (error) => failures.push(error) }))
    await replica.apply([at(10, '1'), at(20, '2', { topics: ['b'] })])
    const mark = { position: 100, tag: 7 }
    await replica.trimThrough(mark)
    expect(failures).toMatchObject([{ code: 'STORE_FAILED', message: expect.stringContaining('before they reached') }])
    expect(await replica.bounds()).toEqual({ head: mark, trimmed: mark, earliest: undefined, count: 0 })
    await expect(replica.apply([at(99, 'too late')])).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await replica.apply([at(103, 'next')])
    const check = async (replica: Replica) => {
      expect(await replica.bounds()).toMatchObject({ head: { position: 103 }, trimmed: mark, count: 1 })
      expect(await replica.inspect(100)).toEqual({ name: 'trimmed', tag: 7 })
      expect(await replica.inspect(101)).toEqual({ name: 'vacant' })
      // It may have been of any topic.
      const topics = new Set(['elsewhere'])
      const page = await replica.read({ after: 50, through: 103, topics, maxEvents: 9, maxBytes: 1e6 })
      expect(page.lost).toEqual([{ position: 100, topics: undefined, isPrivate: false }])
    }
    await check(replica)
    await replica.close()
    await check(await openTemporary({ directory }))
  })

  test('has the name of the history that it replicates, and refuses a directory with another', async () => {
    const directory = temporaryDirectory()
    const replica = await openTemporary({ directory })
    expect(replica.epoch).toBe(epoch)
    await replica.close()
    await expect(openReplica({ directory, epoch: 'klmnopqrst' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('holds the history abcdefghij, not klmnopqrst'),
    })
    // The directory is free again.
    expect((await openStore(directory)).epoch).toBe(epoch)
  })

  test('rejects what is applied once it is closed', async () => {
    const replica = await openTemporary()
    await replica.close()
    await expect(replica.apply([at(1, 'x')])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await expect(replica.trimThrough({ position: 1, tag: 1 })).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })
})

async function openTemporary(options: Partial<ReplicaOptions> = {}): Promise<Replica> {
  const replica = await openReplica({
    directory: temporaryDirectory(),
    epoch,
    onError: (error) => {
      throw error
    },
    ...options,
  })
  onTestFinished(() => replica.close())
  return replica
}

function at(position: number, data: string, rest: Partial<StoredEvent> = {}): StoredEvent {
  return { ...event(data, rest), position, tag: tagAt(position) }
}

function tagAt(position: number): number {
  return (Math.imul(position % 2 ** 31, 0x9e3779b1) ^ 0x5bd1) >>> 0
}

function follower(rest: Partial<Follower>): Follower {
  return { onStart: () => {}, onAppend: () => {}, onTrim: () => {}, onFailure: () => {}, ...rest }
}

async function datasAfter(replica: Replica, after: number, topics?: readonly string[]): Promise<readonly string[]> {
  const { head } = await replica.bounds()
  const page = await replica.read({
    after,
    through: head.position,
    topics: topics && new Set(topics),
    maxEvents: 1000,
    maxBytes: 1e9,
  })
  return page.events.map(({ data }) => data)
}
