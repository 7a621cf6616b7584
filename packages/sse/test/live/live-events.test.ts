import { derived, get } from 'svelte/store'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LiveOptions, type LiveSnapshot, liveEvents } from '../../src/live/index.ts'
import { defineEvents } from '../../src/protocol/event-map.ts'
import { createTestServer, cut, replay } from '../../src/testing/index.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from '../client/scripted-fetch.ts'
import { catchUncaught } from '../client/uncaught.ts'

/** Each test has a stream of its own, as streams are shared by their URL. */
let number = 0
const freshUrl = () => `http://a.test/${++number}`

const dataOf = ({ events }: Pick<LiveSnapshot, 'events'>) => events.map(({ data }) => data)

describe('the connection', () => {
  beforeEach(stopClock)
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is opened by the first subscriber, shared by the next, and closed a moment after the last', async () => {
    const body = openBody()
    const options = scriptedFetch(body.response)
    const url = freshUrl()
    const one = liveEvents(url, options)
    const other = liveEvents(url, options)
    await settle()
    expect(options.calls).toHaveLength(0)
    expect(one.getSnapshot()).toMatchObject({ state: 'connecting', events: [], last: undefined })
    const leaveOne = one.subscribe(() => {})
    const leaveOther = other.subscribe(() => {})
    body.write('data: a\n\n')
    await advance(20)
    expect(options.calls).toHaveLength(1)
    expect(one.getSnapshot()).toMatchObject({ state: 'open', last: { data: 'a' } })
    expect(other.getSnapshot()).toBe(one.getSnapshot())
    leaveOne()
    await advance(5000)
    expect(body.cancelled).toBe(false)
    leaveOther()
    await advance(999)
    expect(body.cancelled).toBe(false)
    await advance(1)
    expect(body.cancelled).toBe(true)
  })

  test('is one for a subscriber that leaves and comes back, in the same task or within closeDelayMs', async () => {
    const body = openBody()
    const options = { ...scriptedFetch(body.response), closeDelayMs: 50 }
    const calls = vi.fn(options.fetch)
    const live = liveEvents(freshUrl(), { ...options, fetch: calls })
    live.subscribe(() => {})()
    const leave = live.subscribe(() => {})
    body.write('data: a\n\n')
    await settle()
    leave()
    await advance(49)
    const leaveAgain = live.subscribe(() => {})
    body.write('data: b\n\n')
    await advance(100)
    expect(dataOf(live.getSnapshot())).toEqual(['a', 'b'])
    expect(calls).toHaveBeenCalledOnce()
    leaveAgain()
    await advance(50)
    expect(body.cancelled).toBe(true)
  })

  test('stays for good with closeDelayMs: Infinity', async () => {
    const body = openBody()
    const live = liveEvents(freshUrl(), { ...scriptedFetch(body.response), closeDelayMs: Number.POSITIVE_INFINITY })
    const leave = live.subscribe(() => {})
    await settle()
    leave()
    await advance(10_000_000)
    expect(body.cancelled).toBe(false)
  })

  test('is none for whoever only looks, as a server that renders does', async () => {
    const options = scriptedFetch(openBody().response)
    const live = liveEvents(freshUrl(), options)
    let seen: unknown
    live.subscribe((snapshot) => {
      seen = snapshot
    })()
    await advance(5000)
    expect(options.calls).toHaveLength(0)
    expect(seen).toBe(live.getServerSnapshot())
    expect(live.getSnapshot()).toBe(live.getServerSnapshot())
  })

  test('begins anew, without the events of before, after it was closed', async () => {
    const bodies = [openBody(), openBody()]
    const live = liveEvents(freshUrl(), scriptedFetch(bodies[0]!.response, bodies[1]!.response))
    const leave = live.subscribe(() => {})
    bodies[0]!.write('id: 1\ndata: a\n\n')
    await settle()
    leave()
    await advance(1000)
    expect(live.getSnapshot()).toBe(live.getServerSnapshot())
    live.subscribe(() => {})
    bodies[1]!.write('data: b\n\n')
    await advance(20)
    expect(dataOf(live.getSnapshot())).toEqual(['b'])
  })

  test('is another for other data in the options, another function or another key', async () => {
    const url = freshUrl()
    const { fetch } = scriptedFetch(() => openBody().response)
    const calls = vi.fn(fetch)
    const headers = () => ({ a: '1' })
    const all = [
      { headers: { a: '1' } },
      { headers: new Headers({ a: '1' }) },
      { headers: { a: '2' } },
      { headers },
      { headers: () => ({ a: '1' }) },
      { headers: () => ({ a: '1' }), key: 'k' },
      { headers, key: 'other' },
      { keep: 5 },
    ]
    for (const options of [...all, { headers }, { headers: () => ({}), key: 'k' }, { headers: { a: '1' } }])
      liveEvents(url, { fetch: calls, ...options }).subscribe(() => {})
    await settle()
    expect(calls).toHaveBeenCalledTimes(all.length)
  })

  test('calls the newest functions, for the next attempt and for what comes from now on', async () => {
    const bodies = [openBody(), openBody()]
    const options = scriptedFetch(bodies[0]!.response, bodies[1]!.response)
    const heard: string[] = []
    const at = (name: string) => ({
      ...options,
      headers: () => ({ authorization: name }),
      onOpen: () => heard.push(`${name} open`),
      retry: { decide: () => void heard.push(`${name} decides`), reconnectionTimeMs: 10, backoffMs: 0 },
    })
    const live = liveEvents(freshUrl(), at('old'))
    live.subscribe(() => {})
    await settle()
    live.update(at('new'))
    bodies[0]!.fail(new Error('cut'))
    await advance(10)
    expect(options.calls.map(({ init }) => init.headers.get('authorization'))).toEqual(['old', 'new'])
    expect(heard).toEqual(['old open', 'new decides', 'new open'])
  })

  test('is closed while it is not enabled, and resumed after the last event', async () => {
    const bodies = [openBody(), openBody()]
    const options = scriptedFetch(bodies[0]!.response, bodies[1]!.response)
    const url = freshUrl()
    const on = liveEvents(url, options)
    const off = liveEvents(url, { ...options, enabled: false })
    expect(off.getSnapshot()).toMatchObject({ state: 'closed', error: undefined })
    let leave = off.subscribe(() => {})
    await settle()
    expect(options.calls).toHaveLength(0)
    const change = (to: typeof on) => {
      leave()
      leave = to.subscribe(() => {})
    }
    change(on)
    bodies[0]!.write('id: 7\ndata: a\n\n')
    await settle()
    change(off)
    await advance(20)
    expect(bodies[0]!.cancelled).toBe(true)
    expect(off.getSnapshot()).toMatchObject({ state: 'closed', last: { data: 'a' } })
    change(on)
    bodies[1]!.write('id: 8\ndata: b\n\n')
    await advance(20)
    expect(options.calls[1]!.init.headers.get('last-event-id')).toBe('7')
    expect(dataOf(on.getSnapshot())).toEqual(['a', 'b'])
  })

  test('of a stream that is complete or has failed for good is opened again by who mounts later', async () => {
    const { fetch, calls } = scriptedFetch(
      new Response(null, { status: 204 }),
      () => new Response('who are you?', { status: 401 }),
    )
    const live = liveEvents(freshUrl(), { fetch })
    const leave = live.subscribe(() => {})
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'closed', error: undefined })
    leave()
    await settle()
    live.subscribe(() => {})
    await advance(20)
    expect(calls).toHaveLength(2)
    expect(live.getSnapshot()).toMatchObject({
      state: 'closed',
      error: { name: 'ConnectionError', code: 'UNEXPECTED_RESPONSE', status: 401, body: 'who are you?' },
    })
  })

  test('is opened now by reconnect(), be it lost or closed, and left alone while it is open', async () => {
    const body = openBody()
    const { fetch, calls } = scriptedFetch(
      new Error('no network'),
      new Response(null, { status: 401 }),
      () => body.response,
    )
    const live = liveEvents(freshUrl(), { fetch })
    live.getSnapshot().reconnect()
    live.subscribe(() => {})
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'connecting', error: { code: 'NETWORK_ERROR' } })
    live.getSnapshot().reconnect()
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'closed', error: { status: 401 } })
    live.getSnapshot().reconnect()
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'open', error: undefined })
    live.getSnapshot().reconnect()
    await advance(20)
    expect(calls).toHaveLength(3)
    expect(body.cancelled).toBe(false)
  })

  test('closes without an error when its signal is aborted', async () => {
    const controller = new AbortController()
    const live = liveEvents(freshUrl(), { ...scriptedFetch(openBody().response), signal: controller.signal })
    live.subscribe(() => {})
    await settle()
    controller.abort()
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'closed', error: undefined })
  })
})

describe('a snapshot', () => {
  beforeEach(stopClock)
  afterEach(() => {
    vi.useRealTimers()
  })

  /** A stream that is open, and all snapshots that its subscriber gets. */
  async function open(options: LiveOptions | LiveOptions<Record<string, string>, number>) {
    const body = openBody()
    const live = liveEvents(freshUrl(), { ...scriptedFetch(body.response), ...options } as LiveOptions)
    const seen: Pick<LiveSnapshot, 'events' | 'last'>[] = []
    live.subscribe((snapshot) => seen.push(snapshot))
    await advance(100)
    seen.length = 0
    return { body, live, seen }
  }

  test('is no other one if nothing changed', async () => {
    const body = openBody()
    const live = liveEvents(freshUrl(), scriptedFetch(body.response))
    const seen: string[] = []
    live.subscribe(({ state }) => seen.push(state))
    await advance(100)
    expect(seen).toEqual(['connecting', 'open'])
  })

  test('comes at once after a rest, and then once per batchMs with all that came meanwhile', async () => {
    const { body, seen } = await open({ keep: Number.POSITIVE_INFINITY })
    body.write('data: first\n\n')
    await settle()
    expect(seen.map(dataOf)).toEqual([['first']])
    for (let burst = 0; burst < 10; burst++) {
      for (let n = 0; n < 100; n++) body.write(`data: ${burst}.${n}\n\n`)
      await settle()
    }
    expect(seen).toHaveLength(1)
    await advance(16)
    expect(seen).toHaveLength(2)
    expect(seen[1]!.events).toHaveLength(1001)
    body.write('data: more\n\n')
    await advance(15)
    expect(seen).toHaveLength(2)
    await advance(1)
    expect(seen[2]!.last?.data).toBe('more')
  })

  test('never changes, and keeps the newest events in order', async () => {
    const { body, live, seen } = await open({ keep: 3, batchMs: 0 })
    for (let n = 1; n <= 20; n++) {
      body.write(`data: ${n}\n\n`)
      await settle()
    }
    expect(dataOf(live.getSnapshot())).toEqual(['18', '19', '20'])
    expect(seen.map(dataOf).slice(0, 5)).toEqual([['1'], ['1', '2'], ['1', '2', '3'], ['2', '3', '4'], ['3', '4', '5']])
    expect(live.getSnapshot()).toBe(seen.at(-1))
  })

  test('has no events with keep: 0, but the last one and the value', async () => {
    const { body, live } = await open({ keep: 0, reduce: (sum, { data }) => sum + Number(data), initial: 0 })
    expect(live.getSnapshot().value).toBe(0)
    body.write('data: 3\n\ndata: 4\n\n')
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ events: [], last: { data: '4' }, value: 7 })
  })

  test('has the error of a reduce that throws, which ends the stream', async () => {
    const { body, live } = await open({
      reduce: () => {
        throw new Error('oops')
      },
      initial: 0,
    })
    body.write('event: tick\ndata: 1\n\n')
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({
      state: 'closed',
      error: { code: 'INVALID_DATA', message: expect.stringContaining('"tick": Error: oops') },
    })
  })

  test('has the newest gap, which is no event', async () => {
    const told = vi.fn()
    const { body, live } = await open({ onGap: told })
    body.write('event: headwater-gap\nid: 9\ndata: {"reason":"trimmed","requested":"1","earliest":"9"}\n\ndata: a\n\n')
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ gap: { reason: 'trimmed', earliest: '9' } })
    expect(dataOf(live.getSnapshot())).toEqual(['a'])
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ reason: 'trimmed' }), '9')
  })

  test('has the data as the map says', async () => {
    const body = openBody()
    const options = { ...scriptedFetch(body.response), events: defineEvents<{ tick: { n: number } }>() }
    const live = liveEvents(freshUrl(), options)
    live.subscribe(() => {})
    body.write('event: tick\ndata: {"n":1}\n\n')
    await advance(20)
    expect(live.getSnapshot().last?.data.n).toBe(1)
  })

  test('has the error of what cannot be opened at all', async () => {
    const live = liveEvents('http://', {})
    live.subscribe(() => {})
    await advance(20)
    expect(live.getSnapshot()).toMatchObject({ state: 'closed', error: { code: 'INVALID_OPTION' } })
  })
})

describe('a subscriber', () => {
  beforeEach(stopClock)
  afterEach(() => {
    vi.useRealTimers()
  })

  test('of Svelte takes it for a store', async () => {
    const body = openBody()
    const live = liveEvents(freshUrl(), scriptedFetch(body.response))
    expect(get(live).state).toBe('connecting')
    const seen: unknown[] = []
    derived(live, ({ state, events }) => `${state} ${events.length}`).subscribe((text) => seen.push(text))
    body.write('data: a\n\n')
    await advance(20)
    expect(seen).toEqual(['connecting 0', 'open 0', 'open 1'])
  })

  test('that throws keeps nothing from the others, and its error is reported', async () => {
    const reported = catchUncaught()
    const live = liveEvents(freshUrl(), scriptedFetch(openBody().response))
    const other = vi.fn()
    live.subscribe(({ state }) => {
      if (state === 'open') throw new Error('thrown by a subscriber')
    })
    live.subscribe(other)
    await advance(20)
    expect(reported).toMatchObject([{ message: 'thrown by a subscriber' }])
    expect(other).toHaveBeenLastCalledWith(expect.objectContaining({ state: 'open' }))
  })
})

describe('on a real server', () => {
  test('a stream that is cut again and again has each event once', async () => {
    const rows = Array.from({ length: 60 }, (_, n) => ({ data: `${n + 1}`, id: `${n + 1}` }))
    let upTo = 0
    await using server = await createTestServer(() => {
      upTo += 7
      return upTo > 70 ? { status: 204 } : ['retry: 0\n\n', replay(rows.slice(0, upTo)), cut()]
    })
    const live = liveEvents(server.url)
    const snapshot = await new Promise<LiveSnapshot>((resolve) => {
      live.subscribe((each) => each.state === 'closed' && resolve(each))
    })
    expect(dataOf(snapshot)).toEqual(rows.map(({ data }) => data))
    expect(snapshot.error).toBeUndefined()
  })
})

test.each<[string, object, string]>([
  ['a name', { Keep: 5 }, 'Did you mean keep?'],
  ['a word of others', { limit: 5 }, 'Did you mean keep?'],
  ['parse', { parse: {} }, 'Did you mean events?'],
  ['a number', { keep: -1 }, 'keep is -1'],
  ['a part of an event', { keep: 0.5 }, 'keep is 0.5, not a whole number'],
  ['text', { closeDelayMs: '5' }, 'closeDelayMs is 5, not a number of milliseconds'],
  ['a time', { batchMs: Number.NaN }, 'batchMs is NaN'],
])('%s that means nothing is refused at once', (_, options, message) => {
  expect(() => liveEvents(freshUrl(), options)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
  )
})
