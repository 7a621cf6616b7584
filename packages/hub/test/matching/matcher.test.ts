import { describe, expect, test } from 'vitest'
import {
  everyTopic,
  exactTopic,
  type Matcher,
  maxMatcherBytes,
  selects,
  topicSelector,
  urlPattern,
} from '../../src/matching/matcher.ts'
import { MatcherSet } from '../../src/matching/matcher-set.ts'
import { Topic, toTopics } from '../../src/matching/topic.ts'

const hub = 'https://hub.example/.well-known/mercure'
const pattern = (text: string): Matcher => urlPattern(text, hub)
const matches = (matcher: Matcher, topic: string): boolean => selects(matcher, new Topic(topic))

describe('an exact matcher', () => {
  test.each([
    ['a', 'a', true],
    ['a', 'A', false],
    ['https://ex.com/books/1', 'https://EX.com/books/1', false],
    ['/books/1', 'https://hub.example/books/1', false],
    ['https://ex.com/{id}', 'https://ex.com/1', false],
    ['https://ex.com/{id}', 'https://ex.com/{id}', true],
    ['https://ex.com/:id', 'https://ex.com/1', false],
    ['%61', 'a', false],
    ['é', 'e\u0301', false],
  ])('%j and the topic %j: %s', (topic, other, expected) => {
    expect(matches(exactTopic(topic), other)).toBe(expected)
  })
})

describe('a selector of Mercure 0.x', () => {
  test.each([
    ['https://ex.com/{a}/bar', 'https://ex.com/foo/bar', true],
    ['https://ex.com/{a}/bar', 'https://ex.com/foo/bar/baz', false],
    ['https://ex.com/{a}', 'https://ex.com/{a}', true],
    ['https://ex.com/a', 'https://ex.com/a', true],
    ['{invalid', '{invalid', true],
    ['{invalid', 'invalid', false],
    ['{in valid}', '{in valid}', true],
    ['{in valid}', 'a', false],
  ])('%s and the topic %s: %s', (selector, topic, expected) => {
    expect(matches(topicSelector(selector), topic)).toBe(expected)
  })

  test('that is no template is the same as an exact topic, and so shares with its subscribers', () => {
    expect(topicSelector('a')).toEqual(exactTopic('a'))
    expect(topicSelector('{invalid')).toEqual(exactTopic('{invalid'))
  })
})

describe('whatever the type', () => {
  const types = [
    ['exact', exactTopic],
    ['urlpattern', pattern],
    ['topic', topicSelector],
  ] as const

  test.each(types)('%s: * matches every topic, even one that is no URL', (_, make) => {
    expect(make('*')).toBe(everyTopic)
    for (const topic of ['a', 'https://ex.com/', 'https://', 'a b']) expect(matches(make('*'), topic)).toBe(true)
  })

  test.each(types)('%s: nothing empty, too long, or with characters one does not see', (_, make) => {
    const refused = (text: string): void => {
      expect(() => make(text), JSON.stringify(text)).toThrow(expect.objectContaining({ code: 'INVALID_MATCHER' }))
    }
    refused('')
    refused(`${'é'.repeat(maxMatcherBytes / 2)}a`)
    for (const code of [
      0, 9, 0xa, 0xd, 0x1f, 0x7f, 0x80, 0x9f, 0xad, 0x200b, 0x202e, 0x2066, 0xfeff, 0xe0001, 0xd800, 0xdc41,
    ]) {
      refused(`/a${String.fromCodePoint(code)}`)
    }
    expect(() => make('/a\u200b')).toThrow('U+200B')
  })

  test.each(types)('%s: 4096 bytes are not too long', (_, make) => {
    const text = `/${'é'.repeat(maxMatcherBytes / 2 - 1)}a`
    expect(matches(make(text), text)).toBe(true)
  })

  test.each(types)('%s: only text', (_, make) => {
    for (const value of [undefined, null, 1, ['a'], { toString: () => 'a' }]) {
      expect(() => make(value as unknown as string)).toThrow(expect.objectContaining({ code: 'INVALID_MATCHER' }))
    }
  })
})

describe('a set of matchers', () => {
  const set = new MatcherSet([exactTopic('a'), pattern('/b/:id'), topicSelector('c{/x}')])

  test('selects an event when any matcher selects any of its topics', () => {
    const selected = (...topics: string[]): boolean => set.selectsAny(toTopics(topics))
    expect(selected('a')).toBe(true)
    expect(selected('x', '/b/1')).toBe(true)
    expect(selected('x', 'y', 'c/1')).toBe(true)
    expect(selected('x', '/b/1/2', 'c/1/2')).toBe(false)
    expect(selected()).toBe(false)
  })

  test('has the same key in whatever order and however often, and another for other topics', () => {
    const { key } = set
    const same = new MatcherSet([
      pattern('https://hub.example/b/:x'),
      topicSelector('c{/x}'),
      exactTopic('a'),
      exactTopic('a'),
    ])
    expect(same.key).toBe(key)
    expect(new MatcherSet([exactTopic('a')]).key).not.toBe(key)
    expect(new MatcherSet([exactTopic('a'), exactTopic('b')]).key).not.toBe(new MatcherSet([exactTopic('a,b')]).key)
    expect(new MatcherSet([exactTopic('/b/:id')]).key).not.toBe(new MatcherSet([pattern('/b/:id')]).key)
  })

  test('is nothing but * when it has that', () => {
    const all = new MatcherSet([exactTopic('a'), everyTopic, pattern('/b')])
    expect(all.key).toBe(new MatcherSet([everyTopic]).key)
    expect(all.matchers).toEqual([everyTopic])
  })

  test('knows its topics when all matchers are exact, for an index to use', () => {
    expect(new MatcherSet([exactTopic('a'), exactTopic('b')]).topics).toEqual(new Set(['a', 'b']))
    expect(set.topics).toBeUndefined()
    expect(new MatcherSet([everyTopic]).topics).toBeUndefined()
    expect(new MatcherSet([]).topics).toEqual(new Set())
  })

  test('without matchers selects nothing', () => {
    expect(new MatcherSet([]).selectsAny(toTopics(['a']))).toBe(false)
  })
})
