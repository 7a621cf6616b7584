import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Retention } from '../../src/store/retention.ts'
import type {
  Append,
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  HistoryPosition,
  ReadBackQuery,
  ReadQuery,
  StoredEvent,
} from '../../src/store/store.ts'

/** What the suite needs to know of an implementation. */
export interface StoreDriver {
  /** Opens a store with a new history. It asks `now` for the time in milliseconds. */
  open(options: SuiteOptions): Promise<EventStore>
  /** Opens the history of a closed store again; absent where a history ends with its store. */
  reopen?(closed: EventStore, options: SuiteOptions): Promise<EventStore>
  /** How many random sequences it is tried with; fewer where opening takes long. Default 60. */
  readonly sequences?: number
  /** Whether the history is kept elsewhere, and so cannot be trimmed here by position. */
  readonly keepsElsewhere?: boolean
  /** Frees what the last store took. */
  dispose?(): Promise<void>
}

export interface SuiteOptions extends Retention {
  readonly idempotencyMs?: number
  readonly now: () => number
}

const day = 24 * 60 * 60_000

/** The contract of `store.ts` as tests. Every implementation runs all of it. */
export function describeStore(name: string, driver: StoreDriver): void {
  describe(`the ${name} store`, () => {
    let store: EventStore
    let clock = 0
    let newest = 0
    const now = () => clock

    const open = async (retention: Omit<SuiteOptions, 'now'> = {}) => {
      await store?.close()
      await driver.dispose?.()
      store = await driver.open({ maxEvents: Infinity, maxBytes: Infinity, ...retention, now })
      newest = 0
    }

    const append = async (record: EventRecord, options?: AppendOptions): Promise<HistoryPosition> => {
      const mark = await store.append(record, options)
      newest = Math.max(newest, mark.position)
      return mark
    }

    /** The bounds, once the store has told of all events appended so far. */
    const told = async (): Promise<Bounds> => {
      const tail = new Tail()
      const stop = await store.follow(tail)
      await tail.reach(newest)
      stop()
      return await store.bounds()
    }

    const all = async (topics?: readonly string[]): Promise<readonly StoredEvent[]> => {
      const { head } = await told()
      return (await store.read(query({ through: head.position, topics: topics && new Set(topics) }))).events
    }

    const datas = async (topics?: readonly string[]): Promise<string[]> =>
      (await all(topics)).map((stored) => stored.data)

    beforeEach(async () => {
      clock = 1_700_000_000_000
      await open()
    })

    afterEach(async () => {
      await store.close()
      await driver.dispose?.()
    })

    describe('append', () => {
      test('gives each event a position after those of all events appended before', async () => {
        const marks = []
        for (let n = 0; n < 20; n++) marks.push(await append(event(`${n}`)))
        const positions = marks.map((mark) => mark.position)
        expect(positions[0]).toBeGreaterThan(0)
        expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
        expect(await datas()).toEqual(marks.map((_, n) => `${n}`))
      })

      test('gives events appended together different positions, and loses none', async () => {
        const marks = await Promise.all(Array.from({ length: 200 }, (_, n) => append(event(`${n}`))))
        expect(new Set(marks.map((mark) => mark.position)).size).toBe(200)
        const events = await all()
        const dataAt = new Map(events.map((stored) => [stored.position, stored.data]))
        expect(marks.map((mark) => dataAt.get(mark.position))).toEqual(marks.map((_, n) => `${n}`))
      })

      test('gives each event a tag of 32 bits that it keeps', async () => {
        const marks = await Promise.all(Array.from({ length: 50 }, () => append(event('x'))))
        for (const { tag } of marks) expect(tag >>> 0).toBe(tag)
        expect(new Set(marks.map((mark) => mark.tag)).size).toBeGreaterThan(45)
        const tagAt = new Map((await all()).map((stored) => [stored.position, stored.tag]))
        for (const mark of marks) expect(tagAt.get(mark.position)).toBe(mark.tag)
      })

      test('keeps every field of an event as it was', async () => {
        const records: EventRecord[] = [
          event(''),
          event('nul \0, lines \r\n\r\n, ⛲ and \u2028'),
          event('x'.repeat(1024 * 1024)),
          {
            topics: ['a', 'b ⛲', 'https://example.com/{id}'],
            data: 'd',
            isPrivate: true,
            id: 'ï',
            type: 't',
            retryMs: 0,
          },
          { topics: ['a'], data: 'd', isPrivate: false, id: 'urn:uuid:1', type: undefined, retryMs: 86_400_000 },
        ]
        for (const record of records) await append(record)
        expect((await all()).map(recordOf)).toEqual(records)
      })

      test('keeps the trace in which an event was published, and gives it on the tail and in the history', async () => {
        const traceContext = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 vendor=state'
        const tail = new Tail()
        const stop = await store.follow(tail)
        await append({ ...event('traced'), traceContext })
        await append(event('not traced'))
        await append({ ...event('by key'), traceContext }, { idempotencyKey: 'k' })
        await tail.reach(newest)
        stop()
        expect(tail.events.map((each) => each.traceContext)).toEqual([traceContext, undefined, traceContext])
        expect((await all()).map((each) => each.traceContext)).toEqual([traceContext, undefined, traceContext])
      })

      test('keeps when it stored each event, for people who read the history', async () => {
        const { head } = await told()
        for (const data of ['a', 'b']) {
          clock += 1000
          await append(event(data))
          await told()
        }
        const { head: end } = await told()
        const forwards = await store.read(query({ after: head.position, through: end.position }))
        // By the clock of whoever stored it: a copy has its own.
        const times = forwards.events.map(({ storedAt }) => storedAt!)
        expect(times.every(Number.isSafeInteger)).toBe(true)
        expect(times[1]).toBeGreaterThanOrEqual(times[0]!)
        if (!store.readBack) return
        const before = end.position + 1
        const backwards = await store.readBack({ before, topics: undefined, maxEvents: 2, maxBytes: 1000 })
        expect(backwards.events.map(({ storedAt }) => storedAt)).toEqual(times.toReversed())
      })
    })

    describe('read backwards, where the store can', () => {
      const back = async (query: Partial<ReadBackQuery>) => {
        const { head } = await told()
        const page = await store.readBack!({
          before: head.position + 1,
          topics: undefined,
          maxEvents: 100,
          maxBytes: 1e6,
          ...query,
        })
        return { datas: page.events.map(({ data }) => data), from: page.from }
      }
      const topical = (data: string, ...topics: string[]): EventRecord => ({ ...event(data), topics })

      test('gives the newest first, each once, page by page to the beginning', async ({ skip }) => {
        if (!store.readBack) skip('this store reads forwards only')
        const marks: HistoryPosition[] = []
        for (const [data, ...topics] of [
          ['1', 'a'],
          ['2', 'b'],
          ['3', 'a', 'b'],
          ['4', 'c'],
          ['5', 'b'],
        ] as const) {
          marks.push(await append(topical(data, ...topics)))
        }
        expect(await back({})).toEqual({ datas: ['5', '4', '3', '2', '1'], from: 0 })
        expect(await back({ topics: new Set(['a', 'b']) })).toEqual({ datas: ['5', '3', '2', '1'], from: 0 })
        expect(await back({ topics: new Set(['a', 'b']), maxEvents: 2 })).toEqual({
          datas: ['5', '3'],
          from: marks[2]!.position,
        })
        expect(await back({ topics: new Set(['a', 'b']), before: marks[2]!.position })).toEqual({
          datas: ['2', '1'],
          from: 0,
        })
        expect((await back({ maxBytes: 1 })).datas).toEqual(['5'])
        expect(await back({ topics: new Set(['z']) })).toEqual({ datas: [], from: 0 })
      })

      test('gives nothing that was trimmed', async ({ skip }) => {
        if (!store.readBack) skip('this store reads forwards only')
        await open({ maxEvents: 2 })
        for (const data of ['1', '2', '3', '4']) await append(event(data))
        await store.trim()
        expect(await back({})).toEqual({ datas: ['4', '3'], from: 0 })
      })
    })

    describe('append of several at once, where the store can', () => {
      const appendAll = async (...appends: Append[]): Promise<readonly HistoryPosition[] | undefined> => {
        const marks = await store.appendAll?.(appends)
        for (const { position } of marks ?? []) newest = Math.max(newest, position)
        return marks
      }

      test('keeps their order, also among single appends, and tells each its mark', async ({ skip }) => {
        if (!store.appendAll) skip('this store appends one at a time')
        await append(event('0'))
        const marks = await appendAll({ event: event('1') }, { event: event('2') }, { event: event('3') })
        await append(event('4'))
        const stored = await all()
        expect(stored.map(({ data }) => data)).toEqual(['0', '1', '2', '3', '4'])
        expect(stored.slice(1, 4).map(({ position, tag }) => ({ position, tag }))).toEqual(marks)
      })

      test('stores none whose key was used before, and finds the mark that it had', async ({ skip }) => {
        if (!store.appendAll) skip('this store appends one at a time')
        const [first] = (await appendAll({ event: event('a'), idempotencyKey: 'k' }, { event: event('b') }))!
        const again = await appendAll({ event: event('a'), idempotencyKey: 'k' }, { event: event('c') })
        expect(again![0]).toEqual(first)
        expect((await all()).map(({ data }) => data)).toEqual(['a', 'b', 'c'])
      })
    })

    describe('append with an id of the publisher', () => {
      const taken = { code: 'EVENT_ID_TAKEN', message: expect.stringContaining('the ID "mine" is taken') }
      const mine = (data: string, topic = 'a') => event(data, [topic], { id: 'mine' })

      test('refuses the id of an event that is kept, on whatever topic, and stores nothing', async () => {
        const first = await append(mine('first'))
        await expect(store.append(mine('second', 'b'))).rejects.toMatchObject(taken)
        await append(event('other', ['a'], { id: 'other' }))
        expect(await datas()).toEqual(['first', 'other'])
        expect(await store.find('mine')).toEqual(first)
      })

      test('stores one of several that are under way together', async () => {
        const appends = Array.from({ length: 10 }, (_, n) => append(mine(`${n}`, `topic ${n}`)))
        const outcomes = await Promise.allSettled(appends)
        const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
        expect(refused).toHaveLength(9)
        for (const { reason } of refused) expect(reason).toMatchObject(taken)
        expect(await datas()).toHaveLength(1)
      })

      test('refuses all that are appended together if one id is taken or comes twice', async () => {
        if (!store.appendAll) return
        await append(mine('first'))
        const others = [{ event: event('a') }, { event: mine('b') }, { event: event('c', ['a'], { id: 'other' }) }]
        await expect(store.appendAll(others)).rejects.toMatchObject(taken)
        const twice = [{ event: event('d', ['a'], { id: 'twice' }) }, { event: event('e', ['b'], { id: 'twice' }) }]
        await expect(store.appendAll(twice)).rejects.toMatchObject({ code: 'EVENT_ID_TAKEN' })
        // Others that are stored at the same time are not concerned.
        const [alone, together] = await Promise.allSettled([
          append(event('f')),
          store.appendAll(others),
          append(event('g')),
        ])
        expect([alone.status, together!.status]).toEqual(['fulfilled', 'rejected'])
        expect((await datas()).sort()).toEqual(['f', 'first', 'g'])
      })

      test('resolves a retry with its key as the first time', async () => {
        const first = await append(mine('first'), { idempotencyKey: 'k' })
        expect(await append(mine('first'), { idempotencyKey: 'k' })).toEqual(first)
        await expect(store.append(mine('other'), { idempotencyKey: 'another' })).rejects.toMatchObject(taken)
        if (!store.appendAll) return
        const both = { event: event('x', ['a'], { id: 'x' }), idempotencyKey: 'x' }
        const [one, same] = await store.appendAll([both, both])
        expect(one).toEqual(same)
      })

      test('accepts the id again once its event is trimmed', async () => {
        await open({ maxEvents: 1 })
        await append(mine('first'))
        await append(event('other'))
        await store.trim()
        await told()
        const again = await append(mine('again'))
        expect(await store.find('mine')).toEqual(again)
      })
    })

    describe('append with an idempotency key', () => {
      const keyed = (data: string, idempotencyKey: string) => append(event(data), { idempotencyKey })

      test('stores the first event of a key and resolves the further ones to its mark', async () => {
        const first = await keyed('first', 'k')
        const other = await keyed('other', 'K')
        expect(await keyed('again', 'k')).toEqual(first)
        expect(await keyed('and again', 'k')).toEqual(first)
        expect(other).not.toEqual(first)
        await append(event('without'))
        await append(event('without'))
        expect(await datas()).toEqual(['first', 'other', 'without', 'without'])
      })

      test('stores one event of a key when its appends are under way together, and the tail tells of one', async () => {
        const tail = new Tail()
        await store.follow(tail)
        const marks = await Promise.all(Array.from({ length: 10 }, (_, n) => keyed(`${n}`, `key ${n % 2}`)))
        expect(marks).toEqual(marks.map((_, n) => marks[n % 2]))
        const last = await append(event('last'))
        await tail.reach(last.position)
        expect(tail.events.length).toBe(3)
        expect(new Set(tail.positions)).toEqual(new Set([...marks, last].map((mark) => mark.position)))
      })

      test('knows the key of an event that is trimmed', async () => {
        await open({ maxEvents: 1 })
        const first = await keyed('first', 'k')
        await append(event('second'))
        await store.trim()
        expect(await keyed('again', 'k')).toEqual(first)
        expect(await datas()).toEqual(['second'])
      })

      test('forgets a key after its time, and not before', async () => {
        await open({ idempotencyMs: 60_000 })
        const first = await keyed('first', 'k')
        clock += 59_999
        await store.trim()
        expect(await keyed('again', 'k')).toEqual(first)
        clock += 1
        const second = await keyed('new', 'k')
        expect(second.position).toBeGreaterThan(first.position)
        clock += 1000
        await store.trim()
        expect(await keyed('again', 'k')).toEqual(second)
        expect(await datas()).toEqual(['first', 'new'])
      })
    })

    describe('keys without number', () => {
      test('take a quarter of the bytes that are kept, and the oldest are forgotten first', async () => {
        // 2048 keys of 128 bytes.
        const maxBytes = 2048 * 128 * 4
        await open({ maxBytes })
        const keyed = (idempotencyKey: string) => append(event(idempotencyKey), { idempotencyKey })
        const oldest = await keyed('oldest')
        clock += 1
        await Promise.all(Array.from({ length: 2048 - 1 }, (_, n) => keyed(`${n}`)))
        await store.trim()
        expect(await keyed('oldest')).toEqual(oldest)
        clock += 1
        await Promise.all(Array.from({ length: 500 }, (_, n) => keyed(`more ${n}`)))
        await store.trim()
        clock += 1
        const newest = await keyed('newest')
        expect(await keyed('newest')).toEqual(newest)
        expect((await keyed('more 499')).position).toBeLessThan(newest.position)
        expect((await keyed('oldest')).position).toBeGreaterThan(newest.position)
      })

      test('are a thousand at least, however little is kept', async () => {
        await open({ maxBytes: 0 })
        const keyed = (idempotencyKey: string) => append(event(idempotencyKey), { idempotencyKey })
        const first = await keyed('first')
        await Promise.all(Array.from({ length: 999 }, (_, n) => keyed(`${n}`)))
        await store.trim()
        expect(await keyed('first')).toEqual(first)
      })
    })

    describe('read', () => {
      test('answers in pages that follow on one another', async () => {
        for (let n = 0; n < 25; n++) await append(event(`${n}`))
        const { head } = await told()
        const seen: string[] = []
        const sizes: number[] = []
        let after = 0
        while (after < head.position) {
          const page = await store.read(query({ after, through: head.position, maxEvents: 10 }))
          seen.push(...page.events.map((stored) => stored.data))
          sizes.push(page.events.length)
          expect(page.through).toBeGreaterThan(after)
          after = page.through
        }
        expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `${n}`))
        expect(sizes).toEqual([10, 10, 5])
        expect(after).toBe(head.position)
      })

      test('ends a page with the event that reaches the size asked for, so that a page is never empty', async () => {
        for (const data of ['x'.repeat(5000), 'y'.repeat(300), 'z'.repeat(300)]) await append(event(data))
        const { head } = await told()
        const page = await store.read(query({ through: head.position, maxBytes: 1000 }))
        expect(page.events.map((stored) => stored.data[0])).toEqual(['x'])
        const rest = await store.read(query({ after: page.through, through: head.position, maxBytes: 100_000 }))
        expect(rest.events.map((stored) => stored.data[0])).toEqual(['y', 'z'])
      })

      test('never gives an event past the position asked for', async () => {
        const marks = []
        for (let n = 0; n < 5; n++) marks.push(await append(event(`${n}`)))
        await told()
        const page = await store.read(query({ through: marks[2]!.position }))
        expect(page.events.map((stored) => stored.data)).toEqual(['0', '1', '2'])
        expect(page.through).toBe(marks[2]!.position)
      })

      test('gives only events with one of the topics, by any of their topics, and each once', async () => {
        await append(event('0', ['a']))
        await append(event('1', ['b']))
        await append(event('2', ['c', 'a']))
        await append(event('3', ['a', 'b']))
        await append(event('4', ['ab']))
        expect(await datas(['a'])).toEqual(['0', '2', '3'])
        expect(await datas(['b'])).toEqual(['1', '3'])
        expect(await datas(['b', 'c', 'a', 'never used'])).toEqual(['0', '1', '2', '3'])
      })

      test('reaches the end at once for a topic without events', async () => {
        for (let n = 0; n < 5; n++) await append(event(`${n}`))
        const { head } = await told()
        const page = await store.read(query({ through: head.position, topics: new Set(['elsewhere']), maxEvents: 1 }))
        expect(page).toMatchObject({ events: [], through: head.position, lost: [] })
      })

      test('answers an empty history', async () => {
        const bounds = {
          head: { position: 0, tag: 0 },
          trimmed: { position: 0, tag: 0 },
          earliest: undefined,
          count: 0,
        }
        expect(await store.bounds()).toEqual(bounds)
        expect(await store.read(query({ through: 0 }))).toEqual({ events: [], through: 0, lost: [], bounds })
      })
    })

    describe('what it knows of ids and positions', () => {
      test('answers each of many who ask for the same, as of when it asked', async () => {
        const ask = (position: number) =>
          Promise.all([1, 2, 3].flatMap(() => [store.find('mine'), store.inspect(position)]))
        expect(await ask(1000)).toEqual([1, 2, 3].flatMap(() => [undefined, { name: 'ahead' }]))
        const mark = await append(event('first', ['a'], { id: 'mine' }))
        await told()
        expect(await ask(mark.position)).toEqual([1, 2, 3].flatMap(() => [mark, { name: 'kept', tag: mark.tag }]))
      })

      test('finds the event to which a publisher gave an id', async () => {
        await append(event('other', ['a'], { id: 'other' }))
        const mine = await append(event('mine', ['a'], { id: 'mine' }))
        expect(await store.find('mine')).toEqual(mine)
        expect(await store.find('min')).toBeUndefined()
        expect(await store.find('')).toBeUndefined()
      })

      test('tells a kept event, a vacant position and one that is ahead apart', async () => {
        const first = await append(event('first'))
        const last = await append(event('last'))
        await told()
        expect(await store.inspect(0)).toEqual({ name: 'kept', tag: 0 })
        expect(await store.inspect(first.position)).toEqual({ name: 'kept', tag: first.tag })
        expect(await store.inspect(last.position)).toEqual({ name: 'kept', tag: last.tag })
        expect(await store.inspect(last.position + 1)).toEqual({ name: 'ahead' })
        expect(await store.inspect(Number.MAX_SAFE_INTEGER)).toEqual({ name: 'ahead' })
        for (let position = first.position + 1; position < last.position; position++) {
          expect(await store.inspect(position)).toEqual({ name: 'vacant' })
        }
      })

      test('names its history by an epoch of its own', async () => {
        const { epoch } = store
        expect(epoch).toMatch(/^[0-9a-z]{10}$/)
        await open()
        expect(store.epoch).toMatch(/^[0-9a-z]{10}$/)
        expect(store.epoch).not.toBe(epoch)
      })
    })

    describe('the tail', () => {
      test('brings each event after its start once and in order, while many append', async () => {
        await append(event('before'))
        const tail = new Tail()
        const appends: Promise<HistoryPosition>[] = []
        for (let n = 0; n < 50; n++) appends.push(append(event(`${n}`)))
        await store.follow(tail)
        for (let n = 50; n < 100; n++) appends.push(append(event(`${n}`)))
        const marks = await Promise.all(appends)
        const after = tail.start!.head.position
        await tail.reach(Math.max(...marks.map((mark) => mark.position)))
        expect(tail.positions).toEqual((await all()).map((stored) => stored.position).filter((p) => p > after))
      })

      test('tells of an event with all that was appended', async () => {
        const tail = new Tail()
        await store.follow(tail)
        const record = event('⛲', ['a', 'b'], { id: 'mine', type: 'rain', isPrivate: true, retryMs: 5 })
        const mark = await append(record)
        await tail.reach(mark.position)
        expect(tail.events.map(recordOf)).toEqual([record])
        expect(tail.events[0]!.tag).toBe(mark.tag)
      })

      test('brings the same to every follower, and nothing to one that stopped', async () => {
        const [one, other, stopped] = [new Tail(), new Tail(), new Tail()]
        await store.follow(one)
        await store.follow(other)
        const stop = await store.follow(stopped)
        stop()
        const mark = await append(event('x'))
        await Promise.all([one.reach(mark.position), other.reach(mark.position)])
        expect(one.positions).toEqual([mark.position])
        expect(other.positions).toEqual([mark.position])
        expect(stopped.positions).toEqual([])
        stop()
      })

      test('starts at the head, and has told no more than can be read', async () => {
        for (let n = 0; n < 3; n++) await append(event(`${n}`))
        const tail = new Tail()
        await store.follow(tail)
        const mark = await append(event('next'))
        await tail.reach(mark.position)
        const head = tail.start!.head.position
        const history = await store.read(query({ through: head }))
        const seen = [...history.events, ...tail.events].map((stored) => stored.data)
        expect(seen).toEqual(['0', '1', '2', 'next'])
      })
    })

    describe('trimming', () => {
      test('by position drops everything up to it, and says so', async () => {
        const marks = []
        for (let n = 0; n < 5; n++) marks.push(await append(event(`${n}`)))
        await told()
        if (driver.keepsElsewhere) {
          await expect(store.trim(marks[1]!.position)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
          return
        }
        await store.trim(marks[1]!.position)
        expect(await datas()).toEqual(['2', '3', '4'])
        expect((await store.bounds()).trimmed).toEqual(marks[1])
        // What is gone already is no fault.
        await store.trim(marks[0]!.position)
        expect(await datas()).toEqual(['2', '3', '4'])
        const { lost } = await store.read(query({ through: marks[4]!.position }))
        expect(lost.at(-1)).toMatchObject({ position: marks[1]!.position, topics: ['a'] })
      })

      test('by position goes no further than the head', async () => {
        if (driver.keepsElsewhere) return
        const marks = []
        for (let n = 0; n < 2; n++) marks.push(await append(event(`${n}`)))
        await told()
        await store.trim(Number.MAX_SAFE_INTEGER)
        expect(await store.bounds()).toEqual({ head: marks[1], trimmed: marks[1], earliest: undefined, count: 0 })
        const next = await append(event('next'))
        expect(next.position).toBeGreaterThan(marks[1]!.position)
        expect(await datas()).toEqual(['next'])
      })

      test('keeps the newest events by number', async () => {
        await open({ maxEvents: 3 })
        for (let n = 0; n < 10; n++) await append(event(`${n}`))
        await store.trim()
        expect(await datas()).toEqual(['7', '8', '9'])
      })

      test('keeps the newest events by size', async () => {
        await open({ maxBytes: 100_000 })
        for (let n = 0; n < 10; n++) await append(event(`${n}${'x'.repeat(30_000)}`))
        await store.trim()
        expect((await datas()).map((data) => data[0])).toEqual(['7', '8', '9'])
      })

      test('drops events past their age, and nothing before', async () => {
        await open({ maxAgeMs: 60_000 })
        await append(event('old'))
        clock += 30_000
        await append(event('young'))
        clock += 29_000
        await store.trim()
        expect(await datas()).toEqual(['old', 'young'])
        clock += 2_000
        await store.trim()
        expect(await datas()).toEqual(['young'])
      })

      test('drops events by age although one was stored with a clock far ahead', async () => {
        await open({ maxAgeMs: 60_000 })
        await append(event('before'))
        clock += day
        await append(event('from tomorrow'))
        clock -= day
        for (const data of ['1', '2']) await append(event(data))
        clock += 30_000
        await append(event('young'))
        clock += 31_000
        await store.trim()
        expect(await datas()).toEqual(['young'])
      })

      test('drops nothing for a clock that jumps ahead and back', async () => {
        await open({ maxAgeMs: 10 * 60_000 })
        await append(event('0'))
        clock += day
        await store.trim()
        clock += 30 * 60_000
        await append(event('1'))
        await store.trim()
        expect(await datas()).toEqual(['0', '1'])
        clock -= day + 29 * 60_000
        await append(event('2'))
        await store.trim()
        expect(await datas()).toEqual(['0', '1', '2'])
      })

      test('drops events by a clock that jumped ahead once it has gone on for an hour', async () => {
        await open({ maxAgeMs: 3 * 60 * 60_000 })
        await append(event('old'))
        clock += day
        await store.trim()
        await append(event('young'))
        for (let minutes = 0; minutes < 60; minutes += 30) {
          expect(await datas()).toEqual(['old', 'young'])
          clock += 30 * 60_000
          await store.trim()
        }
        expect(await datas()).toEqual(['young'])
      })

      test('may keep nothing at all, and goes on counting', async () => {
        await open({ maxEvents: 0 })
        const tail = new Tail()
        await store.follow(tail)
        const marks = [await append(event('0')), await append(event('1'))]
        await store.trim()
        await tail.reach(marks[1]!.position)
        expect(await datas()).toEqual([])
        expect(tail.positions).toEqual(marks.map((mark) => mark.position))
        expect(await store.bounds()).toEqual({ head: marks[1], trimmed: marks[1], earliest: undefined, count: 0 })
      })

      test('tells its followers and its bounds how far it went', async () => {
        await open({ maxEvents: 2 })
        const tail = new Tail()
        await store.follow(tail)
        const marks = []
        for (let n = 0; n < 5; n++) marks.push(await append(event(`${n}`)))
        await store.trim()
        await tail.trimmedTo(marks[2]!.position)
        expect(await told()).toEqual({ head: marks[4], trimmed: marks[2], earliest: marks[3], count: 2 })
        expect(tail.trims.at(-1)).toEqual(marks[2])
      })

      test('forgets ids and positions with their events, the tag of the newest trimmed one excepted', async () => {
        await open({ maxEvents: 1 })
        const marks = []
        for (let n = 0; n < 3; n++) marks.push(await append(event(`${n}`, ['a'], { id: `id-${n}` })))
        await store.trim()
        await told()
        expect(await store.find('id-1')).toBeUndefined()
        expect(await store.find('id-2')).toEqual(marks[2])
        expect(await store.inspect(marks[0]!.position)).toEqual({ name: 'trimmed', tag: undefined })
        expect(await store.inspect(marks[1]!.position)).toEqual({ name: 'trimmed', tag: marks[1]!.tag })
        expect(await store.inspect(marks[2]!.position)).toEqual({ name: 'kept', tag: marks[2]!.tag })
      })

      test('leaves a trace of the newest event trimmed from each topic', async () => {
        await open({ maxEvents: 1 })
        const marks = []
        for (const topic of ['a', 'b', 'a', 'b', 'c']) marks.push(await append(event(topic, [topic])))
        await store.trim()
        const { head } = await told()
        const lost = async (after: number, topics?: string[]) => {
          const page = await store.read(query({ after, through: head.position, topics: topics && new Set(topics) }))
          return page.lost.map((trace) => [trace.position, trace.topics])
        }
        expect(await lost(0, ['a'])).toEqual([[marks[2]!.position, ['a']]])
        expect(await lost(0, ['b'])).toEqual([[marks[3]!.position, ['b']]])
        expect(await lost(0, ['c'])).toEqual([])
        expect(new Set(await lost(0))).toEqual(new Set([...(await lost(0, ['a'])), ...(await lost(0, ['b']))]))
        expect(await lost(marks[2]!.position, ['a'])).toEqual([])
        expect(await lost(marks[2]!.position, ['b', 'c'])).toEqual([[marks[3]!.position, ['b']]])
        expect(await lost(marks[3]!.position)).toEqual([])
      })

      test('leaves traces that say all topics of the event and whether it was private', async () => {
        await open({ maxEvents: 0 })
        const open_ = await append(event('open', ['a', 'b']))
        const secret = await append(event('secret', ['a', 'b'], { isPrivate: true }))
        await store.trim()
        const { head } = await told()
        const page = await store.read(query({ through: head.position, topics: new Set(['b']) }))
        expect(page.lost).toEqual([
          { position: open_.position, topics: ['a', 'b'], isPrivate: false },
          { position: secret.position, topics: ['a', 'b'], isPrivate: true },
        ])
      })

      test('under a reader is told to that reader by its next page', async () => {
        await open({ maxAgeMs: 1000 })
        for (let n = 0; n < 6; n++) await append(event(`${n}`))
        const { head } = await told()
        const first = await store.read(query({ through: head.position, maxEvents: 2 }))
        expect(first.lost).toEqual([])
        clock += 2000
        await store.trim()
        const second = await store.read(query({ after: first.through, through: head.position }))
        expect(second.events).toEqual([])
        expect(second.lost.map((trace) => trace.position)).toEqual([head.position])
        expect(second.bounds).toEqual({ head, trimmed: head, earliest: undefined, count: 0 })
      })
    })

    test('agrees with a simple model through any sequence of appends, trims and reads', async () => {
      const topics = ['a', 'b', 'c', 'd']
      const command = fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({ name: fc.constant('append'), topics: fc.subarray(topics, { minLength: 1 }) }),
        },
        { weight: 1, arbitrary: fc.record({ name: fc.constant('age'), topics: fc.constant([]) }) },
        { weight: 3, arbitrary: fc.record({ name: fc.constant('read'), topics: fc.subarray(topics) }) },
      )
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 60 }), fc.nat(), async (commands, seed) => {
          await open({ maxEvents: 12, maxAgeMs: 1000 })
          const history: { mark: HistoryPosition; topics: string[]; at: number }[] = []
          let readFrom = seed % 3
          for (const { name, topics } of commands) {
            if (name === 'append') history.push({ mark: await append(event('x', topics)), topics, at: clock })
            if (name === 'age') {
              clock += 400
              await store.trim()
            }
            if (name === 'read') {
              await store.trim()
              const { head } = await told()
              const wanted = history.filter(
                (h) => topics.length === 0 || h.topics.some((topic) => topics.includes(topic)),
              )
              const isKept = (h: { at: number; mark: HistoryPosition }) =>
                h.at > clock - 1000 && history.filter((later) => later.mark.position > h.mark.position).length < 12
              const after = history[history.length - 1 - (readFrom++ % 20)]?.mark.position ?? 0
              const page = await store.read(
                query({ after, through: head.position, topics: topics.length === 0 ? undefined : new Set(topics) }),
              )
              expect(page.events.map((stored) => stored.position)).toEqual(
                wanted.filter((h) => isKept(h) && h.mark.position > after).map((h) => h.mark.position),
              )
              const gone = wanted.filter((h) => !isKept(h) && h.mark.position > after)
              expect(page.lost.length > 0).toBe(gone.length > 0)
              for (const { mark, topics } of gone) {
                const trace = page.lost.find((lost) => String(lost.topics) === String(topics))
                expect(trace!.position).toBeGreaterThanOrEqual(mark.position)
              }
            }
          }
        }),
        { numRuns: driver.sequences ?? 60 },
      )
    })

    describe('close', () => {
      test('makes every method reject, and may be called twice', async () => {
        await store.close()
        await store.close()
        const closed = { code: 'STORE_CLOSED' }
        await expect(store.append(event('x'))).rejects.toMatchObject(closed)
        await expect(store.read(query({ through: 0 }))).rejects.toMatchObject(closed)
        await expect(store.bounds()).rejects.toMatchObject(closed)
        await expect(store.inspect(1)).rejects.toMatchObject(closed)
        await expect(store.find('x')).rejects.toMatchObject(closed)
        await expect(store.follow(new Tail())).rejects.toMatchObject(closed)
        await expect(store.trim()).rejects.toMatchObject(closed)
      })

      test('finishes the appends under way', async () => {
        const appends = Array.from({ length: 20 }, (_, n) => append(event(`${n}`)))
        const [outcomes] = await Promise.all([Promise.allSettled(appends), store.close()])
        expect(outcomes.map((outcome) => outcome.status)).toEqual(outcomes.map(() => 'fulfilled'))
      })

      test('may be called again while it is under way, and ends for each who asked', async () => {
        const appends = Array.from({ length: 20 }, (_, n) => append(event(`${n}`)))
        await Promise.all([store.close(), store.close(), store.close()])
        expect(await Promise.all(appends)).toHaveLength(20)
      })

      const { reopen } = driver
      if (!reopen) return
      const again = async (retention: Retention = {}) => {
        await store.close()
        store = await reopen(store, { maxEvents: Infinity, maxBytes: Infinity, ...retention, now })
      }

      test('and open again keeps the epoch, the events and the count', async () => {
        const { epoch } = store
        const records = [
          event('0 \0 ⛲', ['a', 'b'], { id: 'zero', type: 't', isPrivate: true, retryMs: 5 }),
          event('1'),
          event('2', ['b']),
        ]
        const marks: HistoryPosition[] = []
        for (const record of records) marks.push(await append(record))
        await again()
        expect(store.epoch).toBe(epoch)
        expect(await store.bounds()).toEqual({
          head: marks[2],
          trimmed: { position: 0, tag: 0 },
          earliest: marks[0],
          count: 3,
        })
        expect(await store.find('zero')).toEqual(marks[0])
        for (const { position, tag } of marks) {
          expect(await store.inspect(position)).toEqual({ name: 'kept', tag })
        }
        expect(await store.inspect(marks[2]!.position + 1)).toEqual({ name: 'ahead' })
        expect((await append(event('3'))).position).toBeGreaterThan(marks[2]!.position)
        expect((await all()).map(recordOf)).toEqual([...records, event('3')])
        expect(await datas(['b'])).toEqual(['0 \0 ⛲', '2'])
      })

      test('and open again keeps what is known of trimmed events, and never counts back', async () => {
        await open({ maxEvents: 1 })
        const marks: HistoryPosition[] = []
        for (const topic of ['a', 'b', 'c', 'd']) marks.push(await append(event(topic, [topic])))
        await store.trim()
        await again({ maxEvents: 0 })
        await store.trim()
        await again()
        const bounds = { head: marks[3], trimmed: marks[3], earliest: undefined, count: 0 }
        expect(await store.bounds()).toEqual(bounds)
        expect(await store.inspect(marks[3]!.position)).toEqual({ name: 'trimmed', tag: marks[3]!.tag })
        expect(await store.inspect(marks[1]!.position)).toEqual({ name: 'trimmed', tag: undefined })
        const page = await store.read(query({ after: marks[0]!.position, through: marks[3]!.position }))
        expect(page.lost.map((trace) => trace.topics)).toEqual([['b'], ['c'], ['d']])
        expect((await append(event('next'))).position).toBeGreaterThan(marks[3]!.position)
      })

      test('and open again keeps to a new retention, by all bounds', async () => {
        for (let n = 0; n < 8; n++) await append(event(`${n}${'x'.repeat(10_000)}`))
        await again({ maxBytes: 40_000 })
        await store.trim()
        expect((await datas()).map((data) => data[0])).toEqual(['5', '6', '7'])
        await again({ maxEvents: 2 })
        await store.trim()
        expect((await datas()).map((data) => data[0])).toEqual(['6', '7'])
        clock += 10_000
        await append(event('young'))
        await again({ maxAgeMs: 10_000 })
        await store.trim()
        expect(await datas()).toEqual(['young'])
      })

      test('and open again ages events as before, whatever the clock had said', async () => {
        await append(event('0'))
        clock += day
        await append(event('from tomorrow'))
        clock -= day
        await append(event('1'))
        clock += 120_000
        await append(event('young'))
        await again({ maxAgeMs: 60_000 })
        await store.trim()
        expect(await datas()).toEqual(['young'])
        clock += day
        await again({ maxAgeMs: 60_000 })
        await store.trim()
        expect(await datas()).toEqual(['young'])
      })

      test('and open again still refuses an id that is taken', async () => {
        await append(event('first', ['a'], { id: 'mine' }))
        await again()
        await expect(store.append(event('second', ['b'], { id: 'mine' }))).rejects.toMatchObject({
          code: 'EVENT_ID_TAKEN',
        })
      })

      test('and open again still knows the idempotency keys', async () => {
        const first = await append(event('first'), { idempotencyKey: 'k' })
        await again()
        expect(await append(event('again'), { idempotencyKey: 'k' })).toEqual(first)
        expect(await datas()).toEqual(['first'])
      })
    })
  })
}

/** A follower that remembers, and can be waited for. */
class Tail {
  start: Bounds | undefined
  readonly events: StoredEvent[] = []
  readonly trims: HistoryPosition[] = []
  #waiting: { isOver: () => boolean; resolve: () => void }[] = []

  get positions(): number[] {
    return this.events.map((stored) => stored.position)
  }

  onStart(bounds: Bounds): void {
    this.start = bounds
  }

  onAppend(events: readonly StoredEvent[]): void {
    this.events.push(...events)
    this.#wake()
  }

  onTrim(trimmed: HistoryPosition): void {
    this.trims.push(trimmed)
    this.#wake()
  }

  onFailure(error: Error): void {
    throw error
  }

  reach(position: number): Promise<void> {
    return this.#until(() => Math.max(this.start!.head.position, this.positions.at(-1) ?? 0) >= position)
  }

  trimmedTo(position: number): Promise<void> {
    return this.#until(() => (this.trims.at(-1)?.position ?? 0) >= position)
  }

  #until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ isOver, resolve })
    })
  }

  #wake(): void {
    for (const { isOver, resolve } of this.#waiting) if (isOver()) resolve()
  }
}

function query(of: Partial<ReadQuery> & { through: number }): ReadQuery {
  return { after: 0, topics: undefined, maxEvents: 10_000, maxBytes: Infinity, ...of }
}

function event(data: string, topics: readonly string[] = ['a'], rest: Partial<EventRecord> = {}): EventRecord {
  return { topics, data, isPrivate: false, id: undefined, type: undefined, retryMs: undefined, ...rest }
}

function recordOf({ topics, data, isPrivate, id, type, retryMs }: StoredEvent): EventRecord {
  return { topics, data, isPrivate, id, type, retryMs }
}
