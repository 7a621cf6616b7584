import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { everyTopic, exactTopic, type Matcher, topicSelector, urlPattern } from '../../src/matching/matcher.ts'
import { MatcherIndex } from '../../src/matching/matcher-index.ts'
import { MatcherSet } from '../../src/matching/matcher-set.ts'
import { toTopics } from '../../src/matching/topic.ts'

const hub = 'https://hub.example/.well-known/mercure'
const pattern = (text: string): Matcher => urlPattern(text, hub)

describe('an index of matchers', () => {
  test('finds exactly those whose matchers select one of the topics, after any adding and deleting', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.nat(9), sets), { maxLength: 30 })
    fc.assert(
      fc.property(changes, fc.array(topicLists, { minLength: 4, maxLength: 4 }), (changes, lists) => {
        const index = new MatcherIndex<number>()
        const known = new Map<number, MatcherSet>()
        for (const [isAdded, value, set] of changes) {
          const before = known.get(value)
          if (before) index.delete(before.matchers, value)
          known.delete(value)
          if (!isAdded) continue
          index.add(set.matchers, value)
          known.set(value, set)
        }
        for (const texts of lists) {
          const topics = toTopics(texts)
          const expected = [...known].filter(([, set]) => set.selectsAny(topics)).map(([value]) => value)
          expect([...index.select(texts)].toSorted()).toEqual(expected.toSorted())
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('gives each value once, though several of its matchers and several topics hit', () => {
    const index = new MatcherIndex<string>()
    index.add([exactTopic('/a'), pattern('/:x'), pattern('/*'), topicSelector('{/x}')], 'one')
    index.add([everyTopic], 'all')
    expect([...index.select(['/a', '/b'])].toSorted()).toEqual(['all', 'one'])
  })

  test('finds patterns relative to different URLs of the hub', () => {
    const index = new MatcherIndex<string>()
    index.add([urlPattern('/a/:x', 'https://one.example/hub')], 'one')
    index.add([urlPattern('/a/:x', 'https://two.example/hub')], 'two')
    expect([...index.select(['/a/b'])]).toEqual(['one', 'two'])
    expect([...index.select(['https://two.example/a/b'])]).toEqual(['two'])
  })

  test('asks only the patterns that begin as the topic does', () => {
    const topics = ['https://ex.com/users/500/a/y']
    const stepsOf = (patternOf: (user: number) => string): number => {
      const index = new MatcherIndex<number>()
      for (let user = 0; user < 1000; user++) index.add([pattern(patternOf(user))], user)
      const work = { steps: 0 }
      expect([...index.select(topics, work)]).toEqual([500])
      return work.steps
    }
    expect(stepsOf((user) => `https://ex.com/users/${user}/:x/y*`)).toBeLessThan(10)
    expect(stepsOf((user) => `http{s}?://ex.com/users/${user}/:x/y*`)).toBeLessThan(30)
    expect(stepsOf((user) => `https://ex.com/:u/${user}/:x/y*`)).toBeGreaterThan(1000)
  })

  test('has a pattern once, however many ask for it', () => {
    const index = new MatcherIndex<number>()
    for (let value = 0; value < 1000; value++) index.add([pattern('https://ex.com/:x/y*')], value)
    const work = { steps: 0 }
    expect(index.select(['https://ex.com/abc/y'], work).size).toBe(1000)
    expect(work.steps).toBeLessThan(10)
  })

  test('looks no further for a value that is found', () => {
    const index = new MatcherIndex<string>()
    index.add(
      [exactTopic('https://ex.com/a'), ...Array.from({ length: 99 }, (_, n) => pattern(`https://ex.com/:x{${n}}?*`))],
      'one',
    )
    const work = { steps: 0 }
    expect([...index.select(['https://ex.com/a'], work)]).toEqual(['one'])
    expect(work.steps).toBe(0)
  })
})

const matchers = fc.constantFrom(
  exactTopic('a'),
  exactTopic('/b/1'),
  exactTopic('https://ex.com/b/1'),
  everyTopic,
  pattern('/b/:id'),
  pattern('/:x/1'),
  pattern('https://ex.com/b/:id'),
  pattern('https://ex.com/b/1'),
  pattern('https://ex.com/*'),
  pattern('https://ex.com:*/b*'),
  pattern('http{s}?://*/b/:id(\\d)'),
  pattern('*://*/b/{1}?*'),
  pattern('urn\\:b\\:*'),
  topicSelector('/b/{id}'),
  topicSelector('{/x}/1'),
  topicSelector('https://ex.com{/x,y}'),
  topicSelector('{+any}'),
  topicSelector('%2Fb/{x}'),
)
const sets = fc.array(matchers, { minLength: 1, maxLength: 3 }).map((matchers) => new MatcherSet(matchers))
const topicLists = fc.array(
  fc.constantFrom(
    'a',
    '/b/1',
    '/b/2',
    '/c/1',
    'https://ex.com/b/1',
    'https://ex.com/b',
    'https://ex.com:8443/b/1',
    'http://a.com/b/1',
    'urn:b:1',
    '{+any}',
    '%2Fb/1',
    'https://',
    'a b',
  ),
  { minLength: 1, maxLength: 3 },
)
