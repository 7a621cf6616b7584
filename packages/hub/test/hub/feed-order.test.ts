import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FeedOrder, type OrderedFeed } from '../../src/hub/feed-order.ts'

interface Named extends OrderedFeed {
  readonly name: number
}

test('the order of feeds is that of their last moves to the end, whatever comes and goes', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('move', 'delete'), fc.nat(5)), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (steps) => {
      const feeds = Array.from({ length: 6 }, (_, name): Named => ({ name, quieter: undefined, livelier: undefined }))
      const order = new FeedOrder<Named>()
      const expected: number[] = []
      for (const [step, name] of steps) {
        const place = expected.indexOf(name)
        if (place >= 0) expected.splice(place, 1)
        if (step === 'move') {
          order.moveToEnd(feeds[name]!)
          expected.push(name)
        } else order.delete(feeds[name]!)
      }
      const found: number[] = []
      for (let feed: OrderedFeed | undefined = order.quietest; feed; feed = feed.livelier)
        found.push((feed as Named).name)
      expect(found).toEqual(expected)
    }),
  )
})
