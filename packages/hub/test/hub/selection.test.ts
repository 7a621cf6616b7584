import { describe, expect, test } from 'vitest'
import { Selection } from '../../src/hub/selection.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'

const admits = (selection: Selection, topics: string[], isPrivate = false) => selection.admits({ topics, isPrivate })

describe('a selection', () => {
  test('admits an event by any of its topics and any of the matchers', () => {
    const selection = new Selection([exactTopic('a'), exactTopic('b')])
    expect(admits(selection, ['a'])).toBe(true)
    expect(admits(selection, ['x', 'b'])).toBe(true)
    expect(admits(selection, ['x', 'y'])).toBe(false)
  })

  test('admits a private event only with a right to one of its topics, which need not be the one it was selected by', () => {
    const without = new Selection([everyTopic])
    const withRight = new Selection([exactTopic('book')], [exactTopic('user 42')])
    expect(admits(without, ['book', 'user 42'], true)).toBe(false)
    expect(admits(withRight, ['book', 'user 42'], true)).toBe(true)
    expect(admits(withRight, ['book', 'user 43'], true)).toBe(false)
    expect(admits(withRight, ['user 42'], true)).toBe(false)
    expect(admits(withRight, ['book'])).toBe(true)
  })

  test('is the same as another by what it selects, not by how it was written', () => {
    const key = (...parameters: ConstructorParameters<typeof Selection>) => new Selection(...parameters).key
    expect(key([exactTopic('a'), exactTopic('b'), exactTopic('a')])).toBe(key([exactTopic('b'), exactTopic('a')]))
    expect(key([exactTopic('a'), everyTopic])).toBe(key([everyTopic]))
    expect(key([exactTopic('a')])).not.toBe(key([exactTopic('b')]))
    expect(key([exactTopic('a')], [exactTopic('b')])).not.toBe(key([exactTopic('a')]))
    expect(key([exactTopic('a')], [exactTopic('b')])).not.toBe(key([exactTopic('a'), exactTopic('b')]))
    expect(key([exactTopic('a","exact:b')])).not.toBe(key([exactTopic('a'), exactTopic('b')]))
  })

  test('names its topics for an index only when that says all', () => {
    expect(new Selection([exactTopic('a'), exactTopic('b')]).topics).toEqual(new Set(['a', 'b']))
    expect(new Selection([exactTopic('a'), everyTopic]).topics).toBeUndefined()
  })

  test('takes a trace without topics for its own', () => {
    const selection = new Selection([exactTopic('a')])
    expect(selection.admitsTombstone({ position: 1, topics: undefined, isPrivate: false })).toBe(true)
    expect(selection.admitsTombstone({ position: 1, topics: ['b'], isPrivate: false })).toBe(false)
    expect(selection.admitsTombstone({ position: 1, topics: ['a'], isPrivate: true })).toBe(false)
    expect(selection.admitsTombstone({ position: 1, topics: ['a'], isPrivate: false })).toBe(true)
  })

  test('with marks, tells which matchers select an event, and gives stream records to those that name the stream', () => {
    const selection = new Selection([everyTopic, exactTopic('a'), exactTopic('b')], [], true)
    expect(selection.matching({ topics: ['a'], type: undefined })).toEqual([0, 1])
    const record = { topics: ['a'], isPrivate: false, type: 'headwater-stream/text' }
    expect(selection.admits(record)).toBe(true)
    expect(selection.matching(record)).toEqual([1])
    expect(new Selection([everyTopic, exactTopic('b')], [], true).admits(record)).toBe(false)
  })
})
