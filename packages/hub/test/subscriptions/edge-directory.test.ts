import { expect, test } from 'vitest'
import { EdgeDirectory } from '../../src/subscriptions/edge-directory.ts'

test('a hub at the edge is dead when it was not seen for 20 seconds; who was away may not judge', async () => {
  let now = 0
  const edges = new EdgeDirectory(() => now)
  const own = edges.name
  const advance = async (seconds: number, ...visitors: string[]) => {
    for (const end = now + seconds * 1000; now < end; ) {
      now += 5000
      for (const each of [own, ...visitors]) await edges.visit(each)
    }
  }
  expect(await edges.visit('a')).toBeUndefined()
  await advance(20, 'a')
  expect(await edges.visit('a')).toBeUndefined()
  await advance(5, 'a', 'b')
  // Subscriptions of the hub itself have no node.
  expect(await edges.alive()).toEqual(new Set(['', own, 'a', 'b']))
  expect(await edges.visit('b')).toBeUndefined()
  await advance(15, 'b')
  expect(await edges.alive()).toContain('a')
  await advance(5, 'b')
  expect(await edges.alive()).toEqual(new Set(['', own, 'b']))
  // It comes back, and judges nobody until it was there for as long as others may be silent.
  expect(await edges.visit('a')).toBeUndefined()
  // The process was stopped, and heard of nobody.
  now += 60_000
  expect(await edges.alive()).toBeUndefined()
})
