import { describe, expect, test } from 'vitest'
import { createParser } from '../../src/protocol/parse.ts'
import type { Gap } from '../../src/protocol/signals.ts'
import { encodeGap } from '../../src/server/gap.ts'
import { encodePosition, isReservedEventType } from '../../src/server/reserved.ts'

describe('the events by which Headwater itself speaks', () => {
  test('a gap says why, what was asked for, and the earliest kept', () => {
    const gap: Gap = { reason: 'trimmed', requested: 'a.1', earliest: 'a.9' }
    const [event] = parse(encodeGap(gap, 'a.8'))
    expect(event).toMatchObject({ type: 'headwater-gap', id: 'a.8' })
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

  test('a position is an event of its own type for an EventSource, because browsers need data to take an ID', () => {
    expect(parse(encodePosition('a.8', true))).toEqual([{ type: 'headwater-position', data: '{}', id: 'a.8' }])
    expect(encodePosition('a.8', true, 50)).toContain('retry: 50\n')
  })

  test('a position is a block with only its ID for everybody else, which shows no event', () => {
    expect(encodePosition('a.8', false)).toBe('id: a.8\n\n')
    expect(encodePosition('a.8', false, 50)).toBe('retry: 50\nid: a.8\n\n')
  })

  test('no other type is reserved', () => {
    expect(['headwater-gap', 'headwater-position', 'headwater-close'].every(isReservedEventType)).toBe(true)
    expect(['', 'message', 'headwater', 'headwater-news'].some(isReservedEventType)).toBe(false)
  })
})

function parse(stream: string) {
  const events: { type: string | undefined; data: string; id: string | undefined }[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(stream)
  return events
}
