import { type Token, tokenize } from './pattern-tokens.ts'

/** The components of a URL, in order. */
export const urlComponents = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const
export type UrlComponent = (typeof urlComponents)[number]
/** The pattern string of each component that the pattern has. */
export type PatternStrings = { -readonly [component in UrlComponent]?: string }

/**
 * [URL Pattern 1.6, parse a constructor string] Splits a URL pattern into the patterns of its
 * components.
 *
 * @param isSpecialProtocol whether a protocol's pattern string matches a special scheme. Its errors
 * are passed on.
 */
export function parseConstructorString(input: string, isSpecialProtocol: (pattern: string) => boolean): PatternStrings {
  return new ConstructorStringParser(input, isSpecialProtocol).parse()
}

type State = UrlComponent | 'init' | 'authority' | 'done'

class ConstructorStringParser {
  readonly #input: string
  readonly #isSpecialProtocol: (pattern: string) => boolean
  readonly #tokens: readonly Token[]
  readonly #result: PatternStrings = {}
  #state: State = 'init'
  #index = 0
  #componentStart = 0
  #groupDepth = 0
  #bracketDepth = 0
  #isSpecial = false

  constructor(input: string, isSpecialProtocol: (pattern: string) => boolean) {
    this.#input = input
    this.#isSpecialProtocol = isSpecialProtocol
    this.#tokens = tokenize(input, 'lenient')
  }

  parse(): PatternStrings {
    while (this.#state !== 'done') {
      // The standard's "token increment" of 0: code that moves to another token does so itself.
      if (!this.#moves()) this.#index++
    }
    // "If any port is acceptable, the author can specify it as a wildcard."
    if (this.#result.hostname !== undefined) this.#result.port ??= ''
    return this.#result
  }

  /** Handles the next token. Returns whether it moved to another token than the following one. */
  #moves(): boolean {
    const { type } = this.#tokens[this.#index]!
    if (type === 'end') return this.#end()
    if (type === 'open') {
      this.#groupDepth++
      return false
    }
    // A component does not end within a group.
    if (this.#groupDepth > 0) {
      if (type !== 'close') return false
      this.#groupDepth--
    }
    switch (this.#state) {
      case 'init':
        return this.#isChar(':') && this.#rewind('protocol')
      case 'protocol':
        return this.#isChar(':') && this.#endProtocol()
      case 'authority':
        if (this.#isChar('@')) return this.#rewind('username')
        return (this.#isChar('/') || this.#isSearchPrefix() || this.#isChar('#')) && this.#rewind('hostname')
      case 'username':
        if (this.#isChar(':')) return this.#change('password', 1)
        return this.#isChar('@') && this.#change('hostname', 1)
      case 'password':
        return this.#isChar('@') && this.#change('hostname', 1)
      case 'hostname':
        return this.#moveOnFromHostname()
      case 'port':
        return this.#isChar('/') ? this.#change('pathname', 0) : this.#moveOnFromPathname()
      case 'pathname':
        return this.#moveOnFromPathname()
      case 'search':
        return this.#isChar('#') && this.#change('hash', 1)
      default:
        return false
    }
  }

  #end(): boolean {
    if (this.#state === 'authority') return this.#rewind('hostname')
    if (this.#state !== 'init') return this.#change('done', 0)
    // Found no protocol: the pattern is relative.
    this.#index = this.#componentStart
    if (this.#isChar('#')) return this.#change('hash', 1)
    if (this.#isSearchPrefix()) return this.#change('search', 1)
    return this.#change('pathname', 0)
  }

  #endProtocol(): boolean {
    this.#isSpecial = this.#isSpecialProtocol(this.#component())
    if (this.#isChar('/', 1) && this.#isChar('/', 2)) return this.#change('authority', 3)
    return this.#change(this.#isSpecial ? 'authority' : 'pathname', 1)
  }

  #moveOnFromHostname(): boolean {
    if (this.#isChar('[')) this.#bracketDepth++
    else if (this.#isChar(']')) this.#bracketDepth--
    else if (this.#isChar(':') && this.#bracketDepth === 0) return this.#change('port', 1)
    else if (this.#isChar('/')) return this.#change('pathname', 0)
    else return this.#moveOnFromPathname()
    return false
  }

  #moveOnFromPathname(): boolean {
    if (this.#isSearchPrefix()) return this.#change('search', 1)
    return this.#isChar('#') && this.#change('hash', 1)
  }

  /** [change state] */
  #change(next: State, skip: number): true {
    const state = this.#state
    if (state !== 'init' && state !== 'authority' && state !== 'done') this.#result[state] = this.#component()
    if (state !== 'init' && next !== 'done') {
      // Skipped components are empty; only those after the last given component match anything.
      if (isBefore(state, 'hostname') && !isBefore(next, 'port')) this.#result.hostname ??= ''
      if (isBefore(state, 'pathname') && !isBefore(next, 'search')) this.#result.pathname ??= this.#isSpecial ? '/' : ''
      if (isBefore(state, 'search') && next === 'hash') this.#result.search ??= ''
    }
    this.#state = next
    this.#index += skip
    this.#componentStart = this.#index
    return true
  }

  /** [rewind and set state] */
  #rewind(state: State): true {
    this.#index = this.#componentStart
    this.#state = state
    return true
  }

  /** [make a component string] */
  #component(): string {
    return this.#input.slice(this.#tokens[this.#componentStart]!.index, this.#tokens[this.#index]!.index)
  }

  /** [is a non-special pattern char] */
  #isChar(value: string, ahead = 0): boolean {
    const token = this.#tokens[this.#index + ahead] ?? this.#tokens.at(-1)!
    return token.value === value && ['char', 'escaped-char', 'invalid-char'].includes(token.type)
  }

  /** [is a search prefix] A `?` begins the search unless it makes the part before it optional. */
  #isSearchPrefix(): boolean {
    if (this.#isChar('?')) return true
    if (this.#tokens[this.#index]!.value !== '?') return false
    const previous = this.#tokens[this.#index - 1]
    return !previous || !['name', 'regexp', 'close', 'asterisk'].includes(previous.type)
  }
}

function isBefore(state: State, component: UrlComponent): boolean {
  return order.indexOf(state) < order.indexOf(component)
}

const order: readonly State[] = ['init', 'protocol', 'authority', ...urlComponents.slice(1), 'done']
