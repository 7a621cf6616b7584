import { describe, expect, test } from 'vitest'
import { Feed } from '../../src/hub/feed.ts'
import { Selection } from '../../src/hub/selection.ts'
import type { Subscriber } from '../../src/hub/subscriber.ts'
import { exactTopic } from '../../src/matching/matcher.ts'

function feedOf(subscriberCount: number) {
  const feed = new Feed(new Selection([exactTopic('a')]), true, 0)
  const subscribers = Array.from(
    { length: subscriberCount },
    (_, name) => ({ name, servedIndex: 0 }) as unknown as Subscriber,
  )
  for (const subscriber of subscribers) feed.addServed(subscriber)
  let position = 0
  const append = (text = 'event') => {
    position++
    feed.append({ position, bytes: Buffer.from(text), isEvent: true })
  }
  const serve = (count: number) => {
    for (let served = 0; served < count; served++) feed.addServed(feed.behind.shift()!)
  }
  return { feed, subscribers, append, serve }
}

describe('a feed', () => {
  test('serves its subscribers in turn, each once in a round', () => {
    const { feed, subscribers, append } = feedOf(3)
    append()
    expect(feed.beginRound()).toBe(true)
    expect([feed.behind.shift(), feed.behind.shift(), feed.behind.shift()]).toEqual(subscribers)
    expect(feed.beginRound()).toBe(false)
  })

  test('that took long for a round rests twice as long before the next, and at most 10 ms', () => {
    for (const [roundMs, restMs] of [
      [2, 4],
      [5, 10],
      [50, 10],
    ] as const) {
      const { feed, append, serve } = feedOf(2)
      append()
      feed.beginRound()
      serve(1)
      expect(feed.hasWorked(roundMs / 2, 1000)).toBe(true)
      serve(1)
      expect(feed.hasWorked(roundMs / 2, 1000)).toBe(false)
      expect(feed.restMs(1000)).toBe(restMs)
      expect(feed.restMs(1000 + restMs)).toBe(0)
    }
  })

  test('that had little to do does not rest', () => {
    const { feed, append, serve } = feedOf(2)
    append()
    feed.beginRound()
    serve(2)
    feed.hasWorked(0.9, 1000)
    expect(feed.restMs(1000)).toBeLessThanOrEqual(0)
  })

  test('does without rests that gather nothing, and tries again now and then', () => {
    const { feed, append, serve } = feedOf(1)
    let now = 1000
    /** A long round of one event; whether a rest follows it. */
    const isRestAfterRound = () => {
      append()
      feed.beginRound()
      serve(1)
      feed.hasWorked(2, now)
      const rests = feed.restMs(now) > 0
      now += 100
      return rests
    }
    const rests = Array.from({ length: 36 }, isRestAfterRound)
    expect(rests.flatMap((isRest, round) => (isRest ? [round] : []))).toEqual([0, 17, 34])
  })

  test('rests again as soon as a round has several events', () => {
    const { feed, append, serve } = feedOf(1)
    const round = (events: number, now: number) => {
      for (let count = 0; count < events; count++) append()
      feed.beginRound()
      serve(1)
      feed.hasWorked(2, now)
      return feed.restMs(now) > 0
    }
    expect([round(1, 1000), round(1, 2000), round(1, 3000), round(2, 4000), round(2, 5000)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
  })

  test('is not kept from its next round by those who join it meanwhile', () => {
    const { feed, append, serve } = feedOf(2)
    append()
    feed.beginRound()
    serve(2)
    feed.hasWorked(3, 1000)
    feed.behind.push({ servedIndex: 0 } as unknown as Subscriber)
    serve(1)
    feed.hasWorked(0.1, 1004)
    expect(feed.restMs(1006)).toBe(0)
  })

  test('has more to do when an event came in the middle of a round', () => {
    const { feed, append, serve } = feedOf(2)
    append()
    feed.beginRound()
    serve(1)
    append()
    serve(1)
    expect(feed.hasWorked(0.1, 1000)).toBe(true)
  })

  test('forgets who leaves, and nobody else', () => {
    const { feed, subscribers, append } = feedOf(4)
    feed.leave(subscribers[1]!)
    feed.leave(subscribers[3]!)
    feed.leave(subscribers[3]!)
    append()
    feed.beginRound()
    const behind = [feed.behind.shift(), feed.behind.shift(), feed.behind.shift()]
    expect(new Set(behind)).toEqual(new Set([subscribers[0], subscribers[2], undefined]))
  })

  test('joins the same frames once for all who begin at the same place', () => {
    const { feed, append } = feedOf(0)
    append('one ')
    append('two ')
    const span = feed.spanFrom(0, 1000)
    expect(Buffer.from(span.bytes).toString()).toBe('one two ')
    expect(feed.spanFrom(0, 1000).bytes).toBe(span.bytes)
    append('three')
    expect(Buffer.from(feed.spanFrom(1, 1000).bytes).toString()).toBe('two three')
    expect(Buffer.from(feed.spanFrom(0, 3).bytes).toString()).toBe('one ')
  })

  test('keeps no joined frames when its round is over, which would hold memory for as long as it is quiet', () => {
    const { feed, append, serve } = feedOf(1)
    append()
    append()
    feed.beginRound()
    const span = feed.spanFrom(0, 1000)
    expect(feed.spanFrom(0, 1000)).toBe(span)
    serve(1)
    feed.hasWorked(0, 0)
    expect(feed.spanFrom(0, 1000)).not.toBe(span)
    expect(feed.spanFrom(0, 1000)).toEqual(span)
  })
})
