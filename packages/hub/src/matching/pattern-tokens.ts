import { HubError } from '../base/errors.ts'

/**
 * A token of a pattern string. The comments in these files name the implemented sections of the
 * WHATWG URL Pattern standard.
 */
export interface Token {
  readonly type:
    | 'open'
    | 'close'
    | 'regexp'
    | 'name'
    | 'char'
    | 'escaped-char'
    | 'other-modifier'
    | 'asterisk'
    | 'end'
    | 'invalid-char'
  /** Its index in the pattern string. */
  readonly index: number
  /**
   * The text without the `:` of a name, the backslash of an escape, or the parentheses of a regular
   * expression.
   */
  readonly value: string
}

/**
 * [URL Pattern 2.1.2, tokenize] An invalid token is an error under the policy `strict`, and an
 * `invalid-char` under `lenient`.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function tokenize(input: string, policy: 'strict' | 'lenient'): Token[] {
  const tokens: Token[] = []
  let index = 0
  while (index < input.length) {
    const char = charAt(input, index)
    const special = singles.get(char)
    if (special) add(special, char, char.length)
    else if (char === '\\') addEscape()
    else if (char === ':') addName()
    else if (char === '(') addRegExp()
    else add('char', char, char.length)
  }
  add('end', '', 0)
  return tokens

  function add(type: Token['type'], value: string, length: number): void {
    tokens.push({ type, index, value })
    index += length
  }

  function addInvalid(what: string): void {
    if (policy === 'strict')
      throw new HubError('INVALID_MATCHER', `The URL pattern's part ${JSON.stringify(input)} ${what}`)
    add('invalid-char', charAt(input, index), charAt(input, index).length)
  }

  function addEscape(): void {
    const escaped = charAt(input, index + 1)
    if (escaped === '') addInvalid('ends with a lone backslash. To match one, write two.')
    else add('escaped-char', escaped, 1 + escaped.length)
  }

  function addName(): void {
    identifier.lastIndex = index + 1
    const name = identifier.exec(input)?.[0]
    if (name === undefined) addInvalid('has a ":" without a name. To match a colon, write "\\:".')
    else add('name', name, 1 + name.length)
  }

  function addRegExp(): void {
    const end = endOfRegExp(input, index + 1)
    if (end === undefined) {
      addInvalid(
        'has a "(" that does not begin a valid group. A group must be closed, not empty, and in ASCII, with no groups but (?:…) inside. To match a parenthesis, write "\\(".',
      )
    } else add('regexp', input.slice(index + 1, end), end + 1 - index)
  }
}

const singles: ReadonlyMap<string, Token['type']> = new Map([
  ['*', 'asterisk'],
  ['+', 'other-modifier'],
  ['?', 'other-modifier'],
  ['{', 'open'],
  ['}', 'close'],
])

/** [is a valid name code point] A JavaScript identifier. */
const identifier = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy

/** The index of the `)` that closes the regular expression beginning at `start`. */
function endOfRegExp(input: string, start: number): number | undefined {
  if (input[start] === '?' || input[start] === ')') return undefined
  let depth = 1
  for (let index = start; index < input.length; index++) {
    const char = input[index]!
    if (char > '\u007f') return undefined
    if (char === '\\') {
      index++
      if (index === input.length || input[index]! > '\u007f') return undefined
    } else if (char === ')') {
      depth--
      if (depth === 0) return index
    } else if (char === '(') {
      depth++
      if (input[index + 1] !== '?') return undefined
    }
  }
  return undefined
}

/** The code point at an index, or nothing at the end. */
function charAt(input: string, index: number): string {
  const codePoint = input.codePointAt(index)
  return codePoint === undefined ? '' : String.fromCodePoint(codePoint)
}
