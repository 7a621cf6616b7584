import { expect, test } from 'vitest'
import { HeldBytes } from '../../src/hub/held-bytes.ts'

test('what several hold counts once, until the last of them has room', () => {
  const held = new HeldBytes<string>()
  const shared = new Uint8Array(1000)
  const hold = () => {
    held.hold('a', shared)
    held.hold('b', shared.subarray(10))
    held.hold('c', new Uint8Array(50))
  }
  hold()
  hold()
  expect([held.total, held.slowest]).toEqual([1050, 'a'])
  held.release('a')
  held.release('a')
  expect([held.total, held.slowest]).toEqual([1050, 'b'])
  held.release('b')
  expect([held.total, held.slowest]).toEqual([50, 'c'])
  held.release('c')
  expect([held.total, held.slowest]).toEqual([0, undefined])
})
