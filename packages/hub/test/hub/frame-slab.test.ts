import { expect, test } from 'vitest'
import { FrameSlab } from '../../src/hub/frame-slab.ts'

test('frames of a slab are what they were made of, whatever came after them', () => {
  const slab = new FrameSlab()
  const texts = Array.from({ length: 2000 }, (_, n) => `data: ${'⛲x'.repeat(n % 90)}${n}\n\n`)
  const frames = texts.map((text) => slab.encode(text))
  expect(frames.map((frame) => frame.toString())).toEqual(texts)
  expect(new Set(frames.map(({ buffer }) => buffer)).size).toBeLessThan(10)
})

test('a large frame has memory of its own', () => {
  const slab = new FrameSlab()
  slab.encode('small')
  const large = slab.encode('x'.repeat(5000))
  expect(large.buffer.byteLength).toBeLessThan(10_000)
  expect(large.toString()).toBe('x'.repeat(5000))
})
