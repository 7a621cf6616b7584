import { describe, expect, test } from 'vitest'
import { addSeries, FigureRing, type Figures, figureNames } from '../../src/observe/figures.ts'

const figures = (some: Partial<Figures>): Figures => ({
  ...(Object.fromEntries(figureNames.map((name) => [name, 0])) as unknown as Figures),
  ...some,
})

describe('a ring of figures', () => {
  test('adds up what was counted in a step, and keeps the highest level', () => {
    const ring = new FigureRing(10_000, 3)
    ring.add(20_000, figures({ published: 2, subscribers: 5, lag: 7 }))
    ring.add(29_999, figures({ published: 3, subscribers: 4, lag: 9 }))
    ring.add(30_000, figures({ published: 1, subscribers: 1 }))
    const { stepMs, newestAt, values } = ring.read(35_000)
    expect([stepMs, newestAt]).toEqual([10_000, 30_000])
    expect(values.published).toEqual([null, 5, 1])
    expect(values.subscribers).toEqual([null, 5, 1])
    expect(values.lag).toEqual([null, 9, 0])
  })

  test('knows nothing of steps in which nothing was noted, however many', () => {
    const ring = new FigureRing(1000, 4)
    ring.add(1000, figures({ published: 1 }))
    ring.add(3000, figures({ published: 3 }))
    expect(ring.read(3000).values.published).toEqual([null, 1, null, 3])
    expect(ring.read(5000).values.published).toEqual([null, 3, null, null])
    ring.add(1_000_000, figures({ published: 9 }))
    expect(ring.read(1_000_000).values.published).toEqual([null, null, null, 9])
  })

  test('adds to the newest step when the clock goes back', () => {
    const ring = new FigureRing(1000, 2)
    ring.add(9000, figures({ published: 1 }))
    ring.add(2000, figures({ published: 1 }))
    expect(ring.read(9000).values.published).toEqual([null, 2])
  })

  test('returns only the newest steps if asked', () => {
    const ring = new FigureRing(1000, 60)
    for (let second = 0; second < 100; second++) ring.add(second * 1000, figures({ published: second }))
    expect(ring.read(99_000, 2).values.published).toEqual([98, 99])
    expect(ring.read(99_000).values.published).toHaveLength(60)
  })
})

test('the figures of threads are added up, and the lag is that of the slowest', () => {
  const one = new FigureRing(1000, 2)
  const other = new FigureRing(1000, 2)
  one.add(1000, figures({ published: 1, subscribers: 2, lag: 5 }))
  one.add(2000, figures({ published: 1, subscribers: 2, lag: 5 }))
  other.add(2000, figures({ published: 10, subscribers: 20, lag: 3 }))
  const { values } = addSeries([one.read(2000), other.read(2000)])
  expect([values.published, values.subscribers, values.lag]).toEqual([
    [1, 11],
    [2, 22],
    [5, 5],
  ])
})
