import { describe, expect, test } from 'vitest'
import { RecentPositions } from '../../../src/store/sqlite/recent-positions.ts'

describe('the marks known by heart', () => {
  test('are those of the newest 4096 events, and no others', () => {
    const marks = new RecentPositions()
    expect(marks.tagOf(0)).toBeUndefined()
    // Every third position is vacant.
    const positions = Array.from({ length: 10_000 }, (_, n) => n + 1).filter((n) => n % 3 !== 0)
    for (const position of positions) {
      marks.add({ position, tag: position * 7 })
      expect(marks.tagOf(position)).toBe(position * 7)
      expect(marks.tagOf(position + 1)).toBeUndefined()
    }
    const known = new Set(positions.slice(-4096))
    for (let position = 0; position <= 10_001; position++) {
      expect(marks.tagOf(position)).toBe(known.has(position) ? position * 7 : undefined)
    }
  })
})
