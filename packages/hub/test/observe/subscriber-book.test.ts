import { expect, test } from 'vitest'
import { exactTopic } from '../../src/matching/matcher.ts'
import { joinLists, SubscriberBook } from '../../src/observe/subscriber-book.ts'
import { atMostLinear, costGrowth } from '../cost-growth.ts'

const matchers = [exactTopic('log')]

function bookOf(subscribers: number, lagOf: (index: number) => number | undefined = () => 0): SubscriberBook {
  const book = new SubscriberBook()
  for (let index = 0; index < subscribers; index++) {
    const lagEvents = lagOf(index)
    const progress = () => (lagEvents === undefined ? undefined : { lagEvents, isCatchingUp: false, unsentBytes: 0 })
    const address = `10.0.0.${index}`
    book.add({ matchers, address, holder: undefined, since: index, lastEventId: undefined, progress })
  }
  return book
}

test('lists those that are the furthest behind first, then those that are there the longest', () => {
  const list = bookOf(5, (index) => [0, 7, undefined, 0, 9][index]).list(3)
  expect([list.total, list.found]).toEqual([5, 4])
  expect(list.subscribers.map(({ address, lagEvents }) => [address, lagEvents])).toEqual([
    ['10.0.0.4', 9],
    ['10.0.0.1', 7],
    ['10.0.0.0', 0],
  ])
})

test('joins the lists of threads', () => {
  const joined = joinLists([bookOf(2, () => 1).list(9), bookOf(3, () => 2).list(9)], 4)
  expect([joined.total, joined.found]).toEqual([5, 5])
  expect(joined.subscribers.map(({ lagEvents }) => lagEvents)).toEqual([2, 2, 2, 1])
})

test('forgets a subscriber that left', () => {
  const book = new SubscriberBook()
  const progress = () => ({ lagEvents: 0, isCatchingUp: true, unsentBytes: 1 })
  const strike = book.add({ matchers, address: '::1', holder: 'abcdefghijkl', since: 0, lastEventId: '-5', progress })
  expect(book.list(1).subscribers).toMatchObject([{ holder: 'abcdefgh', lastEventId: '-5', isCatchingUp: true }])
  strike()
  expect(book.list(1)).toEqual({ total: 0, found: 0, subscribers: [] })
})

test('costs time in proportion to the subscribers', () => {
  const books = new Map<number, SubscriberBook>()
  const growth = costGrowth((size) => {
    let book = books.get(size)
    if (!book) {
      book = bookOf(size)
      books.set(size, book)
    }
    book.list(100)
  }, 2000)
  expect(growth).toBeLessThan(atMostLinear)
})
