import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ClientCounts,
  clearCounts,
  createCountMemory,
  createCounts,
  openCounts,
} from '../../../src/http/access/client-counts.ts'

const threads = 3

describe.each<[string, () => ClientCounts[]]>([
  ['one thread', () => [createCounts()]],
  ['several threads together', () => open().counts],
])('clients counted by %s', (_, make) => {
  test('are as many as came and have not left, in all and by name', () => {
    const step = fc.record({
      thread: fc.nat(),
      name: fc.constantFrom('a', 'b', '192.0.2.7', undefined),
      leaves: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const counts = make()
        const here: { name: string | undefined; leave: () => void }[] = []
        for (const { thread, name, leaves } of steps) {
          const { subscribers, subscribersOfAddress } = counts[thread % counts.length]!
          if (leaves) here.shift()?.leave()
          else {
            const [leave, leaveName] = [subscribers.add(), subscribersOfAddress.add(name)]
            here.push({
              name,
              leave() {
                leave()
                leaveName()
              },
            })
          }
          for (const each of counts) {
            expect(each.subscribers.total).toBe(here.length)
            expect(each.subscribersOfAddress.of(undefined)).toBe(0)
            // With so few names, two that share all of their cells would be a miracle.
            for (const name of ['a', 'b', '192.0.2.7'])
              expect(each.subscribersOfAddress.of(name)).toBe(here.filter((other) => other.name === name).length)
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  test('are not mistaken for what else is counted', () => {
    const [first] = make()
    const { connections, connectionsOfAddress, subscribersOfAddress, subscribersOfHolder, subscribers } = first!
    connections.add()
    connectionsOfAddress.add('a')
    connectionsOfAddress.add('a')
    subscribersOfHolder.add('a')
    expect(connections.total).toBe(1)
    expect(subscribers.total).toBe(0)
    expect([connectionsOfAddress, subscribersOfAddress, subscribersOfHolder].map((each) => each.of('a'))).toEqual([
      2, 0, 1,
    ])
  })
})

describe('clients counted by several threads', () => {
  test('of one that died are not there any more, and those of the others are', () => {
    const { memory, counts } = open()
    for (const { subscribers, connectionsOfAddress } of counts) {
      subscribers.add()
      subscribers.add()
      connectionsOfAddress.add('a')
    }
    expect(clearCounts(memory, 1)).toBe(2)
    expect(counts[0]!.subscribers.total).toBe(4)
    expect(counts[0]!.connectionsOfAddress.of('a')).toBe(2)
  })

  test('by many names are never fewer than there are, and seldom more', () => {
    const { counts } = open()
    const { connectionsOfAddress } = counts[0]!
    const names = Array.from({ length: 20_000 }, (_, index) => `2001:db8::${index.toString(16)}`)
    for (const name of names) connectionsOfAddress.add(name)
    const wrong = names.filter((name) => connectionsOfAddress.of(name) !== 1)
    expect(names.every((name) => connectionsOfAddress.of(name) >= 1)).toBe(true)
    // By chance it is 4 % of them, off by one.
    expect(wrong.length).toBeLessThan(names.length / 5)
  })
})

function open() {
  const memory = createCountMemory(threads)
  return { memory, counts: Array.from({ length: threads }, (_, thread) => openCounts(memory, thread)) }
}
