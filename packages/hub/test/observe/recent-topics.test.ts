import { describe, expect, test } from 'vitest'
import { maxCountedTopics, RecentTopics } from '../../src/observe/recent-topics.ts'
import { atMostLinear, costGrowth } from '../cost-growth.ts'

describe('recent topics', () => {
  test('are counted, with a rate in which events count less the older they are', () => {
    const topics = new RecentTopics()
    for (let n = 0; n < 60; n++) topics.add(['busy'], n + 1, n * 1000)
    topics.add(['quiet', 'busy'], 61, 60_000)
    const [busy, quiet] = topics.busiest(60_000, 10)
    expect(busy).toMatchObject({ topic: 'busy', events: 61, lastAt: 60_000, lastPosition: 61 })
    // 60 a minute for one minute: 1 - 1/e of it, and slightly more for counting each event at its beginning.
    expect(busy!.perMinute).toBeGreaterThan(36)
    expect(busy!.perMinute).toBeLessThan(41)
    expect(quiet).toMatchObject({ topic: 'quiet', events: 1, perMinute: 1 })
    expect(topics.busiest(120_000, 10)[0]!.perMinute).toBeCloseTo(busy!.perMinute / Math.E, 3)
  })

  test('are found by a part of their name, in any case', () => {
    const topics = new RecentTopics()
    topics.add(['https://example.com/Books/1', 'shelf'], 1, 0)
    expect(topics.busiest(0, 10, 'books').map(({ topic }) => topic)).toEqual(['https://example.com/Books/1'])
    expect(topics.busiest(0, 10, 'film')).toEqual([])
    expect(topics.busiest(0, 1)).toHaveLength(1)
  })

  test('in steady use stay, however many others are used once', () => {
    const topics = new RecentTopics()
    let position = 0
    for (let n = 0; n < 20 * maxCountedTopics; n++) {
      if (n % 100 === 0) topics.add(['steady'], ++position, n)
      topics.add([`once/${n}`], ++position, n)
    }
    expect(topics.count).toBe(maxCountedTopics)
    expect(topics.hasDropped).toBe(true)
    expect(topics.busiest(20 * maxCountedTopics, 1)).toMatchObject([{ topic: 'steady', events: 200 }])
  })

  test('of the history are known without being counted', () => {
    const topics = new RecentTopics()
    topics.add(['new'], 9, 1000)
    topics.learn(['old', 'new'], 8, 500)
    expect(topics.busiest(1000, 10)).toMatchObject([
      { topic: 'new', events: 1 },
      { topic: 'old', events: 0, perMinute: 0, lastAt: 500, lastPosition: 8 },
    ])
  })

  test('take no more memory for long names, and say that some are missing', () => {
    const topics = new RecentTopics()
    topics.add(['x'.repeat(2000)], 1, 0)
    expect([topics.count, topics.hasDropped]).toEqual([0, true])
  })

  test('cost the same for each event, however many topics there are', () => {
    const topics = new RecentTopics()
    let position = 0
    const growth = costGrowth((events) => {
      for (let n = 0; n < events; n++) topics.add([`topic/${position}`, 'all'], ++position, position)
    }, 4000)
    expect(growth).toBeLessThan(atMostLinear)
  })
})
