import { describe, expect, test } from 'vitest'
import { judgeFlatness, type Point } from '../soak/flatness.ts'

/** One value every five seconds of half an hour. */
function series(valueAt: (minute: number) => number, minutes = 30): Point[] {
  return Array.from({ length: minutes * 12 + 1 }, (_, index) => ({ at: index * 5, value: valueAt(index / 12) }))
}

/** Fills up for a minute and a half, then garbage is collected. */
const saw = (minute: number) => 20 * ((minute % 1.5) / 1.5)

const limit = { perHour: 4, from: 300 }

describe('memory that is judged', () => {
  test('is flat where it stays', () => {
    expect(
      judgeFlatness(
        series(() => 100),
        limit,
      ),
    ).toEqual({
      ...{ perHour: 0, firstThird: 100, lastThird: 100, verdict: 'flat' },
    })
  })

  test('is flat where garbage comes and goes', () => {
    const flatness = judgeFlatness(
      series((minute) => 100 + saw(minute)),
      limit,
    )
    expect(flatness.verdict).toBe('flat')
    expect(Math.abs(flatness.perHour)).toBeLessThan(1)
  })

  test('grows by a slow leak, though each saw is 40 times what leaks meanwhile', () => {
    const flatness = judgeFlatness(
      series((minute) => 100 + saw(minute) + (minute / 60) * 20),
      limit,
    )
    expect(flatness.verdict).toBe('grows')
    expect(flatness.perHour).toBeGreaterThan(18)
    expect(flatness.perHour).toBeLessThan(22)
    expect(flatness.lastThird).toBeGreaterThan(flatness.firstThird)
  })

  test('is flat when all growth was before the end of the warm-up', () => {
    expect(
      judgeFlatness(
        series((minute) => (minute < 4.9 ? 50 + 10 * minute : 130)),
        limit,
      ),
    ).toMatchObject({
      perHour: 0,
      firstThird: 130,
      verdict: 'flat',
    })
  })

  test('grows by a step that stays, in the middle of what counts', () => {
    expect(
      judgeFlatness(
        series((minute) => (minute < 17 ? 100 : 110)),
        limit,
      ).verdict,
    ).toBe('grows')
  })

  test('is flat when it shrinks, and when spikes stand out', () => {
    expect(
      judgeFlatness(
        series((minute) => 200 - minute),
        limit,
      ),
    ).toMatchObject({ verdict: 'flat', perHour: -60 })
    const spiky = series((minute) => (minute % 5 < 0.5 ? 180 : 100))
    expect(judgeFlatness(spiky, limit)).toMatchObject({ verdict: 'flat', perHour: 0 })
  })

  test('is judged by a few points as well, when they have no garbage in them', () => {
    const points = (leak: number) =>
      Array.from({ length: 12 }, (_, index) => ({ at: 300 + index * 120, value: 15 + (leak * index) / 30 }))
    expect(judgeFlatness(points(0), limit).verdict).toBe('flat')
    expect(judgeFlatness(points(5), limit)).toMatchObject({ verdict: 'grows', perHour: expect.closeTo(5) })
  })

  test('is not judged by less than five minutes, nor by next to no points', () => {
    expect(
      judgeFlatness(
        series((minute) => minute, 9),
        limit,
      ).verdict,
    ).toBe('too short to tell')
    expect(judgeFlatness([], limit).verdict).toBe('too short to tell')
    const far = [300, 1200, 2100].map((at) => ({ at, value: at }))
    expect(judgeFlatness(far, limit).verdict).toBe('too short to tell')
  })
})
