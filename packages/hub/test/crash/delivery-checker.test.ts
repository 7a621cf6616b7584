import { describe, expect, test } from 'vitest'
import { shownPosition } from '../shown-positions.ts'
import {
  type CheckOptions,
  DeliveryChecker,
  type HistoryRow,
  type ReceivedEvent,
  type Receiver,
} from './delivery-checker.ts'

describe('the checker of deliveries', () => {
  test('finds nothing wrong where nothing is', () => {
    const { check } = run()
    expect(check()).toEqual([])
    expect(check({ mayHaveGaps: true })).toEqual([])
  })

  test.each<[string, (run: Run) => void, string]>([
    ['a lost event', ({ all }) => drop(all, '1:2'), 'everything did not get 1:2 (position 8'],
    [
      'a lost event that was not acknowledged',
      ({ all }) => drop(all, '3:1'),
      'everything did not get 3:1 (position 7, not',
    ],
    ['the last event not there yet', ({ one }) => drop(one, '0:4'), 'topic 0 did not get 0:4'],
    ['a duplicated event', ({ all }) => repeat(all, '1:2'), 'everything got 1:2 (position 8, acknowledged'],
    ['one duplicated much later', ({ all }) => void all.push(find(all, '0:1')), 'everything got 0:1'],
    ['events in another order', ({ all }) => swap(all, '1:2', '2:2'), 'everything did not get 1:2'],
    [
      'the one that then came late',
      ({ all }) => swap(all, '1:2', '2:2'),
      'everything got 1:2 (position 8, acknowledged before the first kill) too late',
    ],
    [
      'corrupted data',
      ({ all }) => alter(all, '1:2', { data: '1:2 datA' }),
      'everything got 1:2 not whole: "1:2 datA"',
    ],
    ['half of the data', ({ all }) => alter(all, '1:2', { data: '1:2 ' }), 'everything got 1:2 not whole'],
    [
      'an event of nobody',
      ({ all }) => alter(all, '1:2', { data: '9:9 data' }),
      'everything got what nobody published',
    ],
    ['a private event leaked', ({ all, one }) => void one.push(find(all, '0:0')), 'topic 0 got 0:0, which is private'],
    [
      'an event of another topic',
      ({ all, one }) => void one.push(find(all, '1:1')),
      'topic 0 got 1:1, which it did not ask',
    ],
    [
      'an event under the ID of another',
      ({ all }) => alter(all, '1:2', { lastEventId: idOf(3) }),
      'was seen at another place, 3',
    ],
    [
      'an event at two places',
      ({ all }) => alter(all, '1:2', { lastEventId: idOf(99) }),
      'was seen at another place, 99',
    ],
    ['another tag', ({ all }) => alter(all, '1:2', { lastEventId: `${epoch}.8.zz` }), 'was seen at another place, 8'],
    [
      'a gap that is none',
      ({ all }) => void all.splice(3, 0, gap(2)),
      'everything was told of a gap where there is none',
    ],
    [
      'a position told too early',
      ({ one }) => void one.splice(2, 0, position(12)),
      'topic 0 was told position 12 without 0:3',
    ],
    ['another history', ({ all }) => void all.push(position(1, 'otherepoch')), 'is now another one, otherepoch'],
    ['an acknowledged event not stored', ({ history }) => void history.splice(8, 1), 'is not in the history'],
    [
      'one stored twice',
      ({ history }) => void history.push({ ...history[1]!, position: 50 }),
      'is in the history twice',
    ],
    [
      'half of what was sent as one',
      ({ history }) => void history.splice(4, 1),
      'sent as one, the history has only 1:1',
    ],
    [
      "a publisher's events in another order",
      ({ history }) => {
        const [one, other] = [history[0]!, history[3]!]
        history[0] = { ...one, data: other.data }
        history[3] = { ...other, data: one.data }
      },
      'was seen at another place',
    ],
  ])('finds %s', (_what, tamper, finding) => {
    const { check } = run(tamper)
    expect(check().join('\n')).toContain(finding)
  })

  test('finds that one subscriber has an event that was not acknowledged, and another has not', () => {
    const { checkWithoutHistory } = run(({ some }) => drop(some, '3:1'))
    expect(checkWithoutHistory().join('\n')).toMatch(/some topics did not get 3:1 \(position 7, not acknowledged\)/)
  })

  test('finds that an event was acknowledged as two', () => {
    const { checker, check } = run()
    checker.acknowledge({ publisher: 1, number: 2 }, idOf(77))
    expect(check().join('\n')).toContain(`1:2 was acknowledged as ${idOf(8)} and as ${idOf(77)}`)
  })

  test('finds two events at one position', () => {
    const checker = new DeliveryChecker()
    for (const publisher of [0, 1]) {
      checker.publish({ publisher, number: 0, topics: ['a'], isPrivate: false, data: `${publisher}:0 ` })
      checker.acknowledge({ publisher, number: 0 }, idOf(1))
    }
    expect(checker.check().join('\n')).toContain('and 1:0 have the same position')
  })

  test('finds that publishers are overtaken by themselves', () => {
    const checker = new DeliveryChecker()
    for (const number of [0, 1])
      checker.publish({ publisher: 0, number, topics: ['a'], isPrivate: false, data: `0:${number} ` })
    checker.acknowledge({ publisher: 0, number: 0 }, idOf(2))
    checker.acknowledge({ publisher: 0, number: 1 }, idOf(1))
    expect(checker.check().join('\n')).toContain(
      '0:1 (position 1, acknowledged before the first kill) comes before 0:0',
    )
  })

  describe('of publishers that are not told IDs', () => {
    const published = { publisher: 7, number: 0, topics: ['a'], isPrivate: false, data: '7:0 ' }
    const row = { position: 1, tag: 1, data: '7:0 ' }

    test('finds that what was committed is lost', () => {
      const checker = new DeliveryChecker()
      checker.publish(published)
      checker.commit(published)
      expect(checker.check({ history: [row] })).toEqual([])
      expect(checker.check({ history: [] }).join('\n')).toContain('is not in the history')
    })

    test('finds that what was rolled back is stored, or was received before', () => {
      const checker = new DeliveryChecker()
      checker.publish(published)
      checker.rollBack(published)
      expect(checker.check({ history: [] })).toEqual([])
      expect(checker.check({ history: [row] }).join('\n')).toContain('7:0 was rolled back, and is at position 1')
      const early = new DeliveryChecker()
      early.publish(published)
      give(early.subscriber(everything), [{ type: 'message', data: '7:0 ', lastEventId: idOf(1) }])
      early.rollBack(published)
      expect(early.check().join('\n')).toContain('was rolled back, and was seen before')
    })

    test('takes what was not answered at any place, and what was at none but its own', () => {
      const history = [
        { position: 1, tag: 1, data: '7:1 ' },
        { position: 2, tag: 2, data: '7:0 ' },
      ]
      const check = (answered: readonly number[]) => {
        const checker = new DeliveryChecker()
        const events = [0, 1].map((number) => ({ ...published, number, data: `7:${number} `, mayBeLate: true }))
        for (const event of events) checker.publish(event)
        for (const number of answered) checker.commit(events[number]!)
        return checker.check({ history }).join('\n')
      }
      expect(check([1])).toBe('')
      expect(check([0, 1])).toContain('comes before 7:0')
    })
  })

  describe('where gaps may be', () => {
    test('takes what a gap covers for told', () => {
      const { check } = run(({ all }) => {
        all.splice(3, 3, gap(6))
      })
      expect(check({ mayHaveGaps: true })).toEqual([])
    })

    test('finds what is missing without a gap, before one, and after what it covers', () => {
      const missing = run(({ all }) => drop(all, '1:2'))
      expect(missing.check({ mayHaveGaps: true }).join('\n')).toContain('did not get 1:2')
      const late = run(({ all }) => {
        drop(all, '0:1')
        all.splice(8, 1, gap(9))
      })
      expect(late.check({ mayHaveGaps: true }).join('\n')).toContain('did not get 0:1')
      const short = run(({ all }) => {
        all.splice(3, 3, gap(5))
      })
      expect(short.check({ mayHaveGaps: true }).join('\n')).toContain('did not get 1:1')
    })

    test('finds that what a gap covers came all the same', () => {
      const { check } = run(({ all }) => void all.splice(3, 0, gap(6)))
      expect(check({ mayHaveGaps: true }).join('\n')).toContain('too late')
    })
  })

  test('of a subscriber that began with what comes next expects what comes after the first ID', () => {
    const live = (steps: (all: ReceivedEvent[]) => ReceivedEvent[]) => {
      const { checker, all, check } = run()
      const receiver = checker.subscriber({ ...everything, name: 'live', fromTheBeginning: false })
      give(receiver, steps(all))
      return check().join('\n')
    }
    expect(live((all) => [position(5), ...all.slice(5)])).toBe('')
    expect(live((all) => all.slice(5))).toBe('')
    expect(live((all) => [position(5), ...all.slice(6)])).toContain('live did not get 1:1')
    expect(live((all) => [position(5), ...all.slice(4)])).toContain('live got 2:0')
  })

  test('says in its finding which event is meant, and between which kills it was missed', () => {
    const { check } = run(({ all }) => drop(all, '1:2'))
    const [finding] = check()
    expect(finding).toBe(
      'everything did not get 1:2 (position 8, acknowledged before the first kill); that is after 3:1 (before the first kill), ' +
        'before 2:1 (before the first kill); it connected before the first kill in that time',
    )
  })
})

const epoch = 'abcdefghij'
const idOf = (position: number) => `${epoch}.${position.toString(36)}.${position.toString(36)}`
const everything = { name: 'everything', selects: () => true, mayHave: () => true, fromTheBeginning: true }

interface Run {
  readonly all: ReceivedEvent[]
  readonly one: ReceivedEvent[]
  readonly some: ReceivedEvent[]
  readonly history: HistoryRow[]
}

/**
 * Three subscribers who got what they should, but for what is tampered with. Publisher 3 never heard that its second event was
 * stored; publishers 2 and 3 began with an event each that were sent as one.
 */
function run(tamper: (run: Run) => void = () => {}) {
  const checker = new DeliveryChecker()
  const order = ['0:0', '0:1', '1:0', '0:2', '2:0', '1:1', '3:1', '1:2', '2:1', '2:2', '0:3', '0:4']
  const history: HistoryRow[] = []
  const all: ReceivedEvent[] = []
  for (const [index, name] of order.entries()) {
    const [publisher, number] = name.split(':').map(Number) as [number, number]
    const at = index + 1
    const batch = name === '2:0' || name === '1:1' ? 'both' : undefined
    const data = `${name} data`
    checker.publish({ publisher, number, topics: [`topic ${publisher}`], isPrivate: name === '0:0', data, batch })
    history.push({ position: at, tag: at, data })
    all.push({ type: 'message', data, lastEventId: idOf(at) })
  }
  const one = all.filter(({ data }) => data.startsWith('0:') && !data.startsWith('0:0'))
  const some = all.filter(({ data }) => /^[23]:/.test(data))
  tamper({ all, one, some, history })

  for (const [index, name] of order.entries()) {
    const [publisher, number] = name.split(':').map(Number) as [number, number]
    if (name !== '3:1') checker.acknowledge({ publisher, number }, idOf(index + 1))
  }
  give(checker.subscriber(everything), all)
  const selects = (topics: readonly string[]) => topics.includes('topic 0')
  give(checker.subscriber({ ...everything, name: 'topic 0', selects, mayHave: () => false }), one)
  const ofSome = (topics: readonly string[]) => topics.includes('topic 2') || topics.includes('topic 3')
  give(checker.subscriber({ ...everything, name: 'some topics', selects: ofSome }), some)
  return {
    checker,
    all,
    check: (options: CheckOptions = {}) => checker.check({ history, ...options }),
    checkWithoutHistory: () => checker.check(),
  }
}

function give(receiver: Receiver, events: readonly ReceivedEvent[]): void {
  receiver.connected()
  for (const event of events) receiver.receive(event)
}

function gap(through: number): ReceivedEvent {
  return { type: 'headwater-gap', data: '{"reason":"trimmed"}', lastEventId: idOf(through) }
}

function position(at: number, ofEpoch = epoch): ReceivedEvent {
  return { type: shownPosition, data: '', lastEventId: idOf(at).replace(epoch, ofEpoch) }
}

function find(events: readonly ReceivedEvent[], name: string): ReceivedEvent {
  return events.find(({ data }) => data.startsWith(`${name} `))!
}

function drop(events: ReceivedEvent[], name: string): void {
  events.splice(events.indexOf(find(events, name)), 1)
}

function repeat(events: ReceivedEvent[], name: string): void {
  const event = find(events, name)
  events.splice(events.indexOf(event), 0, event)
}

function swap(events: ReceivedEvent[], one: string, other: string): void {
  const [first, second] = [find(events, one), find(events, other)]
  const [at, otherAt] = [events.indexOf(first), events.indexOf(second)]
  events[at] = second
  events[otherAt] = first
}

function alter(events: ReceivedEvent[], name: string, change: Partial<ReceivedEvent>): void {
  const event = find(events, name)
  events[events.indexOf(event)] = { ...event, ...change }
}
