import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { positionId } from '../../../src/hub/event-id.ts'
import { everyTopic, exactTopic, urlPattern } from '../../../src/matching/matcher.ts'
import type { EventRecord, EventStore } from '../../../src/store/store.ts'
import { TestClient } from '../../hub/client.ts'
import { isOwnRead } from '../../hub/counting-store.ts'
import { nextTurn } from '../../next-turn.ts'
import { million, topicOf, twice, writeMillionEvents } from '../../store/million-events.ts'
import { openStore } from '../../store/temporary-store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type Serving, type Subscribed, serve } from '../serve-hub.ts'

/** Of a machine that is very busy. */
const timeout = 300_000
const site = 'https://example.com'

describe('history to live, over HTTP and from a store on disk, while others publish', { timeout }, () => {
  const isAll = () => true
  test.each<[string, string, (event: EventRecord) => boolean]>([
    ['one topic', `match=${site}/rooms/3`, ({ topics, isPrivate }) => topics.includes(`${site}/rooms/3`) && !isPrivate],
    [
      'many topics',
      Array.from({ length: 40 }, (_, n) => `match=${site}/rooms/${2 * n}`).join('&'),
      ({ topics, isPrivate }) => !isPrivate && topics.some((topic) => Number(topic.split('/').at(-1)) % 2 === 0),
    ],
    [
      'a pattern',
      `match_urlpattern=${site}/rooms/:room([3-5])`,
      ({ topics, isPrivate }) => !isPrivate && topics.some((topic) => /\/[345]$/.test(topic)),
    ],
    ['everything public', 'match=*', ({ isPrivate }) => !isPrivate],
    ['everything and all private events', 'match=*&private', isAll],
    [
      'the private events of one topic',
      `match=${site}/rooms/3&private`,
      ({ topics }) => topics.includes(`${site}/rooms/3`),
    ],
  ])('has no gap and no duplicate: %s', async (_what, query, isWanted) => {
    const store = await openStore(temporaryDirectory())
    await store.appendAll!(Array.from({ length: 1000 }, (_, number) => ({ event: eventOf(0, number) })))
    const serving = await serve({
      store,
      authorize: ({ url }) => ({ publish: [everyTopic], subscribe: url.includes('&private') ? [everyTopic] : [] }),
    })
    const publishing = Promise.all([1, 2, 3, 4].map((publisher) => publishArrays(serving, publisher)))
    const reading = Promise.all([40, 97, 150, 333, 700, Infinity].map((hop) => readInHops(serving, query, hop)))
    await publishing
    await serving.hub.publish({ topic: lastTopics, data: 'last' })

    const { head } = await store.bounds()
    const all = { after: 0, through: head.position, topics: undefined, maxEvents: 1e6, maxBytes: Infinity }
    const { events } = await store.read(all)
    expect(events.length).toBe(1000 + 4 * 400 + 1)
    const expected = events.filter((event) => isWanted(event) || event.data === 'last').map(({ data }) => data)
    for (const datas of await reading) expect(datas).toEqual(expected)
  })
})

describe('in a history of a million events', { timeout }, () => {
  let directory: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'headwater-million-'))
    await writeMillionEvents(directory)
  }, timeout)
  afterAll(() => rmSync(directory, { recursive: true }))

  async function openMillion(): Promise<
    Serving & { readonly counts: Counts; idOf(position: number): Promise<string> }
  > {
    const store = await openStore(directory)
    const { counting, counts } = count(store)
    const serving = await serve({ store: counting })
    const idOf = async (position: number) => {
      const state = await store.inspect(position)
      if (state.name !== 'kept') throw new Error(`${position} is ${state.name}`)
      return positionId(store.epoch, { position, tag: state.tag })
    }
    return { ...serving, counts, idOf }
  }

  test.each([
    ['one topic', `match=${site}/rooms/7`, [999_977, 999_987, 999_997]],
    ['several topics', `match=${site}/rooms/7&match=${site}/rooms/9`, [999_977, 999_979, 999_987, 999_989]],
    ['a pattern', `match_urlpattern=${site}/rooms/:room(7)`, [999_977, 999_987, 999_997]],
    ['all', 'match=*', [999_971, 999_972, 999_973]],
  ])('a recent id is found at once, and only what comes after it is read: %s', async (_what, query, numbers) => {
    const { open, counts, idOf } = await openMillion()
    const id = await idOf(999_970)
    const subscribed = await open(query, { 'last-event-id': id })
    expect(subscribed.response.headers.get('mercure-last-event-id')).toBe(id)
    for (const number of numbers) expect(await dataOf(subscribed)).toBe(`event ${number}`)
    expect(counts).toMatchObject({ inspect: 1, find: 0, readBack: 0 })
    expect(counts.eventsRead).toBeLessThanOrEqual(30)
    await subscribed.close()
  })

  test("so is a recent id of a publisher's own, and the first event of two that have one", async () => {
    const { open, counts, idOf } = await openMillion()
    const recent = await open(`match=${site}/rooms/1`, { 'last-event-id': 'urn:999950' })
    expect(recent.response.headers.get('mercure-last-event-id')).toBe('urn:999950')
    expect(await dataOf(recent)).toBe('event 999951')
    expect(counts).toMatchObject({ inspect: 0, find: 1, readBack: 0 })
    // One more: whether the subscriber may receive the event of that ID.
    expect(counts.eventsRead).toBeLessThanOrEqual(6)
    await recent.close()

    const first = await open(`match=${topicOf(twice[0])}&last_event_id=urn:twice`)
    // The event of that ID itself is not sent again.
    expect(await dataOf(first)).toBe(`event ${twice[0] + 10}`)
    await first.close()
    const after = await open(`match=${topicOf(twice[0])}`, { 'last-event-id': await idOf(twice[0]) })
    expect(await dataOf(after)).toBe(`event ${twice[0] + 10}`)
    await after.close()
  })

  test('the last N of a topic, a pattern or all are found from the end', async () => {
    const { open, counts } = await openMillion()
    for (const [query, numbers] of [
      [`match=${site}/rooms/4`, [999_984, 999_994]],
      [`match_urlpattern=${site}/rooms/:room([45])`, [999_994, 999_995]],
      ['match=*', [999_999, 1_000_000]],
    ] as const) {
      counts.eventsRead = 0
      const subscribed = await open(`${query}&last_event_id=-2`)
      for (const number of numbers) expect(await dataOf(subscribed)).toBe(`event ${number}`)
      // A page, at most, of those that no index finds.
      expect(counts.eventsRead).toBeLessThanOrEqual(1100)
      await subscribed.close()
    }
  })

  test('tens of thousands of missed events come in one connection', async () => {
    const { open, idOf, hub } = await openMillion()
    const subscribed = await open(`match=${site}/rooms/3`, { 'last-event-id': await idOf(699_993) })
    for (let number = 700_003; number <= million; number += 10) {
      const data = await dataOf(subscribed)
      if (data !== `event ${number}`) expect(data).toBe(`event ${number}`)
    }
    await hub.publish({ topic: `${site}/rooms/3`, data: 'live' })
    expect(await dataOf(subscribed)).toBe('live')
    await subscribed.close()
  })

  test('a subscriber is served right after a restart, by any id', async () => {
    const before = await openMillion()
    const own = await before.hub.publish({ topic: `${site}/restart`, data: '1', id: 'urn:of the restart' })
    const id = await before.hub.publish({ topic: `${site}/restart`, data: '2' })
    await before.server.close({ deadlineMs: 100 })
    await before.store.close()
    const { open, post } = await openMillion()
    const [afterOwn, afterId] = [
      await open(`match=${site}/restart`, { 'last-event-id': own }),
      await open(`match=${site}/restart`, { 'last-event-id': id }),
    ]
    expect(await dataOf(afterOwn)).toBe('2')
    await post({ topic: `${site}/restart`, data: '3' })
    for (const subscribed of [afterOwn, afterId]) {
      expect(await dataOf(subscribed)).toBe('3')
      await subscribed.close()
    }
  })

  test('subscribers by pattern who go through all of it delay nobody: neither those who are live nor those who return', async () => {
    const { hub, counts, idOf } = await openMillion()
    const readers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        new TestClient(hub, {
          matchers: [urlPattern(`${site}/rooms/:room/${n}`, `${site}/`)],
          lastEventId: 'earliest',
        }).connect(),
      ),
    )
    const live = await new TestClient(hub, { matchers: [exactTopic(`${site}/live`)] }).connect()
    await live.readSome()
    let mostInATurn = 0
    let readBefore = counts.read
    let isOver = false
    const watchTurns = () => {
      mostInATurn = Math.max(mostInATurn, counts.read - readBefore)
      readBefore = counts.read
      if (!isOver) setImmediate(watchTurns)
    }
    watchTurns()

    const waits: number[] = []
    const wait = async (work: () => Promise<unknown>) => {
      const before = counts.read
      await work()
      waits.push(counts.read - before)
    }
    const ofTheEnd = await idOf(999_970)
    for (let n = 1; n <= 30; n++) {
      await wait(async () => {
        await hub.publish({ topic: `${site}/live`, data: `${n}` })
        await live.readUntil(n)
      })
      await wait(async () => {
        const matchers = [exactTopic(`${site}/rooms/7`)]
        const returning = await new TestClient(hub, { matchers, lastEventId: ofTheEnd }).connect()
        await returning.readUntil(3)
        await returning.disconnect()
      })
    }
    isOver = true
    // Of some 90000 pages that they have to go through, few are read before anything else gets its turn.
    expect(Math.max(...waits)).toBeLessThanOrEqual(200)
    expect(mostInATurn).toBeLessThanOrEqual(32)
    expect(counts.mostEventsOfAPage).toBeLessThanOrEqual(1000)
    expect(counts.mostUnderWay).toBeLessThanOrEqual(20)
    expect(hub.stats.subscribersBehind).toBe(20)

    // And who leaves costs nothing any more.
    for (const reader of [...readers, live]) await reader.disconnect()
    while (hub.subscriberCount > 0) await nextTurn()
    while (counts.underWay > 0) await nextTurn()
    const { read } = counts
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(counts.read).toBe(read)
  })
})

const lastTopics = Array.from({ length: 10 }, (_, n) => `${site}/rooms/${n}`)

function eventOf(publisher: number, number: number): EventRecord {
  return {
    topics: number % 6 === 0 ? [`${site}/rooms/${number % 10}`, `${site}/rooms/3`] : [`${site}/rooms/${number % 10}`],
    data: `${publisher}:${number} ${'x'.repeat((number * 31) % 500)}`,
    isPrivate: number % 4 === 0,
    id: number % 5 === 0 ? `urn:${publisher}:${number}` : undefined,
    type: undefined,
    retryMs: undefined,
  }
}

/** Publishes 400 events over HTTP, a few at a time. */
async function publishArrays({ url }: Serving, publisher: number): Promise<void> {
  for (let number = 0; number < 400; number += 4) {
    const events = [0, 1, 2, 3].map((more) => {
      const { topics, data, isPrivate, id } = eventOf(publisher, number + more)
      return { topic: topics, data, private: isPrivate, id }
    })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(events) })
    expect(response.status, await response.text()).toBe(200)
  }
}

/** Reads from the beginning to the event `last`, over a new connection after each so many events. */
async function readInHops({ open }: Serving, query: string, hop: number): Promise<string[]> {
  const datas: string[] = []
  let id = 'earliest'
  while (datas.at(-1) !== 'last') {
    const { nextOfAny, close } = await open(query, { 'last-event-id': id })
    for (let count = 0; count < hop && datas.at(-1) !== 'last'; ) {
      const event = await nextOfAny()
      if (!event) throw new Error('the stream ended')
      id = event.id ?? id
      if (event.type === 'headwater-position') continue
      datas.push(event.type === 'headwater-gap' ? `a gap: ${event.data}` : event.data)
      count++
    }
    await close()
  }
  return datas
}

/** The data of the next event. What is told of a position is passed over, a gap is not. */
async function dataOf({ nextOfAny }: Subscribed): Promise<string> {
  for (;;) {
    const event = await nextOfAny()
    if (!event) throw new Error('the stream ended')
    if (event.type === 'headwater-gap') throw new Error(`there is a gap: ${event.data}`)
    if (event.type !== 'headwater-position') return event.data
  }
}

interface Counts {
  read: number
  readBack: number
  inspect: number
  find: number
  eventsRead: number
  mostEventsOfAPage: number
  underWay: number
  mostUnderWay: number
}

/** The same store, counting what it is asked and what it answers. */
function count(store: EventStore): { counting: EventStore; counts: Counts } {
  const counts: Counts = {
    read: 0,
    readBack: 0,
    inspect: 0,
    find: 0,
    eventsRead: 0,
    mostEventsOfAPage: 0,
    underWay: 0,
    mostUnderWay: 0,
  }
  const page = async <Page extends { readonly events: readonly unknown[] }>(reading: Promise<Page>): Promise<Page> => {
    counts.underWay++
    counts.mostUnderWay = Math.max(counts.mostUnderWay, counts.underWay)
    try {
      const read = await reading
      counts.eventsRead += read.events.length
      counts.mostEventsOfAPage = Math.max(counts.mostEventsOfAPage, read.events.length)
      return read
    } finally {
      counts.underWay--
    }
  }
  const counting: EventStore = {
    epoch: store.epoch,
    append: (event, options) => store.append(event, options),
    appendAll: (appends) => store.appendAll!(appends),
    read: (query) => {
      counts.read++
      return page(store.read(query))
    },
    readBack: (query) => {
      if (isOwnRead(query)) return store.readBack!(query)
      counts.readBack++
      return page(store.readBack!(query))
    },
    inspect: (position) => {
      counts.inspect++
      return store.inspect(position)
    },
    find: (id) => {
      counts.find++
      return store.find(id)
    },
    bounds: () => store.bounds(),
    follow: (follower) => store.follow(follower),
    trim: () => store.trim(),
    close: () => store.close(),
  }
  return { counting, counts }
}
