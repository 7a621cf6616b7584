import type { Work } from './automaton.ts'
import { type CharSet, charRange, charsOf, unionOf } from './char-set.ts'
import { choice, type Language, oneOf, repeat, sequence, someOf, text } from './language.ts'
import { TextMatcher } from './text-matcher.ts'
import { octetSymbols, type Topic, toSymbols } from './topic.ts'

/**
 * A URI template (RFC 6570, all four levels), used for matching: it matches every possible
 * expansion, for any values (texts, lists or associative arrays) of its variables. Takes time
 * linear in the length of the topic.
 *
 * Two things are looser than the RFC. A variable that occurs twice may have two values. And
 * characters outside ASCII in the template match themselves as well as their percent-encoding,
 * because publishers of such topics do not encode them.
 */
export class UriTemplate {
  /** The prefix of every matching topic, in {@link Topic.symbols}. */
  readonly prefix: string
  /** The most steps that a character of a topic costs. */
  readonly cost: number
  readonly #matcher: TextMatcher

  /**
   * Parses a template. Returns `undefined` for a text without an expression, or with a malformed
   * one.
   *
   * @throws HubError `INVALID_MATCHER` for a template that is too large to match.
   */
  static parse(template: string): UriTemplate | undefined {
    if (!template.includes('{')) return undefined
    const language = parseTemplate(template)
    return language && new UriTemplate(language)
  }

  private constructor(language: Language) {
    this.#matcher = new TextMatcher(language)
    this.prefix = this.#matcher.prefix
    this.cost = this.#matcher.cost
  }

  matches(topic: Topic, work?: Work): boolean {
    return this.#matcher.matches(topic.symbols, work)
  }
}

/** [RFC 6570, 2] */
function parseTemplate(template: string): Language | undefined {
  const parts: Language[] = []
  // Literals and expressions alternate.
  for (const [index, part] of template.split(/\{([^{}]*)\}/).entries()) {
    const language = index % 2 === 0 ? parseLiteral(part) : parseExpression(part)
    if (!language) return undefined
    parts.push(language)
  }
  return sequence(...parts)
}

/** [RFC 6570, 2.1 and 3.1] */
function parseLiteral(literal: string): Language | undefined {
  if (!literals.test(literal)) return undefined
  const runs = literal.split(/([\u0080-\uffff]+)/)
  return sequence(
    ...runs.map((run, index) =>
      index % 2 === 0 ? text(toSymbols(run)) : choice([text(run), text(toSymbols(encodeURIComponent(run)))]),
    ),
  )
}

/**
 * All except controls, space, `"`, `%` (unless in a triplet), `<`, `>`, `\`, `^`, ``
 * ` ``, `{`, `|`, `}`. An erratum allows `'`.
 */
const literals =
  /^(?:[!#$&-;=?-[\]_a-z~\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\uffef\u{10000}-\u{10fffd}]|%[0-9A-Fa-f]{2})*$/u

interface Operator {
  readonly first: string
  readonly separator: string
  /**
   * The text after the name of a variable with an empty value; `undefined` if values come without
   * names.
   */
  readonly ifEmpty: string | undefined
  /** The characters of values. */
  readonly value: CharSet
  /** The characters of values with several items, joined by a comma or by the separator. */
  readonly valueOrComma: CharSet
  readonly valueOrSeparator: CharSet
  /** The first code unit of a character in a value: excludes UTF-8's continuation octets. */
  readonly characterStart: CharSet
}

interface Variable {
  readonly name: string
  readonly maxLength: number | undefined
  readonly isExploded: boolean
}

const unreserved = unionOf([charRange(0x30, 0x39), charRange(0x41, 0x5a), charRange(0x61, 0x7a), charsOf('-._~')])
const unreservedOrReserved = unionOf([unreserved, charsOf(":/?#[]@!$&'()*+,;=")])

/** [RFC 6570, appendix A] */
const operators: ReadonlyMap<string, Operator> = new Map([
  ['', operator('', ',', undefined, unreserved)],
  ['+', operator('', ',', undefined, unreservedOrReserved)],
  ['#', operator('#', ',', undefined, unreservedOrReserved)],
  ['.', operator('.', '.', undefined, unreserved)],
  ['/', operator('/', '/', undefined, unreserved)],
  [';', operator(';', ';', '', unreserved)],
  ['?', operator('?', '&', '=', unreserved)],
  ['&', operator('&', '&', '=', unreserved)],
])

function operator(first: string, separator: string, ifEmpty: string | undefined, allowed: CharSet): Operator {
  const value = unionOf([allowed, octetSymbols(0, 255)])
  return {
    first,
    separator,
    ifEmpty,
    value,
    valueOrComma: unionOf([value, charsOf(',')]),
    valueOrSeparator: unionOf([value, charsOf(separator)]),
    characterStart: unionOf([allowed, octetSymbols(0, 0x7f), octetSymbols(0xc0, 0xff)]),
  }
}

/**
 * [RFC 6570, 2.2 and 3.2.1] Any variable may be undefined, and then expands to nothing. The first
 * defined one follows `first`.
 */
function parseExpression(expression: string): Language | undefined {
  const [, sign = '', list = ''] = /^([+#./;?&]?)(.*)$/s.exec(expression)!
  const operator = operators.get(sign)!
  const variables = list.split(',').map(parseVariable)
  if (!variables.every((variable) => variable !== undefined)) return undefined

  const values = variables.map((variable) => expansionOf(variable, operator))
  return repeat(sequence(text(operator.first), someOf(values, operator.separator)), 0, 1)
}

/** [RFC 6570, 2.3 and 2.4] */
function parseVariable(spec: string): Variable | undefined {
  const found = variableSpec.exec(spec)
  if (!found) return undefined
  const [, name = '', length, star] = found
  return { name, maxLength: length === undefined ? undefined : Number(length), isExploded: star !== undefined }
}

const variableSpec = /^((?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*)(?::([1-9]\d{0,3})|(\*))?$/

/** [RFC 6570, 3.2.1] The expansions of one defined variable. */
function expansionOf({ name, maxLength, isExploded }: Variable, operator: Operator): Language {
  const { separator, ifEmpty } = operator
  if (maxLength !== undefined) return withName((min) => characters(min, maxLength, operator))
  // A text, or a list, or the names and values of an array, with commas.
  if (!isExploded) return withName((min) => repeat(oneOf(operator.valueOrComma), min, Infinity))
  const value = (min: number) => repeat(oneOf(operator.value), min, Infinity)
  const pairs = separated(pair(value(0), value))
  if (ifEmpty !== undefined) return choice([separated(withName(value)), pairs])
  // Without names, a list with its separators is an ordinary run of characters, and needs no loop
  // in the automaton.
  return choice([repeat(oneOf(operator.valueOrSeparator), 0, Infinity), pairs])

  function withName(valueOfAtLeast: (min: number) => Language): Language {
    return ifEmpty === undefined ? valueOfAtLeast(0) : pair(text(toSymbols(name)), valueOfAtLeast)
  }

  function pair(name: Language, valueOfAtLeast: (min: number) => Language): Language {
    if (ifEmpty !== '') return sequence(name, text('='), valueOfAtLeast(0))
    return sequence(name, repeat(sequence(text('='), valueOfAtLeast(1)), 0, 1))
  }

  function separated(item: Language): Language {
    return sequence(item, repeat(sequence(text(separator), item), 0, Infinity))
  }
}

/**
 * [RFC 6570, 2.4.1] From `min` to `max` characters: each is an allowed one, or the triplets of its
 * UTF-8 octets.
 */
function characters(min: number, max: number, { characterStart }: Operator): Language {
  const start = oneOf(characterStart)
  const rest = repeat(oneOf(continuation), 0, Infinity)
  const required = Array.from({ length: min }, () => sequence(start, rest))
  return sequence(...required, repeat(sequence(repeat(start, 0, 1), rest), 0, max - min))
}

/** UTF-8's continuation octets. */
const continuation = octetSymbols(0x80, 0xbf)
