import { HubError } from '../base/errors.ts'
import { anyChar, charsOf, complementOf } from './char-set.ts'
import { parseGroupRegExp } from './group-regexp.ts'
import { type Language, oneOf, repeat, sequence, text } from './language.ts'
import { type Token, tokenize } from './pattern-tokens.ts'

/** How to parse the pattern string of one URL component. */
export interface PatternOptions {
  /** The character at which a named group stops; none if empty. */
  readonly delimiter: '' | '.' | '/'
  /**
   * The character that belongs to the group after it, and so is optional together with the group.
   */
  readonly prefix: '' | '/'
  /**
   * Converts fixed text to the form that URLs have. Throws a `HubError` for text that no URL has in
   * this component.
   */
  readonly canonicalize: (text: string) => string
}

/**
 * [URL Pattern 2.1.5, parse a pattern string; 2.2, generate a regular expression] Returns the
 * language of one component's pattern string. The standard makes a list of parts, and from that a
 * regular expression; here each part becomes its language directly.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function parsePatternString(input: string, options: PatternOptions): Language {
  return new PatternParser(input, options).parse()
}

class PatternParser {
  readonly #input: string
  readonly #options: PatternOptions
  readonly #tokens: readonly Token[]
  #index = 0
  readonly #parts: Language[] = []
  readonly #names = new Set<string>()
  /** Fixed text that is not yet a part, because more may follow. */
  #pending = ''

  constructor(input: string, options: PatternOptions) {
    this.#input = input
    this.#options = options
    this.#tokens = tokenize(input, 'strict')
  }

  parse(): Language {
    while (this.#take('end') === undefined) this.#parseNext()
    this.#addPending()
    return sequence(...this.#parts)
  }

  #parseNext(): void {
    const char = this.#take('char')
    const group = this.#takeGroup()
    if (group) {
      const isPrefix = char !== undefined && char === this.#options.prefix
      if (!isPrefix) this.#pending += char ?? ''
      this.#addPending()
      this.#addPart(isPrefix ? char : '', group, '', this.#takeModifier())
      return
    }
    const fixed = char ?? this.#take('escaped-char')
    if (fixed !== undefined) {
      this.#pending += fixed
      return
    }
    if (this.#take('open') === undefined)
      this.#refuse(`has a "${this.#tokens[this.#index]!.value}" in a place where it has no meaning`)
    const prefix = this.#takeText()
    const inner = this.#takeGroup()
    const suffix = this.#takeText()
    if (this.#take('close') === undefined)
      this.#refuse('has a "{" whose "}" is missing, or with more than one group in it')
    const modifier = this.#takeModifier()
    if (inner || modifier) {
      this.#addPending()
      this.#addPart(prefix, inner, suffix, modifier)
    } else this.#pending += prefix
  }

  #take(type: Token['type']): string | undefined {
    const token = this.#tokens[this.#index]!
    if (token.type !== type) return undefined
    this.#index++
    return token.value
  }

  /**
   * Returns the language of a name, a regular expression, a name with a regular expression, or `*`.
   */
  #takeGroup(): Language | undefined {
    const name = this.#take('name')
    if (name !== undefined) {
      if (this.#names.has(name)) this.#refuse(`has two groups named ${name}`)
      this.#names.add(name)
    }
    const regExp = this.#take('regexp')
    if (regExp !== undefined) return parseGroupRegExp(regExp)
    if (name !== undefined) return this.#segment()
    return this.#take('asterisk') === undefined ? undefined : repeat(oneOf(anyChar), 0, Infinity)
  }

  #segment(): Language {
    return repeat(oneOf(complementOf(charsOf(this.#options.delimiter))), 1, Infinity)
  }

  #takeModifier(): string | undefined {
    return this.#take('other-modifier') ?? this.#take('asterisk')
  }

  /** [consume text] */
  #takeText(): string {
    let taken = ''
    for (;;) {
      const char = this.#take('char') ?? this.#take('escaped-char')
      if (char === undefined) return taken
      taken += char
    }
  }

  #addPending(): void {
    this.#parts.push(this.#fixed(this.#pending))
    this.#pending = ''
  }

  #fixed(value: string): Language {
    return text(value === '' ? '' : this.#options.canonicalize(value))
  }

  #addPart(prefix: string, group: Language | undefined, suffix: string, modifier: string | undefined): void {
    const one = sequence(this.#fixed(prefix), group ?? text(''), this.#fixed(suffix))
    this.#parts.push(partLanguage(one, modifier))
  }

  #refuse(what: string): never {
    throw new HubError(
      'INVALID_MATCHER',
      `The URL pattern's part ${JSON.stringify(this.#input)} ${what}. To match a character literally, write a backslash before it.`,
    )
  }
}

/**
 * [generate a regular expression and name list, for one part] The standard moves the outer prefix
 * and suffix out of a repetition for the sake of captures. This code captures nothing, and the same
 * texts match.
 */
function partLanguage(one: Language, modifier: string | undefined): Language {
  switch (modifier) {
    case '?':
      return repeat(one, 0, 1)
    case '*':
      return repeat(one, 0, Infinity)
    case '+':
      return repeat(one, 1, Infinity)
    default:
      return one
  }
}
