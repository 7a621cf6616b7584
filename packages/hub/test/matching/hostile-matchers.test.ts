import { describe, expect, test } from 'vitest'
import { maxJumpWords, maxStates } from '../../src/matching/automaton.ts'
import { type Matcher, maxMatcherBytes, selects, topicSelector, urlPattern } from '../../src/matching/matcher.ts'
import { Topic } from '../../src/matching/topic.ts'

/** The most steps for a character, whatever the matcher. */
const maxStepsPerCharacter = Math.ceil((maxStates + 1) / 30) + maxJumpWords

const pattern = (text: string): Matcher => urlPattern(text, 'https://hub.example/.well-known/mercure')
const fill = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)

function stepsFor(matcher: Matcher, topic: string): number {
  const work = { steps: 0 }
  selects(matcher, new Topic(topic), work)
  return work.steps
}

/** Each with what a topic is made of to keep it busy. Of the first six the regular expressions take time without end. */
const hostile: readonly (readonly [what: string, matcher: () => Matcher, unit: string])[] = [
  ['a repeated wildcard', () => pattern('/{*}+x'), 'a'],
  ['a repeated name', () => pattern('/{:a}+/{:b}*/x'), 'a'],
  ['a group of many, repeated', () => pattern('/([^ab]*):id+{b:c(a+)/}'), 'ac'],
  ['repeated choices of the same', () => pattern('/((?:a|a|aa)+)+x'), 'a'],
  ['nested repetitions', () => pattern('/((?:(?:(?:a*)*)*)*)x'), 'a'],
  ['many names in a row', () => pattern(`/${Array.from({ length: 400 }, (_, n) => `:a${n}`).join('')}/x*`), 'a'],
  ['many stars', () => pattern(`/${fill('*a*b', 1000)}c*`), 'ab'],
  ['a long text searched for', () => pattern(`/*${fill('a', 1000)}b*`), 'a'],
  ['a long text, searched for with names', () => pattern(`/:x${fill('/a', 1000)}b*`), '/a'],
  ['optional letters', () => pattern(`/${fill('{a}?', 4000)}*`), 'a'],
  ['repeated letters', () => pattern(`/${fill('{a}*', 4000)}:x`), 'a'],
  ['optional letters in a group', () => pattern(`/(${fill('a?', 2000)})b*`), 'a'],
  ['optional words', () => pattern(`/*${fill('{ab}?', 100)}c*`), 'ab'],
  ['counted letters', () => pattern('/((?:a{2,9}|a{10,20})*)b*'), 'a'],
  ['repeated pairs', () => pattern(`/*(${fill('(?:aaaa)*a', 350)})c*`), 'a'],
  ['many variables', () => topicSelector(fill('{a}', 4000)), 'a'],
  ['many reserved variables', () => topicSelector(`${fill('{+a}/', 2500)}x`), 'a/'],
  ['variables that limit their length', () => topicSelector('{a:200}{b:200}{c:100}x'), '%C3%A9'],
  [
    'a list of variables',
    () => topicSelector(`/{?${Array.from({ length: 40 }, (_, n) => `a${n}`).join()}}`),
    '?a1=a&a2=b',
  ],
  ['exploded variables', () => topicSelector('{a*}{/b*}{?c*,d*}{&e*}'), 'a=b,'],
]

describe.each(hostile)('%s', (_, matcher, unit) => {
  test('costs a character of a topic no more than the bound', () => {
    const topic = `/${fill(unit, maxMatcherBytes - 1)}`
    expect(stepsFor(matcher(), topic)).toBeLessThanOrEqual((topic.length + 8) * maxStepsPerCharacter)
  })

  test('costs each further thousand characters the same, however many there were', () => {
    const steps = (length: number): number => stepsFor(matcher(), `/${fill(unit, length)}`)
    const early = steps(6000) - steps(5000)
    const late = steps(31_000) - steps(30_000)
    expect(Math.abs(late - early)).toBeLessThanOrEqual(2 * maxStepsPerCharacter)
  })
})

describe('a pattern that would cost more is refused when it is compiled', () => {
  test.each([
    ['text between wildcards', () => pattern(`/:a/${fill('x', 2000)}/:b`)],
    ['percent-encoded text between wildcards', () => pattern(`/:a/${fill('é', 400)}/:b`)],
    ['counts of counts', () => pattern('/((?:(?:[ab]{99}c){99}){99})')],
    ['an endless count', () => pattern(`/(a{${fill('9', 400)}})`)],
    ['optional words', () => pattern(`/${fill('{ab}?', 4000)}c*`)],
    ['choices', () => pattern(`/(${Array.from({ length: 300 }, (_, n) => `w${n}`).join('|')})`)],
    ['long limits of variables', () => topicSelector(fill('{a:9999}', 4000))],
    ['lists of variables', () => topicSelector(fill('{?a,b,c}', 4000))],
  ])('%s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_MATCHER' }))
  })

  test('but not for its length alone: text before the first and after the last wildcard is only compared', () => {
    const text = fill('x', 2000)
    const matcher = pattern(`/${text}/:a/${text}`)
    expect(selects(matcher, new Topic(`/${text}/1/${text}`))).toBe(true)
    expect(selects(matcher, new Topic(`/${text}/1/${text}x`))).toBe(false)
    expect(stepsFor(matcher, `/${text}/1/${text}`)).toBeLessThan(10)
  })
})
