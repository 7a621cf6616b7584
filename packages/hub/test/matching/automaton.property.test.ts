import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Automaton, type Work } from '../../src/matching/automaton.ts'
import { anyChar, charsOf, complementOf } from '../../src/matching/char-set.ts'
import { choice, type Language, oneOf, repeat, sequence, someOf, text } from '../../src/matching/language.ts'

describe('an automaton', () => {
  test('accepts what a regular expression of the same language does, whatever is nested in what', () => {
    fc.assert(
      fc.property(languages, fc.array(texts, { minLength: 1, maxLength: 8 }), (language, texts) => {
        const automaton = new Automaton(language)
        const regExp = new RegExp(`^(?:${toRegExp(language)})$`)
        for (const text of texts) expect(automaton.accepts(text), `${regExp} ${text}`).toBe(regExp.test(text))
      }),
      { numRuns: 5000 },
    )
  })

  test('does so across the words of its states, wherever a word ends', () => {
    fc.assert(
      fc.property(fc.nat(70), languages, texts, (length, language, text) => {
        const lead = 'ab'.repeat(length).slice(0, length)
        const automaton = new Automaton(sequence({ name: 'text', text: lead }, language))
        const regExp = new RegExp(`^${lead}(?:${toRegExp(language)})$`)
        for (const whole of [lead + text, lead, `${lead}a${text}`]) {
          expect(automaton.accepts(whole), `${regExp} ${whole}`).toBe(regExp.test(whole))
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('looks at a part of a text as if it were the whole', () => {
    const automaton = new Automaton(repeat(oneOf(charsOf('a')), 1, Infinity))
    expect(automaton.accepts('baab', 1, 3)).toBe(true)
    expect(automaton.accepts('baab', 0, 3)).toBe(false)
    expect(automaton.accepts('baab', 2, 2)).toBe(false)
  })

  test('tells code units beyond ASCII apart', () => {
    const automaton = new Automaton(choice([text('é'), oneOf([[0x4e00, 0x9fff]]), text('\uffff')]))
    expect(['é', '一', '鿿', '\uffff'].every((text) => automaton.accepts(text))).toBe(true)
    expect(['è', 'ê', '\u4dff', '\ua000', '\ufffe', 'a'].some((text) => automaton.accepts(text))).toBe(false)
  })

  test('keeps nothing of one text for the next', () => {
    const automaton = new Automaton(choice([text('ab'), sequence(text('x'), repeat(text('cd'), 0, Infinity))]))
    for (let time = 0; time < 3; time++) {
      expect(automaton.accepts('a')).toBe(false)
      expect(automaton.accepts('b')).toBe(false)
      expect(automaton.accepts('xcdcd')).toBe(true)
      expect(automaton.accepts('cd')).toBe(false)
    }
  })
})

describe('the work of an automaton', () => {
  test('grows with the length of the text, not faster, for languages that make others go back', () => {
    const a = text('a')
    const many = repeat(a, 1, Infinity)
    const hostile: Language[] = [
      sequence(repeat(sequence(many, text('')), 1, Infinity), text('b')),
      sequence(repeat(choice([sequence(a, a), a]), 0, Infinity), text('b')),
      sequence(...Array.from({ length: 500 }, () => repeat(a, 0, 1)), repeat(a, 500, 500)),
      sequence(...Array.from({ length: 60 }, () => repeat(oneOf(anyChar), 0, Infinity)).flatMap((any) => [any, a])),
      sequence(repeat(repeat(repeat(text('aa'), 0, Infinity), 0, Infinity), 0, Infinity), text('b')),
      sequence(repeat(sequence(repeat(a, 0, Infinity), repeat(text('aa'), 0, Infinity)), 1, Infinity), text('b')),
    ]
    for (const language of hostile) {
      const automaton = new Automaton(language)
      const steps = (length: number): number => {
        const work: Work = { steps: 0 }
        automaton.accepts('a'.repeat(length), 0, length, work)
        return work.steps
      }
      // What one character costs does not depend on how many there are.
      expect(steps(8000) - steps(4000)).toBeLessThanOrEqual((steps(4000) - steps(2000)) * 2 + 100)
      expect(steps(8000)).toBeLessThanOrEqual(8000 * (35 + 256))
    }
  })

  test('is never more than its bound, for any language and text', () => {
    fc.assert(
      fc.property(
        languages,
        fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 100, maxLength: 300 }),
        (language, text) => {
          const work: Work = { steps: 0 }
          new Automaton(sequence(repeat(language, 0, Infinity), language)).accepts(text, 0, text.length, work)
          expect(work.steps).toBeLessThanOrEqual((text.length + 1) * (35 + 256))
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([
    ['text', () => repeat(text('abcdefghij'), 103, 103)],
    ['counted characters', () => repeat(oneOf(charsOf('ab')), 0, 1025)],
    ['counts of counts', () => repeat(repeat(sequence(text('a'), oneOf(charsOf('bc'))), 1000, 1000), 1000, 1e9)],
    ['choices', () => choice(Array.from({ length: 400 }, (_, index) => text(`${index}x`)))],
    ['groups', () => sequence(...Array.from({ length: 300 }, () => repeat(text('ab'), 0, 1)))],
  ])('is bounded by refusing a language with too much of %s', (_, language) => {
    expect(() => new Automaton(language())).toThrow(expect.objectContaining({ code: 'INVALID_MATCHER' }))
  })

  test('allows what patterns in use have: fifty words to choose from, ten groups that may be missing, a thousand letters', () => {
    const words = choice(Array.from({ length: 50 }, (_, index) => text(`word${index}`)))
    expect(new Automaton(words).accepts('word37')).toBe(true)
    const groups = sequence(...Array.from({ length: 10 }, (_, index) => repeat(text(`/g${index}`), 0, 1)))
    expect(new Automaton(groups).accepts('/g1/g3/g9')).toBe(true)
    expect(new Automaton(repeat(oneOf(charsOf('ab')), 1000, 1000)).accepts('ab'.repeat(500))).toBe(true)
  })
})

const sets = fc.constantFrom(charsOf('a'), charsOf('ab'), complementOf(charsOf('a')), anyChar, charsOf(''))
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
const { languages } = fc.letrec<{ languages: Language }>((tie) => ({
  languages: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 }).map(text),
    sets.map(oneOf),
    fc.array(tie('languages'), { maxLength: 3 }).map((items) => sequence(...items)),
    fc.array(tie('languages'), { minLength: 1, maxLength: 3 }).map(choice),
    fc
      .tuple(fc.array(tie('languages'), { minLength: 1, maxLength: 3 }), fc.constantFrom('', 'c', 'ab'))
      .map(([items, separator]) => someOf(items, separator)),
    fc
      .tuple(tie('languages'), fc.nat(2), fc.constantFrom(0, 1, 2, Infinity))
      .map(([item, min, more]) => repeat(item, min, min + more)),
  ),
}))

function toRegExp(language: Language): string {
  switch (language.name) {
    case 'text':
      return language.text
    case 'one of':
      return `[${language.set.map(([from, to]) => `${hex(from)}-${hex(to)}`).join('')}]`
    case 'sequence':
      return language.items.map(toRegExp).join('')
    case 'choice':
      return `(?:${language.items.map(toRegExp).join('|')})`
    case 'some of': {
      const [first, ...others] = language.items.map(toRegExp)
      const following = others.map((other) => `(?:${language.separator}${other})?`)
      if (others.length === 0) return first!
      const later = toRegExp({ ...language, items: language.items.slice(1) })
      return `(?:${first}${following.join('')}|${later})`
    }
    case 'repeat': {
      const { item, min, max } = language
      return `(?:${toRegExp(item)}){${min},${max === Infinity ? '' : max}}`
    }
  }
}

function hex(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
