import { expect, test } from 'vitest'
import { GatheredBytes } from '../../../src/http/message/gathered-bytes.ts'

test('pieces of a byte are copied together, into no more than twice the room', () => {
  const bytes = new GatheredBytes()
  for (let n = 0; n < 100_000; n++) bytes.add(Buffer.of(n % 251))
  expect(bytes.length).toBe(100_000)
  const taken = bytes.take()
  expect(taken.equals(Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251)))).toBe(true)
  expect(taken.buffer.byteLength).toBeLessThanOrEqual(2 * 100_000)
})

test('what was taken stays as it is', () => {
  const bytes = new GatheredBytes()
  bytes.add(Buffer.from('first'))
  const taken = bytes.take()
  bytes.add(Buffer.from('next'))
  expect([taken.toString(), bytes.take().toString(), bytes.length]).toEqual(['first', 'next', 0])
})
