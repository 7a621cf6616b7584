import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnsOf } from '../../../src/cli/terminal/columns.ts'
import { bytesText, countText, durationText, rateText } from '../../../src/cli/terminal/number-text.ts'
import { paintFor } from '../../../src/cli/terminal/paint.ts'
import { topScreen } from '../../../src/cli/top/top-screen.ts'
import { TopState } from '../../../src/cli/top/top-state.ts'
import { FigureRing } from '../../../src/observe/figures.ts'
import type { Observed, Totals } from '../../../src/observe/observatory.ts'
import type { ListedSubscriber, SubscriberList } from '../../../src/observe/subscriber-book.ts'

const at = Date.UTC(2027, 0, 31, 8)

const totals: Totals = {
  subscribers: 2,
  behind: 1,
  lag: 12,
  feeds: 2,
  unsentBytes: 1_234_567,
  replicas: 0,
  published: 100,
  delivered: 200,
  deliveredBytes: 1000,
  refused: 3,
  failed: 0,
  gaps: 1,
}

function observed(given: Partial<Observed> = {}, published = 5): Observed {
  const ring = new FigureRing(1000, 60)
  for (let second = 59; second >= 0; second--) {
    const figures = {
      published,
      delivered: 2 * published,
      deliveredBytes: 100,
      ended: 0,
      refused: 0,
      failed: 0,
      gaps: 0,
    }
    ring.add(at - second * 1000, { ...figures, subscribers: 2, behind: 0, lag: 0 })
  }
  const minute = ring.read(at)
  return {
    version: 1,
    at,
    startedAt: at - 8_040_000,
    threads: 1,
    totals,
    series: { minute, hour: minute, day: minute },
    notices: [{ id: '1-1', at, kind: 'refused', text: 'A POST was refused: \x1b[2J no', count: 2 }],
    topics: {
      counted: 2,
      isPartial: false,
      busiest: [
        { topic: 'orders', events: 7, perMinute: 60, lastAt: at, lastPosition: 9 },
        { topic: 'a-log', events: 70, perMinute: 6, lastAt: at - 60_000, lastPosition: 8 },
      ],
    },
    subscribers: { total: 2, found: 2, subscribers: [] },
    history: { epoch: 'abcdefghij', head: 100, trimmed: 0, count: 100 },
    nodes: null,
    upstream: null,
    ...given,
  }
}

function subscriber(address: string, given: Partial<ListedSubscriber> = {}): ListedSubscriber {
  return {
    selectors: [{ type: 'exact', match: 'orders' }],
    selectorCount: 1,
    address,
    holder: undefined,
    since: at - 5000,
    lastEventId: undefined,
    lagEvents: 0,
    isCatchingUp: false,
    unsentBytes: 0,
    ...given,
  }
}

const list = (subscribers: readonly ListedSubscriber[]): SubscriberList => ({
  total: subscribers.length,
  found: subscribers.length,
  subscribers,
})
const both = list([subscriber('192.0.2.1'), subscriber('192.0.2.2', { lagEvents: 12, unsentBytes: 2048 })])
const plain = paintFor({ isTTY: false }, {})
const screen = { columns: 80, rows: 24, paint: plain, now: at, place: 'hub.example.com', hasKeys: true }

describe('the screen of headwater top', () => {
  test('says how much is going on, which topics, and who is behind', () => {
    const lines = topScreen(new TopState(observed(), both), screen)
    expect(lines).toHaveLength(24)
    expect(lines[0]).toBe('headwater top  hub.example.com  up 2h 14m  live')
    expect(lines.slice(1, 3)).toEqual([
      'published 5.0/s  delivered 10/s  100 B/s  subscribers 2  behind 1  lag 12',
      'refused 3  failed 0  gaps 1  unsent 1.2 MB  kept 100 events',
    ])
    const text = lines.join('\n')
    expect(text).toMatch(/^orders +60 +7 +now$/m)
    expect(text).toMatch(/^a-log +6\.0 +70 +1m$/m)
    expect(text.indexOf('192.0.2.2')).toBeLessThan(text.indexOf('192.0.2.1'))
    expect(text).toMatch(/^192\.0\.2\.2 +12 +2\.0 kB +5s orders$/m)
    expect(text).toContain('A POST was refused: \\x1b[2J no (2 times)')
    expect(lines.at(-1)).toContain('q quit')
  })

  test('orders as it is told', () => {
    const state = new TopState(observed(), both)
    const firstTopic = () => state.sortedTopics()[0]!.topic
    const firstAddress = () => state.sortedSubscribers()[0]!.address
    expect([firstTopic(), firstAddress()]).toEqual(['orders', '192.0.2.2'])
    state.topicOrder = 'name'
    state.subscriberOrder = 'address'
    expect([firstTopic(), firstAddress()]).toEqual(['a-log', '192.0.2.1'])
    state.topicOrder = 'events'
    state.subscriberOrder = 'unsent'
    expect([firstTopic(), firstAddress()]).toEqual(['a-log', '192.0.2.2'])
    state.topicOrder = 'newest'
    expect(firstTopic()).toBe('orders')
  })

  test('goes on with each step, and begins anew with another run of the hub', () => {
    const state = new TopState(observed(), both)
    const minute = observed({}, 50).series.minute
    const newest = (count: number) => ({
      ...minute,
      newestAt: minute.newestAt + 3000,
      values: Object.fromEntries(
        Object.entries(minute.values).map(([name, values]) => [name, values.slice(-count)]),
      ) as unknown as typeof minute.values,
    })
    state.add(observed({ at: at + 3000, series: { minute: newest(3), hour: minute, day: minute } }))
    expect(state.rate('published')).toBeCloseTo((3 * 50 + 7 * 5) / 10)
    expect(state.observed.notices).toHaveLength(1)
    state.add(observed({ startedAt: at, notices: [] }, 1))
    expect([state.rate('published'), state.observed.notices]).toEqual([1, []])
  })

  test('says what is wrong with the connection, and how old the figures are', () => {
    const state = new TopState(observed(), both)
    state.trouble = 'nothing listens there (ECONNREFUSED); trying again'
    const text = topScreen(state, { ...screen, now: at + 12_000 }).join('\n')
    expect(text).toContain('nothing listens there')
    expect(text).toContain('figures of 12s ago')
  })

  test('fits any terminal, whatever topics and addresses are', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 60 })
    const sizes = fc.record({ columns: fc.integer({ min: 10, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) })
    fc.assert(
      fc.property(sizes, fc.array(texts, { maxLength: 40 }), fc.boolean(), ({ columns, rows }, names, isLost) => {
        const busiest = names.map((topic, n) => ({ topic, events: n, perMinute: n * 1e5, lastAt: at, lastPosition: n }))
        const topics = { counted: 1_234_567, isPartial: true, busiest }
        const subscribers = names.map((name) => subscriber(name, { selectors: [{ type: 'exact', match: name }] }))
        const state = new TopState(observed({ topics }), list(subscribers))
        if (isLost) state.trouble = 'the connection was closed without an answer; trying again'
        const lines = topScreen(state, { ...screen, columns, rows })
        expect(lines.length).toBeLessThanOrEqual(Math.max(rows, 5))
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns)
      }),
    )
  })
})

test('numbers take few characters', () => {
  expect([0, 999, 1204, 99_999, 123_456, 999_600, 12_345_678].map(countText)).toEqual([
    '0',
    '999',
    '1,204',
    '99,999',
    '123k',
    '1.0M',
    '12.3M',
  ])
  expect([0, 0.25, 9.9, 10, 1234].map(rateText)).toEqual(['0', '0.3', '9.9', '10', '1,234'])
  expect([0, 999, 12_345, 1e9].map(bytesText)).toEqual(['0 B', '999 B', '12.3 kB', '1.0 GB'])
  expect([0, 59_999, 60_000, 8_040_000, 300_000_000, -5].map(durationText)).toEqual([
    '0s',
    '59s',
    '1m',
    '2h 14m',
    '3d 11h',
    '0s',
  ])
})
