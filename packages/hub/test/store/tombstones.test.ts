import { describe, expect, test } from 'vitest'
import { Tombstones } from '../../src/store/tombstones.ts'

const trace = (position: number, ...topics: string[]) => ({ position, topics, isPrivate: false })

describe('Tombstones', () => {
  test('keeps the newest of each set of topics, private events apart', () => {
    const traces = new Tombstones()
    traces.add(trace(1, 'a', 'b'))
    traces.add(trace(2, 'a'))
    traces.add({ ...trace(3, 'a'), isPrivate: true })
    traces.add(trace(4, 'a', 'b'))
    expect(traces.after(0, new Set(['a'])).map(({ position }) => position)).toEqual([2, 3, 4])
    expect(traces.after(0, new Set(['a', 'b'])).map(({ position }) => position)).toEqual([2, 3, 4])
    expect(traces.after(0, new Set(['b'])).map(({ position }) => position)).toEqual([4])
    expect(traces.after(3, undefined).map(({ position }) => position)).toEqual([4])
    expect(traces.after(4, undefined)).toEqual([])
    expect(traces.after(0, new Set(['c']))).toEqual([])
  })

  test('forgets the oldest past ten thousand, and says that something is gone there', () => {
    const traces = new Tombstones()
    for (let n = 1; n <= 10_000; n++) expect(traces.add(trace(n, `${n}`))).toEqual([])
    expect(traces.add(trace(10_001, '5'))).toEqual([])
    expect(traces.add(trace(10_002, 'new'))).toEqual([trace(1, '1')])
    expect(traces.forgottenPosition).toBe(1)
    expect(traces.after(0, new Set(['1']))).toEqual([{ position: 1, topics: undefined, isPrivate: false }])
    expect(traces.after(1, new Set(['1']))).toEqual([])
    expect(traces.after(0, undefined).length).toBe(10_001)
  })

  test('forgets the oldest past a hundred thousand topics', () => {
    const traces = new Tombstones()
    const topics = (n: number) => Array.from({ length: 1000 }, (_, k) => `${n} ${k}`)
    for (let n = 1; n <= 100; n++) expect(traces.add(trace(n, ...topics(n)))).toEqual([])
    expect(traces.add(trace(101, ...topics(100)))).toEqual([])
    expect(traces.add(trace(102, 'one more')).map(({ position }) => position)).toEqual([1])
    expect(traces.after(1, new Set(['1 5']))).toEqual([])
    expect(traces.after(1, new Set(['2 5'])).map(({ position }) => position)).toEqual([2])
  })
})
