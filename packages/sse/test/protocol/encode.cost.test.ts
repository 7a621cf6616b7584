import { expect, it, vi } from 'vitest'
import { encodeEvent } from '../../src/protocol/encode.ts'

it('a text of a million empty lines is not taken apart into a million strings', () => {
  const split = vi.spyOn(String.prototype, 'split')
  const join = vi.spyOn(Array.prototype, 'join')
  const frame = encodeEvent({ data: '\n'.repeat(1_000_000) })
  const calls = [split.mock.calls.length, join.mock.calls.length]
  split.mockRestore()
  join.mockRestore()
  expect(calls).toEqual([0, 0])
  expect(frame).toBe(`${'data:\n'.repeat(1_000_001)}\n`)
})
