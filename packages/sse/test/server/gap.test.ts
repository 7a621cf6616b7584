import { describe, expect, test } from 'vitest'
import { createParser } from '../../src/protocol/parse.ts'
import { encodeGap, type Gap } from '../../src/server/gap.ts'
import { encodePosition, isReservedEventType } from '../../src/server/reserved.ts'

describe('the events by which Headwater itself speaks', () => {
  test('a gap says why, what was asked for, and the earliest kept', () => {
    const gap: Gap = { reason: 'trimmed', requested: 'a.1', earliest: 'a.9' }
    const [event] = parse(encodeGap(gap, 'a.8'))
    expect(event).toMatchObject({ event: 'headwater-gap', id: 'a.8' })
    expect(JSON.parse(event?.data ?? '')).toEqual(gap)
  })

  test('a gap leaves the last event ID alone unless told otherwise', () => {
    expect(parse(encodeGap({ reason: 'unknown', requested: 'x', earliest: null }))).toMatchObject([{ id: undefined }])
  })

  test('a gap cannot be misused by a hostile last event ID', () => {
    const requested = 'x"\n\ndata: injected\r\n\r\n\0'
    const events = parse(encodeGap({ reason: 'unknown', requested, earliest: null }))
    expect(events).toHaveLength(1)
    expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ requested })
  })

  test('a position is an event of its own type with empty data, which moves the ID in every browser', () => {
    expect(parse(encodePosition('a.8'))).toEqual([{ event: 'headwater-position', data: '', id: 'a.8' }])
  })

  test('no other type is reserved', () => {
    expect(
      ['headwater-gap', 'headwater-position', 'headwater-close', 'headwater-error'].every(isReservedEventType),
    ).toBe(true)
    expect(['', 'message', 'headwater', 'headwater-news'].some(isReservedEventType)).toBe(false)
  })
})

function parse(stream: string) {
  const events: { event: string | undefined; data: string; id: string | undefined }[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(stream)
  return events
}
