import { expect, test } from 'vitest'
import { Histogram } from '../hub/crowd/histogram.ts'

test('percentiles are those of the sorted list, to within 1/64', () => {
  const histogram = new Histogram()
  const values = Array.from({ length: 10_000 }, (_, index) => 0.001 * 1.0017 ** index)
  for (const value of values) histogram.add(value)
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1]!
    expect(histogram.percentile(share)).toBeGreaterThanOrEqual(exact - 0.001)
    expect(histogram.percentile(share)).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 0.001)
  }
})

test('takes 0, negative times and very long ones', () => {
  const histogram = new Histogram()
  for (const ms of [0, -5, 1e12]) histogram.add(ms)
  expect(histogram.count).toBe(3)
  expect(histogram.percentile(0.5)).toBe(0)
  expect(histogram.percentile(1)).toBeGreaterThan(1_900_000)
})

test('adds others, which can come as their counts from another thread', () => {
  const [a, b] = [new Histogram(), new Histogram()]
  a.add(1, 3)
  b.add(100)
  a.addAll(new Histogram(structuredClone(b.counts)))
  expect(a.count).toBe(4)
  expect(a.percentile(0.75)).toBeLessThan(1.1)
  expect(a.percentile(1)).toBeGreaterThanOrEqual(100)
  a.clear()
  expect(a.percentile(0.5)).toBeNaN()
})
