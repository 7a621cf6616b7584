import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { HubError } from '../../../src/base/errors.ts'
import { encodeStoredEvent } from '../../../src/hub/event-frame.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { exactTopic } from '../../../src/matching/matcher.ts'
import { openReplica } from '../../../src/store/replica.ts'
import { shareStore } from '../../../src/store/shared/share-store.ts'
import { openSharedStore } from '../../../src/store/shared.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { EventStore, HistoryPosition } from '../../../src/store/store.ts'
import { TestClient } from '../../hub/client.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, openStore } from '../temporary-store.ts'

let directory: string
let marks: HistoryPosition[]
let errors: HubError[]

/** Twelve events; those with an even number are on topic b, the others on a. */
beforeEach(async () => {
  directory = temporaryDirectory()
  marks = []
  errors = []
  const store = await openSqliteStore({ directory })
  for (let n = 1; n <= 12; n++) {
    const rest = { topics: [n % 2 === 0 ? 'b' : 'a'], id: n === 6 ? 'own' : undefined }
    marks.push(await store.append(event(`event number ${n};`, rest), { idempotencyKey: `key ${n}` }))
  }
  await store.close()
})

const reopen = (options = {}) => openStore(directory, { onError: (error) => errors.push(error), ...options })

/** Flips a bit of the first place where a text stands in the database. */
function flip(text: string, offset = 0, where = directory): void {
  const path = join(where, 'headwater.db')
  const bytes = readFileSync(path)
  const at = bytes.indexOf(text)
  expect(at).toBeGreaterThan(0)
  bytes[at + offset]! ^= 1
  writeFileSync(path, bytes)
}

function change(sql: string): void {
  const database = new DatabaseSync(join(directory, 'headwater.db'))
  database.exec(sql)
  database.close()
}

/** Reads as subscribers do, and gives each page: where damage ends, and the events after it. */
async function pages(store: Pick<EventStore, 'bounds' | 'read'>, topics?: ReadonlySet<string>, after = 0) {
  const { head } = await store.bounds()
  const read: (number | string)[][] = []
  for (let reached = after; reached < head.position; ) {
    const page = await store.read({
      after: reached,
      through: head.position,
      topics,
      maxEvents: 100,
      maxBytes: Infinity,
    })
    const numbers = page.events.map(({ data }) => Number(/\d+/.exec(data)![0]))
    read.push(page.damaged ? [`damaged to ${page.damaged.position}`, ...numbers] : numbers)
    reached = page.through
  }
  return read
}

const readBack = async (store: EventStore) => {
  const { events } = await store.readBack!({ before: 13, topics: undefined, maxEvents: 100, maxBytes: Infinity })
  return events.map(({ position }) => position)
}

describe('an event whose data is not what was stored', () => {
  test('is never served, and told to everybody who reads over it', async () => {
    flip('event number 6;', 2)
    const store = await reopen()
    expect(await pages(store)).toEqual([
      [1, 2, 3, 4, 5],
      ['damaged to 6', 7, 8, 9, 10, 11, 12],
    ])
    expect(await pages(store, new Set(['a']))).toEqual([
      [1, 3, 5],
      ['damaged to 6', 7, 9, 11],
    ])
    expect(await pages(store, new Set(['b']), 6)).toEqual([[8, 10, 12]])
    expect(await readBack(store)).toEqual([12, 11, 10, 9, 8, 7, 5, 4, 3, 2, 1])
    expect(await store.inspect(6)).toEqual({ name: 'damaged' })
    expect(await store.inspect(7)).toEqual({ name: 'kept', tag: marks[6]!.tag })
    expect(await store.find('own')).toBeUndefined()
    expect(errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('events up to position 6 are'))
  })

  test('is told to a subscriber as a gap, once, in its place', async () => {
    flip('event number 6;', 2)
    const hub = await createHubCore({ store: await reopen() })
    onTestFinished(() => hub.close())
    const client = await new TestClient(hub, { matchers: [exactTopic('a')], lastEventId: 'earliest' }).connect()
    onTestFinished(() => client.disconnect())
    await client.readUntil(6)
    const order = client.received
      .filter(({ type }) => type !== 'headwater-position')
      .map(({ type, data }) => (type === 'headwater-gap' ? JSON.parse(data).reason : Number(/\d+/.exec(data)![0])))
    expect(order).toEqual([1, 3, 5, 'damaged', 7, 9, 11])
    const gap = client.received.find(({ type }) => type === 'headwater-gap')!
    const again = await new TestClient(hub, { matchers: [exactTopic('a')], lastEventId: gap.lastEventId }).connect()
    onTestFinished(() => again.disconnect())
    await again.readUntil(3)
    expect(again.gaps).toEqual([])
  })

  test('is told by a replica, and by a store that threads share', async () => {
    const own = { directory: temporaryDirectory(), epoch: 'abcdefghij', onError: () => {} }
    const whole = await openReplica(own)
    await whole.apply([5, 9, 70].map((position) => ({ ...event(`replicated ${position};`), position, tag: position })))
    await whole.close()
    flip('replicated 9;', 0, own.directory)
    const replica = await openReplica(own)
    onTestFinished(() => replica.close())
    expect(await pages(replica)).toEqual([[5], ['damaged to 69', 70]])
    expect(await replica.inspect(9)).toEqual({ name: 'damaged' })
    expect(await replica.inspect(69)).toEqual({ name: 'damaged' })
    expect(await replica.inspect(3)).toEqual({ name: 'vacant' })

    flip('event number 6;', 2)
    const shared = await shareStore(await reopen(), {
      frameOf: (epoch, event) => Buffer.from(encodeStoredEvent(epoch, event)),
    })
    const client = openSharedStore(shared.connect())
    onTestFinished(() => client.close())
    expect((await pages(client))[1]![0]).toBe('damaged to 6')
  })

  test('that is trimmed leaves a trace that may have been anyone’s', async () => {
    flip('event number 6;', 2)
    const store = await reopen({ maxEvents: 4 })
    await store.trim()
    const lost = async (topic: string) =>
      (await store.read({ after: 5, through: 12, topics: new Set([topic]), maxEvents: 9, maxBytes: 1e9 })).lost
    expect((await lost('neither')).map(({ position, topics }) => [position, topics])).toEqual([[6, undefined]])
    expect(await pages(store, undefined, 8)).toEqual([[9, 10, 11, 12]])
  })
})

describe('an event that is missing', () => {
  test('is told to everybody who reads over it, also in the middle of a page and at its end', async () => {
    change('DELETE FROM event WHERE position IN (6, 7)')
    const store = await reopen()
    for (const topics of [undefined, new Set(['a']), new Set(['a', 'b']), new Set(['other'])]) {
      expect((await pages(store, topics)).flat()).toContain('damaged to 7')
    }
    expect(await store.inspect(6)).toEqual({ name: 'damaged' })
    const cut = await store.read({ after: 0, through: 7, topics: undefined, maxEvents: 100, maxBytes: Infinity })
    const rest = await store.read({
      after: cut.through,
      through: 7,
      topics: undefined,
      maxEvents: 100,
      maxBytes: Infinity,
    })
    expect([cut.through, rest.damaged?.position, rest.through]).toEqual([5, 7, 7])
  })

  test('in the index alone is served all the same, and the operator is told', async () => {
    change("DELETE FROM event_topic WHERE topic = 'a' AND position = 5")
    const store = await reopen()
    for (let n = 0; n < 20; n++) {
      expect(await pages(store, new Set(['a']))).toEqual([[1, 3, 5, 7, 9, 11]])
    }
    await expect
      .poll(() => errors.map(({ message }) => message))
      .toContainEqual(expect.stringContaining('index of topics'))
    expect(await pages(store, new Set(['a', 'other']))).toEqual([[1, 3, 5, 7, 9, 11]])
  })
})

describe('what is known beside the events', () => {
  test('of the history as a whole: damage refuses to open', async () => {
    change('UPDATE history SET trimmed_position = 3')
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/are damaged .*history as a whole.*restore a backup/),
    })
  })

  test('of trimmed events: damage makes a gap of anyone’s', async () => {
    const trimmed = await reopenAfter(() => change('UPDATE trace SET topics = \'["c"]\' WHERE position = 9'))
    const lost = async (after: number) =>
      (await trimmed.read({ after, through: 12, topics: new Set(['neither']), maxEvents: 9, maxBytes: 1e9 })).lost
    expect(await lost(9)).toEqual([{ position: 10, topics: undefined, isPrivate: false }])
    expect(await lost(10)).toEqual([])
  })

  test('of idempotency keys: a damaged one is not known', async () => {
    change("UPDATE idempotency SET position = 3 WHERE key = 'key 5'")
    const store = await reopen()
    expect(await store.append(event('x'), { idempotencyKey: 'key 4' })).toEqual(marks[3])
    expect(await store.append(event('x'), { idempotencyKey: 'key 5' })).toMatchObject({ position: 13 })
  })
})

async function reopenAfter(harm: () => void): Promise<EventStore> {
  const store = await reopen({ maxEvents: 2 })
  await store.trim()
  await store.close()
  harm()
  return await reopen({ maxEvents: 2 })
}
