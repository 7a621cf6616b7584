import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLastEventId } from '../../src/server/last-event-id.ts'

describe('the last event ID', () => {
  test('survives the way from a client, whatever its characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (id) => {
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
