import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { FrameQueue } from '../../src/server/frame-queue.ts'

describe('a queue of frames', () => {
  test('gives back every byte in order, in pieces within the limit, and says when the last of a frame is taken', () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 60 })
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (frames, limits) => {
        const queue = new FrameQueue()
        const deliveries = frames.map((bytes) => {
          const delivery = { resolve: vi.fn(), reject: vi.fn() }
          queue.push(bytes, delivery)
          return delivery
        })
        const taken: number[] = []
        const delivered = []
        while (queue.byteLength > 0) {
          const limit = limits.next().value
          const before = queue.byteLength
          const piece = queue.take(limit)
          expect(piece.bytes.length).toBe(Math.min(limit, before))
          taken.push(...piece.bytes)
          delivered.push(...piece.deliveries)
          const whole = frames.findIndex((_, i) => lengthOf(frames.slice(0, i + 1)) > taken.length)
          expect(delivered.length).toBe(whole < 0 ? frames.length : whole)
        }
        expect(taken).toEqual(frames.flatMap((bytes) => [...bytes]))
        expect(delivered).toEqual(deliveries)
      }),
    )
  })

  test('drops the oldest frame first, but none of which a part has been taken', () => {
    const queue = new FrameQueue()
    const resolved: number[] = []
    for (const n of [1, 2, 3]) {
      queue.push(new Uint8Array(4).fill(n), { resolve: () => resolved.push(n), reject: () => {} })
    }
    queue.take(2)
    expect(queue.dropOldest()).toBe(true)
    expect(resolved).toEqual([2])
    expect([...queue.take(100).bytes]).toEqual([1, 1, 3, 3, 3, 3])
    expect(queue.dropOldest()).toBe(false)
    expect(queue.byteLength).toBe(0)
  })

  test('stays in order over many thousand frames that come and go', () => {
    const queue = new FrameQueue()
    const taken: number[] = []
    let pushed = 0
    for (let round = 0; round < 500; round++) {
      for (let i = 0; i < 20; i++) queue.push(Uint8Array.of(pushed++ % 251))
      taken.push(...queue.take(13).bytes)
    }
    while (queue.byteLength > 0) taken.push(...queue.take(1000).bytes)
    expect(taken).toEqual(Array.from({ length: pushed }, (_, i) => i % 251))
  })

  test('hands back whom to tell when it is emptied', () => {
    const queue = new FrameQueue()
    const delivery = { resolve: vi.fn(), reject: vi.fn() }
    queue.push(Uint8Array.of(1), delivery)
    queue.push(Uint8Array.of(2))
    expect(queue.clear()).toEqual([delivery])
    expect(queue.byteLength).toBe(0)
    expect(queue.clear()).toEqual([])
  })
})

function lengthOf(frames: Uint8Array[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0)
}
