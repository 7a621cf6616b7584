import { describe, expect, test } from 'vitest'
import { namesOf, suggestName, unknownName } from '../../src/server/names.ts'

const event = namesOf<Record<'data' | 'type' | 'id' | 'retry' | 'comment', unknown>>({
  data: true,
  type: true,
  id: true,
  retry: true,
  comment: true,
})

describe('a name', () => {
  test('that is known is fine, and so is none', () => {
    expect(unknownName('an event', { data: 1, id: '' }, event)).toBeUndefined()
    expect(unknownName('an event', {}, event)).toBeUndefined()
  })

  test('that is unknown is named with what was meant, and with all there are', () => {
    expect(unknownName('an event', { data: 1, event: 'tick' }, event)).toBe(
      'There is no "event" in an event. Did you mean type? Its names: data, type, id, retry, comment.',
    )
    expect(unknownName('an event', { colour: 1 }, event)).toBe(
      'There is no "colour" in an event. Its names: data, type, id, retry, comment.',
    )
  })

  test('that is inherited counts, because it is read', () => {
    expect(unknownName('an event', Object.create({ event: 1 }), event)).toContain('"event"')
  })

  test.each([
    ['onopen', ['onOpen', 'onEvent'], 'onOpen'],
    ['LAST_EVENT_ID', ['lastEventId'], 'lastEventId'],
    ['retries', ['statuses', 'maxRetries'], 'maxRetries'],
    ['name', ['data', 'type'], 'type'],
    ['event', ['data', 'type'], 'type'],
    ['maxBufferSize', ['onEvent', 'maxEventBytes'], 'maxEventBytes'],
    ['heatbeatMs', ['headers', 'heartbeatMs'], 'heartbeatMs'],
    ['constructor', ['data'], undefined],
    ['__proto__', ['data'], undefined],
    ['x'.repeat(10_000), ['data'], undefined],
    ['colour', ['data', 'event'], undefined],
  ])('%.20s among %j means %s', (name, known, meant) => {
    expect(suggestName(name, known)).toBe(meant)
  })
})
