import { describe, expect, test, vi } from 'vitest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { describeStore } from './store-suite.ts'

describeStore('memory', { open: async (options) => createMemoryStore(options) })

describe('createMemoryStore', () => {
  test.each([
    [{ maxEvents: -1 }, 'maxEvents is -1'],
    [{ maxBytes: Number.NaN }, 'maxBytes is NaN'],
    [{ maxAgeMs: '1h' as unknown as number }, 'maxAgeMs is 1h'],
  ])('refuses %j', (options, message) => {
    expect(() => createMemoryStore(options)).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test('drops events past their age though nobody appends any more', async () => {
    vi.useFakeTimers()
    try {
      const store = createMemoryStore({ maxAgeMs: 60_000 })
      const mark = await store.append({
        topics: ['a'],
        data: 'x',
        isPrivate: false,
        id: undefined,
        type: undefined,
        retryMs: undefined,
      })
      vi.advanceTimersByTime(59_000)
      expect((await store.bounds()).earliest).toEqual(mark)
      vi.advanceTimersByTime(3_000)
      expect(await store.bounds()).toEqual({ head: mark, trimmed: mark, earliest: undefined, count: 0 })
      await store.close()
    } finally {
      vi.useRealTimers()
    }
  })

  test('past ten thousand sets of topics, remembers that something is gone but no longer whose it was', async () => {
    const store = createMemoryStore({ maxEvents: 0 })
    const append = (topic: string) =>
      store.append({
        topics: [topic],
        data: '',
        isPrivate: false,
        id: undefined,
        type: undefined,
        retryMs: undefined,
      })
    const first = await append('first')
    for (let n = 0; n < 10_000; n++) await append(`topic ${n}`)
    const { head } = await store.bounds()
    const read = (after: number) =>
      store.read({ after, through: head.position, topics: new Set(['other']), maxEvents: 1, maxBytes: 1 })
    expect((await read(0)).lost).toEqual([{ position: first.position, topics: undefined, isPrivate: false }])
    expect((await read(first.position)).lost).toEqual([])
    await store.close()
  })
})
