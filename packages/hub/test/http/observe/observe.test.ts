import { readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test } from 'vitest'
import { everyTopic, exactTopic } from '../../../src/matching/matcher.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { bearer, serveGuarded } from '../access/guarded-hub.ts'
import { problemOf, type ServeOptions, type Serving, sendRaw, serve } from '../serve-hub.ts'

/** What the hub answers, which the tests look into. */
// biome-ignore lint/suspicious/noExplicitAny: it is JSON
type Json = any

interface Watched extends Serving {
  get(path: string, headers?: Record<string, string>): Promise<Response>
  json(path: string): Promise<Json>
  /** The events of a stream, with parsed data. */
  stream(path: string): Promise<() => Promise<{ type: string; data: Json; id: string | undefined }>>
}

async function watch(options: ServeOptions = {}): Promise<Watched> {
  return watched(
    await serve({ dashboard: true, isOpenToObservers: true, authorize: () => ({ publish: [everyTopic] }), ...options }),
  )
}

function watched(serving: Serving): Watched {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${serving.url}/headwater/v1/${path}`, { headers })
  return {
    ...serving,
    get,
    async json(path) {
      const response = await get(path)
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
      return await response.json()
    },
    async stream(path) {
      const controller = new AbortController()
      onTestFinished(() => controller.abort())
      const response = await fetch(`${serving.url}/headwater/v1/${path}`, {
        headers: { accept: 'text/event-stream' },
        signal: controller.signal,
      })
      const events = readEvents(response.body!)
      return async () => {
        const { value } = await events.next()
        if (!value) throw new Error('the stream ended')
        return { type: value.type ?? '', data: JSON.parse(value.data), id: value.id }
      }
    },
  }
}

const datas = (page: { events: { data?: string }[] }) => page.events.map(({ data }) => data)

describe('the right to look at the whole hub', () => {
  test('is a grant of its own: observe on all topics', async () => {
    const hub = watched(await serveGuarded({ anonymousSubscribers: true }, { dashboard: true }))
    expect(await problemOf(await hub.get('stats'))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' })
    expect((await hub.get('stats', bearer(['subscribe'], { match: '*' }))).status).toBe(403)
    expect((await hub.get('stats', bearer(['observe'], { match: 'log' }))).status).toBe(403)
    expect((await hub.get('stats', bearer(['observe'], { match: '*' }))).status).toBe(200)
    for (const path of [
      'stats/stream',
      'topics',
      'subscribers',
      'history',
      'history/event?position=1',
      'history/event?id=mine',
      'history/stream',
    ]) {
      expect([path, (await hub.get(path)).status]).toEqual([path, 401])
    }
  })

  test('is given by a program, and to nobody who is not named', async () => {
    const open = watched(await serve({ dashboard: true }))
    expect(await problemOf(await open.get('stats'))).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    const authorize: ServeOptions['authorize'] = ({ header }) => ({ observe: header('x-operator') === 'yes' })
    const hub = watched(await serve({ dashboard: true, authorize }))
    expect((await hub.get('stats')).status).toBe(403)
    expect((await hub.get('stats', { 'x-operator': 'yes' })).status).toBe(200)
  })

  test('shows the data of private events only to whoever may receive them, and that they exist to all', async () => {
    const authorize: ServeOptions['authorize'] = () => ({
      observe: true,
      publish: [everyTopic],
      subscribe: [exactTopic('mine')],
    })
    const hub = await watch({ authorize, isOpenToObservers: false })
    for (const topic of ['mine', 'theirs']) await hub.hub.publish({ topic, data: 'secret', private: true, id: topic })
    const { events } = await hub.json('history')
    expect(events).toMatchObject([
      { topics: ['mine'], private: true, data: 'secret', bytes: 6 },
      { topics: ['theirs'], private: true, bytes: 6 },
    ])
    expect(events[1]).not.toHaveProperty('data')
    expect((await hub.json('history/event?position=1')).frame).toMatch(/^data: secret\n/m)
    for (const query of ['position=2', 'id=theirs']) {
      const theirs = await hub.json(`history/event?${query}`)
      expect([theirs.event.position, theirs.frame, theirs.event.data]).toEqual([2, null, undefined])
    }
  })

  test('is needed by nothing if there is no page', async () => {
    const hub = watched(await serve({ isOpenToObservers: true }))
    expect((await hub.get('stats')).status).toBe(404)
  })
})

describe('trimming the history', () => {
  async function guarded() {
    const hub = watched(await serveGuarded({ anonymousSubscribers: true }, { dashboard: true }))
    for (const data of ['1', '2', '3']) await hub.hub.publish({ topic: 'a', data })
    const { epoch } = hub.hub.replication
    const trim = (query: string, headers: Record<string, string> = {}) =>
      fetch(`${hub.url}/headwater/v1/history?${query}`, { method: 'DELETE', headers })
    return { ...hub, epoch, trim }
  }
  const mayTrim = bearer(['trim'], { match: '*' })

  test('drops events up to a position, and answers what is left', async () => {
    const { trim, epoch, hub } = await guarded()
    const response = await trim(`through=2&epoch=${epoch}`, mayTrim)
    expect([response.status, await response.json()]).toEqual([200, { epoch, trimmed: 2, count: 1 }])
    expect((await hub.observed.page({ matchers: [everyTopic], rights: [] }, { after: 0 }, 9)).events).toHaveLength(1)
  })

  test('of what is gone already drops nothing more, and of what is to come drops all', async () => {
    const { trim, epoch } = await guarded()
    const trimmed = async (through: number) => await (await trim(`through=${through}&epoch=${epoch}`, mayTrim)).json()
    expect(await trimmed(2)).toEqual({ epoch, trimmed: 2, count: 1 })
    expect(await trimmed(1)).toEqual({ epoch, trimmed: 2, count: 1 })
    expect(await trimmed(0)).toEqual({ epoch, trimmed: 2, count: 1 })
    expect(await trimmed(Number.MAX_SAFE_INTEGER)).toEqual({ epoch, trimmed: 3, count: 0 })
  })

  test('needs a right of its own, on all topics', async () => {
    const { trim, epoch, hub } = await guarded()
    const query = `through=2&epoch=${epoch}`
    expect((await trim(query)).status).toBe(401)
    for (const headers of [
      bearer(['publish', 'subscribe', 'observe', 'replicate'], { match: '*' }),
      bearer(['trim'], { match: 'a' }),
    ]) {
      expect((await trim(query, headers)).status).toBe(403)
    }
    const page = await hub.observed.page({ matchers: [everyTopic], rights: [] }, { after: 0 }, 9)
    expect(page.events).toHaveLength(3)
  })

  test("is not granted by a subscriber's token, nor to look at the whole hub", async () => {
    const publisher = { key: 'p'.repeat(32), algorithms: 'HS256' } as const
    const hub = watched(await serveGuarded({ publisher }, { dashboard: true, isOpenToObservers: true }))
    const { epoch } = hub.hub.replication
    const url = `${hub.url}/headwater/v1/history?through=2&epoch=${epoch}`
    expect((await fetch(url, { method: 'DELETE', headers: mayTrim })).status).toBe(401)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(401)
  })

  test('is given by a program, and to nobody who is not named', async () => {
    const trim = async (options: ServeOptions) => {
      const { url, hub } = await serve({ dashboard: true, ...options })
      const query = `through=0&epoch=${hub.replication.epoch}`
      return (await fetch(`${url}/headwater/v1/history?${query}`, { method: 'DELETE' })).status
    }
    expect(await trim({})).toBe(403)
    expect(await trim({ isOpenToObservers: true })).toBe(403)
    expect(await trim({ authorize: () => ({ publish: [everyTopic], observe: true }) })).toBe(403)
    expect(await trim({ authorize: () => ({ trim: true }) })).toBe(200)
    expect(await trim({ isOpenToTrimming: true })).toBe(200)
    expect(await trim({ dashboard: false, isOpenToTrimming: true })).toBe(404)
  })

  test('refuses the position of another history, and none', async () => {
    const { trim, epoch } = await guarded()
    for (const [query, code] of [
      ['through=1', 'OTHER_HISTORY'],
      ['through=1&epoch=abcdefghij', 'OTHER_HISTORY'],
      [`epoch=${epoch}`, 'INVALID_REQUEST'],
      [`through=-1&epoch=${epoch}`, 'INVALID_REQUEST'],
      [`through=x&epoch=${epoch}`, 'INVALID_REQUEST'],
      [`through=&epoch=${epoch}`, 'INVALID_REQUEST'],
      [`through=1.5&epoch=${epoch}`, 'INVALID_REQUEST'],
      [`through=1&epoch=${epoch.toUpperCase()}`, 'OTHER_HISTORY'],
    ]) {
      expect((await problemOf(await trim(query!, mayTrim))).code).toBe(code)
    }
  })

  test('is not for pages of other origins: a browser that asks is not allowed to', async () => {
    const { url } = await serve({ dashboard: true, isOpenToTrimming: true, corsOrigins: ['*'] })
    const response = await fetch(`${url}/headwater/v1/history`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'DELETE' },
    })
    expect(response.status).toBe(405)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('is reported to the operator', async () => {
    const reported: unknown[] = []
    const onTrimmed: ServeOptions['onTrimmed'] = (through, { address }) => reported.push([through, address])
    const hub = watched(await serve({ dashboard: true, isOpenToTrimming: true, isOpenToObservers: true, onTrimmed }))
    await hub.hub.publish({ topic: 'a', data: '1' })
    const query = `through=1&epoch=${hub.hub.replication.epoch}`
    await fetch(`${hub.url}/headwater/v1/history?${query}`, { method: 'DELETE' })
    expect(reported).toEqual([[1, '127.0.0.1']])
    expect((await hub.json('stats')).notices).toMatchObject([{ kind: 'trimmed', address: '127.0.0.1' }])
  })
})

describe('the history', () => {
  test('is read back and forth, with topics and the time of publishing', async () => {
    let clock = 1_700_000_000_000
    const hub = await watch({ store: createMemoryStore({ now: () => clock }) })
    for (let n = 1; n <= 10; n++) {
      clock += 1000
      await hub.hub.publish({ topic: n % 2 ? ['odd', 'all'] : 'even', data: `${n}`, type: 'count' })
    }
    const newest = await hub.json('history?limit=3')
    expect(datas(newest)).toEqual(['8', '9', '10'])
    expect(newest.events[1]).toMatchObject({
      position: 9,
      at: 1_700_000_009_000,
      topics: ['odd', 'all'],
      type: 'count',
      retry: null,
    })
    expect(newest).toMatchObject({
      head: 10,
      count: 10,
      oldest: { position: 1, at: 1_700_000_001_000 },
      newest: { position: 10, at: 1_700_000_010_000 },
    })
    const before = await hub.json(`history?limit=3&before=${newest.events[0].position}`)
    expect(datas(before)).toEqual(['5', '6', '7'])
    expect(datas(await hub.json('history?after=2&limit=2'))).toEqual(['3', '4'])
    expect(datas(await hub.json('history?at=1700000004000&limit=1'))).toEqual(['4'])
    expect(datas(await hub.json('history?at=1700000004001&limit=1'))).toEqual(['5'])
    expect(datas(await hub.json('history?at=0&limit=1'))).toEqual(['1'])
    expect(datas(await hub.json('history?at=1800000000000'))).toEqual([])
    expect(datas(await hub.json('history?match=even&limit=2'))).toEqual(['8', '10'])
    expect(datas(await hub.json('history?match_urlpattern=*&limit=1'))).toEqual(['10'])
    await hub.hub.publish({ topic: 'even', data: 'hi' })
    expect(datas(await hub.json('history?except_type=count'))).toEqual(['hi'])
    expect(datas(await hub.json('history?type=message&type=none'))).toEqual(['hi'])
    expect(datas(await hub.json('history?type=count&limit=1'))).toEqual(['10'])
  })

  test('says what is wrong with a request', async () => {
    const hub = await watch()
    for (const [query, detail] of [
      ['limit=0', 'limit is 0: it must be 1 to 500.'],
      ['before=1&after=2', 'Use one of them.'],
      ['after=-1', 'after is "-1": it must be a whole number from 0 up.'],
      ['match=', 'match is empty'],
    ] as const) {
      expect((await problemOf(await hub.get(`history?${query}`))).detail).toContain(detail)
    }
    expect((await problemOf(await hub.get('history/event?position=7'))).detail).toContain(
      'No event is kept at position 7',
    )
    expect((await problemOf(await hub.get('nothing'))).detail).toContain('/headwater/v1/stats')
  })

  test('shows the beginning of large data in lists, and all of it, with its bytes, by itself', async () => {
    const hub = await watch()
    await hub.hub.publish({ topic: 'log', data: 'x'.repeat(100_000), id: 'mine', retry: 3000 })
    const { events } = await hub.json('history')
    expect(events[0]).toMatchObject({ bytes: 100_000, isCut: true, id: 'mine', retry: 3000 })
    expect(events[0].data).toHaveLength(8192)
    const { event, frame } = await hub.json('history/event?position=1')
    expect([event.data.length, event.isCut]).toEqual([100_000, false])
    expect(frame).toContain('\nid: mine\n')
  })

  test('gives the event with an ID that its publisher chose, and says what is wrong with the question', async () => {
    const hub = await watch()
    await hub.hub.publish({ topic: 'log', data: 'first' })
    await hub.hub.publish({ topic: 'log', data: 'second', id: 'urn:a b&é' })
    const { event, frame } = await hub.json(`history/event?id=${encodeURIComponent('urn:a b&é')}`)
    expect(event).toMatchObject({ position: 2, id: 'urn:a b&é', data: 'second' })
    expect(frame).toContain('\nid: urn:a b&é\n')
    // The hub's own IDs say where the event is: that is asked by its position, or of history/trace.
    const own = (await hub.json('history/event?position=1')).event.id
    for (const [query, status, code, detail] of [
      ['id=none', 404, 'NOT_FOUND', 'No event is kept to which its publisher gave this id.'],
      [`id=${own}`, 404, 'NOT_FOUND', 'No event is kept to which its publisher gave this id.'],
      ['id=', 404, 'NOT_FOUND', 'No event is kept to which its publisher gave this id.'],
      ['', 400, 'INVALID_REQUEST', 'position is missing: add ?position= and a number, or ?id=.'],
      ['position=', 400, 'INVALID_REQUEST', 'position is "": it must be a whole number from 0 up.'],
      ['position=x', 400, 'INVALID_REQUEST', 'position is "x": it must be a whole number from 0 up.'],
      ['position=0', 404, 'NOT_FOUND', 'No event is kept at position 0.'],
    ] as const) {
      const problem = await problemOf(await hub.get(`history/event?${query}`))
      expect(problem, query).toMatchObject({ status, code, detail: expect.stringContaining(detail) })
    }
    await hub.hub.observed.trim(2)
    expect((await hub.get(`history/event?id=${encodeURIComponent('urn:a b&é')}`)).status).toBe(404)
  })

  test('says in which trace an event was published', async () => {
    const hub = await watch()
    const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'shop=t61' }
    await hub.hub.publish({ topic: 'log', data: 'x', ...trace })
    await hub.hub.publish({ topic: 'log', data: 'x' })
    const { events } = await hub.json('history')
    expect(events[0]).toMatchObject(trace)
    expect(events[1]).not.toHaveProperty('traceparent')
    expect((await hub.json('history/event?position=1')).event).toMatchObject(trace)
  })

  test('reads a bounded part of a long history for a topic that is not there, and says how far it came', async () => {
    const store = createMemoryStore()
    const hub = await watch({ store })
    const inits = Array.from({ length: 10_000 }, () => ({ topic: 'https://example.com/a', data: '' }))
    await hub.hub.publishAll(inits)
    const seeking = 'match_urlpattern=https://example.com/none/*'
    const page = await hub.json(`history?${seeking}`)
    expect([page.events, page.through]).toEqual([[], 10_000])
    expect(page.after).toBe(6000)
    const next = await hub.json(`history?${seeking}&before=${page.after + 1}`)
    expect([next.after, next.through]).toEqual([2000, 6000])
  })

  test('is read no further for a client that left', async () => {
    const store = createMemoryStore()
    let reads = 0
    let hold = Promise.withResolvers<void>()
    const { readBack } = store
    store.readBack = async (query) => {
      reads++
      await hold.promise
      return await readBack!.call(store, query)
    }
    hold.resolve()
    const hub = await watch({ store })
    await hub.hub.publishAll(Array.from({ length: 5000 }, () => ({ topic: 'https://example.com/a', data: '' })))
    hold = Promise.withResolvers()
    reads = 0
    const leaving = new AbortController()
    const url = `${hub.url}/headwater/v1/history?match_urlpattern=https://example.com/none/*`
    const left = fetch(url, { signal: leaving.signal }).catch(() => 'left')
    await expect.poll(() => reads).toBe(1)
    leaving.abort()
    expect(await left).toBe('left')
    // Requests of other clients pass: the hub has heard of the first one's end by then.
    for (let n = 0; n < 10; n++) await hub.json('stats')
    hold.resolve()
    await expect.poll(async () => (await hub.json('history?limit=1')).events.length).toBe(1)
    // One for the client that left, which had begun, and one for the last request.
    expect(reads).toBe(2)
  })

  test('is followed as it grows, and taken up where the page was', async () => {
    const hub = await watch()
    await hub.hub.publish({ topic: 'log', data: 'old' })
    const next = await hub.stream('history/stream?match=log')
    expect(await next()).toMatchObject({ type: 'start', data: { after: 1, head: 1 } })
    await hub.hub.publish({ topic: 'other', data: 'x' })
    await hub.hub.publish({ topic: 'log', data: 'new', private: true })
    const { type, data, id } = await next()
    expect([type, data.events[0].topics, data.events[0].private]).toEqual(['events', ['log'], true])
    const resumed = await hub.stream(`history/stream?last_event_id=${id}`)
    await hub.hub.publish({ topic: 'log', data: 'later' })
    expect((await resumed()).data.after).toBe(3)
    expect((await resumed()).data.events).toMatchObject([{ data: 'later' }])
    const all = await hub.stream('history/stream?after=0')
    await all()
    expect((await all()).data.events).toHaveLength(4)
  })

  test('is followed no faster than people read: what is far behind is skipped, and it says so', async () => {
    const hub = await watch()
    await hub.hub.publishAll(Array.from({ length: 6000 }, (_, n) => ({ topic: 'log', data: `${n}` })))
    const next = await hub.stream('history/stream?after=0')
    await next()
    expect(await next()).toMatchObject({ type: 'skipped', data: { reason: 'behind', after: 0, through: 5800 } })
    expect((await next()).data.events).toHaveLength(200)
  })

  test('says what was trimmed before the page came back, and begins anew in another history', async () => {
    const hub = await watch({ store: createMemoryStore({ maxEvents: 2 }) })
    for (let n = 1; n <= 5; n++) await hub.hub.publish({ topic: 'log', data: `${n}` })
    const next = await hub.stream('history/stream?after=1')
    await next()
    expect(await next()).toMatchObject({ type: 'skipped', data: { reason: 'trimmed', after: 1, through: 3 } })
    expect((await next()).data.events).toMatchObject([{ data: '4' }, { data: '5' }])
    const elsewhere = await hub.stream('history/stream?after=1&last_event_id=abcdefghij.9.x')
    expect((await elsewhere()).data).toMatchObject({ after: 5, head: 5 })
  })

  test('is not followed for a page that left, and only by so many', async () => {
    const store = createMemoryStore()
    let following = 0
    const { follow } = store
    store.follow = async (follower) => {
      following++
      const stop = await follow.call(store, follower)
      return () => {
        following--
        stop()
      }
    }
    const hub = await watch({ store })
    const before = following
    const pages = Array.from({ length: 32 }, () => new AbortController())
    for (const { signal } of pages) await fetch(`${hub.url}/headwater/v1/history/stream`, { signal })
    expect(following).toBe(before + 32)
    expect(await problemOf(await hub.get('history/stream'))).toMatchObject({ status: 503, code: 'HUB_FULL' })
    for (const page of pages) page.abort()
    await expect.poll(() => following).toBe(before)
  })
})

describe('the figures', () => {
  test('say what was published, delivered and refused, and name refusals', async () => {
    const hub = await watch()
    const subscriber = await hub.open('match=log')
    await hub.post({ topic: 'log', data: 'hello' })
    await subscriber.next()
    await hub.post({ data: 'no topic' })
    const { totals, notices, topics, history, version, threads } = await hub.json('stats')
    expect([version, threads]).toEqual([1, 1])
    expect(totals).toMatchObject({ published: 1, delivered: 1, subscribers: 1, refused: 1, failed: 0 })
    expect(notices).toMatchObject([{ kind: 'refused', code: 'INVALID_TOPIC', address: '127.0.0.1', count: 1 }])
    expect(topics.busiest).toMatchObject([{ topic: 'log', events: 1 }])
    expect(history).toMatchObject({ head: 1, count: 1 })
  })

  test('count and name connections that are refused', async () => {
    const hub = await watch({ limits: { maxConnections: 1 } })
    // Its connection is kept, and used again.
    await hub.json('stats')
    expect(await sendRaw(hub.url, '')).toContain('503 Service Unavailable')
    const { totals, notices } = await hub.json('stats')
    expect(totals.refused).toBe(1)
    expect(notices).toMatchObject([{ kind: 'refused', code: 'HUB_FULL', address: '127.0.0.1' }])
    expect(notices[0].text).toMatch(/^A connection was refused: /)
  })

  test('come as a snapshot and then step by step, with one reading for all pages', async () => {
    const hub = await watch()
    const one = await hub.stream('stats/stream')
    const other = await hub.stream('stats/stream')
    const snapshots = [await one(), await other()]
    expect(snapshots.map(({ type }) => type)).toEqual(['snapshot', 'snapshot'])
    expect(snapshots[0]!.data.series.hour.values.published).toHaveLength(360)
    await hub.post({ topic: 'log', data: 'hello' })
    for (const next of [one, other]) {
      let published = 0
      while (published === 0) {
        const { type, data } = await next()
        expect(type).toBe('step')
        expect(data.series.minute.values.published).toHaveLength(3)
        published = data.totals.published
      }
    }
  })

  test('count gaps, and say how many subscribers were told of them', async () => {
    const hub = await watch()
    await hub.post({ topic: 'log', data: 'hello' })
    const subscriber = await hub.open('match=log&last_event_id=nowhere')
    expect((await subscriber.nextOfAny())?.type).toBe('headwater-gap')
    await expect.poll(async () => (await hub.json('stats')).notices).toMatchObject([{ kind: 'gap', code: 'unknown' }])
    expect((await hub.json('stats')).totals.gaps).toBe(1)
  })
})

describe('the nodes of a cluster', () => {
  test('are named, and asked for once in five seconds', async () => {
    const store = createMemoryStore()
    let asked = 0
    const nodes: EventStore['nodes'] = {
      name: 'here',
      alive: async () => {
        asked++
        return new Set(['there', 'here'])
      },
      exchange: async () => [],
    }
    const hub = await watch({ store: Object.assign(store, { nodes }) })
    for (let n = 0; n < 3; n++) {
      expect((await hub.json('stats')).nodes).toEqual({ self: 'here', alive: ['here', 'there'] })
    }
    expect(asked).toBe(1)
  })
})

describe('the subscribers', () => {
  test('are listed with what they wait for, where they are and since when, while they are there', async () => {
    const hub = await watch()
    const began = Date.now()
    const subscriber = await hub.open('match=log&match_urlpattern=https://example.com/:id&last_event_id=earliest')
    await expect.poll(async () => (await hub.json('subscribers')).total).toBe(1)
    const { subscribers } = await hub.json('subscribers?search=LOG')
    expect(subscribers).toMatchObject([
      {
        selectors: [
          { type: 'exact', match: 'log' },
          { type: 'urlpattern', match: 'https://example.com/:id' },
        ],
        selectorCount: 2,
        address: '127.0.0.1',
        lastEventId: 'earliest',
        lagEvents: 0,
        unsentBytes: 0,
      },
    ])
    expect(subscribers[0].since).toBeGreaterThanOrEqual(began)
    expect(await hub.json('subscribers?search=film')).toMatchObject({ total: 1, found: 0, subscribers: [] })
    await subscriber.close()
    await expect.poll(async () => (await hub.json('subscribers')).total).toBe(0)
  })
})
