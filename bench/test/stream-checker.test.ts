import { expect, test } from 'vitest'
import { FramingError } from '../hub/crowd/stream-checker.ts'
import { block, blocks, chunk, Feed, feed, rechunk } from './streams.ts'

const events = blocks(12)
const perEvent = events.map(chunk).join('')
const faultless = { duplicated: 0, reordered: 0, corrupted: 0, misdirected: 0, gaps: 0 }

test('finds nothing wrong with the same events however the stream is cut into chunks and reads, whoever comes first', () => {
  const wires = [
    perEvent,
    chunk(events.join('')),
    ...[1, 7, 64, 100, 333].map((size) => rechunk(events.join(''), size)),
  ]
  for (const first of wires) {
    const feedOfAll = new Feed()
    feedOfAll.receive(first, 50)
    for (const wire of wires) {
      for (const readBytes of [1, 2, 13, 64, 65, 131, 1000, wire.length]) {
        expect(feedOfAll.receive(wire, readBytes).distinct).toBe(events.length)
      }
    }
    expect(feedOfAll.tally).toMatchObject(faultless)
    expect(feedOfAll.tally.delivered).toBe(events.length * (1 + wires.length * 8))
    expect(feedOfAll.tally.latencies.count).toBe(feedOfAll.tally.delivered)
  }
})

test('finds nothing wrong when subscribers take turns to be ahead', () => {
  const feedOfAll = new Feed()
  const subscribers = [1, 2, 3].map(() => feedOfAll.receive(''))
  const places = [0, 0, 0]
  // A fixed sequence: each read has some bytes, never the same number.
  for (let step = 0; places.some((place) => place < perEvent.length); step++) {
    const index = (step * 7) % 3
    const length = 1 + ((step * 37) % 150)
    feed(subscribers[index]!, perEvent.slice(places[index]!, places[index]! + length))
    places[index] = Math.min(perEvent.length, places[index]! + length)
  }
  expect(subscribers.map((subscriber) => subscriber.distinct)).toEqual([12, 12, 12])
  expect(feedOfAll.tally).toMatchObject({ ...faultless, delivered: 36 })
})

test('takes heartbeats, and events of the hub itself, for no events, wherever they come', () => {
  const heartbeat = chunk(':\n\n')
  const position = chunk('event: headwater-position\nid: e.9\ndata\n\n')
  for (let leaderPlace = 0; leaderPlace <= events.length; leaderPlace++) {
    const feedOfAll = new Feed()
    const withExtras = (place: number) =>
      events.slice(0, place).map(chunk).join('') + heartbeat + position + events.slice(place).map(chunk).join('')
    expect(feedOfAll.receive(withExtras(leaderPlace), 70).distinct).toBe(12)
    for (const place of [0, 3, 12]) expect(feedOfAll.receive(withExtras(place), 200).distinct).toBe(12)
    expect(feedOfAll.tally).toMatchObject({ ...faultless, delivered: 48, heartbeats: 4 })
  }
})

test('reads a response that has no chunks', () => {
  const feedOfAll = new Feed()
  for (const readBytes of [10, 100, 10_000])
    expect(feedOfAll.receive(events.join(''), readBytes, false).distinct).toBe(12)
  expect(feedOfAll.tally).toMatchObject({ ...faultless, delivered: 36 })
})

test('reads line ends of every kind', () => {
  const feedOfAll = new Feed()
  for (const end of ['\r\n', '\r', '\n']) {
    const wire = events.map((event) => chunk(event.replaceAll('\n', end))).join('') + chunk(':\n\n')
    expect(feedOfAll.receive(wire, 11).distinct).toBe(12)
  }
  expect(feedOfAll.tally).toMatchObject({ ...faultless, delivered: 36 })
})

// Each fault is found when the first subscriber has it, with nothing to compare with, and when
// another does.
for (const hasLeader of [false, true]) {
  const who = hasLeader ? 'a subscriber that follows' : 'the first subscriber'
  const receive = (wire: string, streams?: readonly number[]) => {
    const feedOfAll = new Feed(streams)
    if (hasLeader) feedOfAll.receive(perEvent)
    const before = feedOfAll.tally.delivered
    const checker = feedOfAll.receive(wire, 200)
    return { feedOfAll, checker, delivered: feedOfAll.tally.delivered - before }
  }
  const without = (seq: number) => events.filter((_, index) => index !== seq)

  test(`finds an event that ${who} lost, first, in the middle and last`, () => {
    for (const seq of [0, 5, 11]) {
      const { checker, feedOfAll, delivered } = receive(without(seq).map(chunk).join(''))
      expect(checker.distinct).toBe(11)
      expect(delivered).toBe(11)
      expect(feedOfAll.tally).toMatchObject(faultless)
    }
  })

  test(`finds an event that ${who} got twice, at once or later`, () => {
    for (const at of [5, 8, 12]) {
      const { checker, feedOfAll } = receive(events.toSpliced(at, 0, events[4]!).map(chunk).join(''))
      expect(checker.distinct).toBe(12)
      expect(feedOfAll.tally).toMatchObject({ ...faultless, duplicated: 1 })
    }
  })

  test(`finds that ${who} got two events in the wrong order`, () => {
    const { checker, feedOfAll } = receive(events.with(6, events[7]!).with(7, events[6]!).map(chunk).join(''))
    expect(checker.distinct).toBe(12)
    expect(feedOfAll.tally).toMatchObject({ ...faultless, reordered: 1 })
    expect(checker.isInterleaved).toBe(false)
  })

  test(`finds any byte of the data altered for ${who}`, () => {
    const event = events[4]!
    for (let at = event.indexOf('data: ') + 6; at < event.length - 2; at++) {
      const altered = `${event.slice(0, at)}${event[at] === 'x' ? 'y' : 'x'}${event.slice(at + 1)}`
      const { checker, feedOfAll } = receive(events.with(4, altered).map(chunk).join(''))
      expect(checker.distinct).toBe(11)
      expect(feedOfAll.tally).toMatchObject({ ...faultless, corrupted: 1 })
    }
  })

  test(`finds an event of ${who} that is torn off, or has the rest of another`, () => {
    const event = events[4]!
    for (const torn of [`${event.slice(0, 50)}\n\n`, event.slice(0, 50) + events[5]!.slice(50)]) {
      const { checker, feedOfAll } = receive(events.with(4, torn).map(chunk).join(''))
      expect(checker.distinct).toBe(11)
      expect(feedOfAll.tally).toMatchObject({ ...faultless, corrupted: 1 })
    }
  })

  test(`finds an event that ${who} did not select`, () => {
    const stranger = block({ stream: 3, seq: 0 })
    const { checker, feedOfAll } = receive(events.toSpliced(4, 0, stranger).map(chunk).join(''))
    expect(checker.distinct).toBe(12)
    expect(feedOfAll.tally).toMatchObject({ ...faultless, misdirected: 1 })
  })

  test(`hears of a gap that ${who} is told of`, () => {
    const gap = 'event: headwater-gap\nid: e.1\ndata: {"reason":"trimmed"}\n\n'
    const { feedOfAll } = receive(chunk(gap) + perEvent)
    expect(feedOfAll.tally).toMatchObject({ ...faultless, gaps: 1 })
  })

  test(`finds framing that ${who} cannot go on from`, () => {
    expect(() => receive(`${chunk(events[0]!)}zz\r\n`)).toThrow(FramingError)
    expect(() => receive(`${chunk(events[0]!).slice(0, -2)}XX`)).toThrow(FramingError)
  })
}

test('counts what comes after a fault', () => {
  const feedOfAll = new Feed()
  feedOfAll.receive(perEvent)
  const wire = [events[0]!, events[2]!, events[2]!, events[1]!, ...events.slice(4)].map(chunk).join('')
  const checker = feedOfAll.receive(wire, 90)
  expect(checker.distinct).toBe(11)
  expect(feedOfAll.tally).toMatchObject({ ...faultless, duplicated: 1, reordered: 1 })
})

test('an event that was lost is not hidden by bytes that go on as those after it do', () => {
  // The reference has no wire bytes for the events in the middle, because their chunks do not end
  // with them.
  const leader =
    events.slice(0, 4).map(chunk).join('') +
    rechunk(events.slice(4, 8).join(''), 33) +
    events.slice(8).map(chunk).join('')
  for (const readBytes of [40, 90, 150, 5000]) {
    const feedOfAll = new Feed()
    feedOfAll.receive(leader, readBytes)
    const checker = feedOfAll.receive([...events.slice(0, 4), ...events.slice(8)].map(chunk).join(''))
    expect(checker.distinct).toBe(8)
  }
})

test('streams may come in any order among each other, and it is told when subscribers see different ones', () => {
  const [a, b] = [0, 1].map((stream) => [0, 1, 2].map((seq) => chunk(block({ stream, seq }))))
  const feedOfAll = new Feed([0, 1])
  const first = feedOfAll.receive([a![0], b![0], b![1], a![1], a![2], b![2]].join(''))
  const same = feedOfAll.receive([a![0], b![0], b![1], a![1], a![2], b![2]].join(''), 17)
  const other = feedOfAll.receive([...a!, ...b!].join(''))
  expect([first, same, other].map((checker) => [checker.distinct, checker.isInterleaved])).toEqual([
    [6, false],
    [6, false],
    [6, true],
  ])
  expect(feedOfAll.tally).toMatchObject(faultless)
})

test('begins where a subscriber resumed: what it had before is a duplicate', () => {
  const feedOfAll = new Feed([0], 4)
  expect(feedOfAll.receive(events.slice(4).map(chunk).join('')).distinct).toBe(8)
  expect(feedOfAll.tally).toMatchObject(faultless)
  feedOfAll.receive(events.slice(3).map(chunk).join(''))
  expect(feedOfAll.tally).toMatchObject({ ...faultless, duplicated: 1 })
})
