import { HubError } from '../base/errors.ts'
import { anyChar, type CharSet, charRange, charsOf, complementOf, unionOf } from './char-set.ts'
import { choice, type Language, oneOf, repeat, sequence, text } from './language.ts'

/**
 * Parses the regular expression of a group like `(\d+)` in a URL pattern: the subset of
 * JavaScript's (with the flag `v`, which URL patterns use) that can be matched without
 * backtracking. That is characters, `.`, classes, `\d \w \s` and their opposites, `|`, `(?:…)`, and
 * the quantifiers. Each means the same as in JavaScript; everything else is refused, never read
 * differently.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function parseGroupRegExp(source: string): Language {
  return new GroupParser(source).parse()
}

class GroupParser {
  readonly #source: string
  #index = 0

  constructor(source: string) {
    this.#source = source
  }

  parse(): Language {
    const language = this.#choice()
    if (this.#index < this.#source.length) this.#refuse('has a ")" without its "("')
    return language
  }

  #choice(): Language {
    const items = [this.#sequence()]
    while (this.#take('|')) items.push(this.#sequence())
    return choice(items)
  }

  #sequence(): Language {
    const items: Language[] = []
    while (this.#index < this.#source.length && !this.#isAt('|') && !this.#isAt(')')) items.push(this.#quantified())
    return sequence(...items)
  }

  #quantified(): Language {
    const item = this.#atom()
    const [min, max] = this.#quantifier() ?? [1, 1]
    return repeat(item, min, max)
  }

  #quantifier(): [min: number, max: number] | undefined {
    const match = /[*+?]|\{(\d+)(,?)(\d*)\}/y
    match.lastIndex = this.#index
    const found = match.exec(this.#source)
    if (!found) return undefined
    this.#index += found[0].length
    // Laziness only changes which match is found first, not whether there is one.
    this.#take('?')
    if (found[0] === '*') return [0, Infinity]
    if (found[0] === '+') return [1, Infinity]
    if (found[0] === '?') return [0, 1]
    const [, from = '', comma, to = ''] = found
    const min = Number(from)
    const max = to !== '' ? Number(to) : comma === ',' ? Infinity : min
    if (max < min) this.#refuse(`repeats from ${from} down to ${to} times`)
    return [min, max]
  }

  #atom(): Language {
    const char = this.#next()
    switch (char) {
      case '.':
        // "." matches everything but line breaks, and no URL contains one.
        return oneOf(anyChar)
      case '[':
        return oneOf(this.#class())
      case '\\':
        return oneOf(this.#escape('/^$\\.*+?()[]{}|'))
      case '(': {
        if (!this.#take('?:'))
          this.#refuse('has a "(?" that is not "(?:": lookarounds and named groups are not supported')
        const language = this.#choice()
        if (!this.#take(')')) this.#refuse('has a "(" without its ")"')
        return language
      }
      case '^':
      case '$':
        return this.#refuse(`has a "${char}", but a group always matches from its beginning to its end`)
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        return this.#refuse(`has a "${char}" without anything before it to apply to`)
      default:
        return text(char)
    }
  }

  /** Parses a class, after its `[`. */
  #class(): CharSet {
    const isNegated = this.#take('^')
    const sets: CharSet[] = []
    while (!this.#take(']')) {
      const from = this.#classItem()
      if (!this.#take('-')) {
        sets.push(from)
        continue
      }
      const to = this.#classItem()
      const [start, end] = [singleOf(from), singleOf(to)]
      if (start === undefined || end === undefined || end < start) this.#refuse('has a range that does not go upwards')
      else sets.push(charRange(start, end))
    }
    const set = unionOf(sets)
    return isNegated ? complementOf(set) : set
  }

  #classItem(): CharSet {
    const char = this.#next()
    if (char === '\\') return this.#escape('/^$\\.*+?()[]{}|&-!#%,:;<=>@`~')
    // Some of these have a meaning with the flag `v`, all others are reserved.
    if ('()[]{}/-|'.includes(char)) this.#refuse(`has a "${char}" in a class`)
    if (this.#isAt(char) && '&!#$%*+,.:;<=>?@^`~'.includes(char)) this.#refuse(`has a "${char}${char}" in a class`)
    return charsOf(char)
  }

  /** Parses an escape, after its backslash: one of these characters or a class. */
  #escape(punctuation: string): CharSet {
    const char = this.#next()
    const named = namedClasses.get(char)
    if (named) return named
    if (!punctuation.includes(char)) this.#refuse(`has a "\\${char}"`)
    return charsOf(char)
  }

  #next(): string {
    const char = this.#source[this.#index]
    if (char === undefined) return this.#refuse('ends too early')
    this.#index++
    return char
  }

  #isAt(expected: string): boolean {
    return this.#source.startsWith(expected, this.#index)
  }

  #take(expected: string): boolean {
    if (!this.#isAt(expected)) return false
    this.#index += expected.length
    return true
  }

  #refuse(what: string): never {
    throw new HubError(
      'INVALID_MATCHER',
      `The group (${this.#source}) ${what}. A group can have characters, ".", classes like [a-z], \\d, \\w, \\s, "|", (?:…), and the quantifiers *, +, ?, {n,m}. To match punctuation literally, write a backslash before it.`,
    )
  }
}

const digits = charRange(0x30, 0x39)
const word = unionOf([digits, charRange(0x41, 0x5a), charRange(0x61, 0x7a), charsOf('_')])
const space = unionOf([
  charsOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  charRange(0x2000, 0x200a),
])
const namedClasses: ReadonlyMap<string, CharSet> = new Map([
  ['d', digits],
  ['D', complementOf(digits)],
  ['w', word],
  ['W', complementOf(word)],
  ['s', space],
  ['S', complementOf(space)],
])

function singleOf(set: CharSet): number | undefined {
  const [first, ...others] = set
  return first && others.length === 0 && first[0] === first[1] ? first[0] : undefined
}
