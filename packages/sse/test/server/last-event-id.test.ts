import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLastEventId } from '../../src/server/last-event-id.ts'

/** Any characters but halves of surrogate pairs, which have no UTF-8. */
const text = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })), { minLength: 1 })
  .map((codePoints) => String.fromCodePoint(...codePoints))

describe('the last event ID', () => {
  test('survives the way from a client, whatever its characters', () => {
    fc.assert(
      fc.property(text, (id) => {
        const asNodeGivesIt = Buffer.from(id, 'utf8').toString('latin1')
        expect(readLastEventId(asNodeGivesIt, '/')).toBe(id)
        expect(readLastEventId(undefined, `/?lastEventId=${encodeURIComponent(id)}`)).toBe(id)
      }),
    )
  })

  test.each(['é', 'Ünï', '日本', '\ufeffa'])('that a runtime has decoded already stays as it is: %s', (id) => {
    expect(readLastEventId(id, '/')).toBe(id)
  })

  test.each([
    ['/', ''],
    ['/?a=b', ''],
    ['/?lastEventId=', ''],
    ['/?lastEventId=&last_event_id=x', 'x'],
    ['/?last_event_id=b&lastEventId=a', 'a'],
    ['//?lastEventId=a', 'a'],
    ['*', ''],
    ['/?lastEventId=a#lastEventId=b', 'a'],
    ['http://a.example/x?lastEventId=a', 'a'],
    ['/?lastEventId=%', '%'],
  ])('of the URL %s is %j', (url, id) => {
    expect(readLastEventId(undefined, url)).toBe(id)
  })
})
