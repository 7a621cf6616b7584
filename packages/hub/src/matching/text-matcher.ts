import { Automaton, type Work } from './automaton.ts'
import { anyChar } from './char-set.ts'
import { type Language, sequence } from './language.ts'

/**
 * Decides whether texts are in a language: compares its fixed prefix and suffix, and runs an
 * automaton in between.
 */
export class TextMatcher {
  /** Every matching text begins with this. */
  readonly prefix: string
  /** The only matching text; `undefined` if several may match. */
  readonly only: string | undefined
  /** Whether every text matches. */
  readonly isAny: boolean
  /** The most steps that a character of a text costs: 0 for comparing alone. */
  readonly cost: number
  readonly #suffix: string
  /** The language between prefix and suffix; `undefined` if any text is allowed. */
  readonly #middle: Automaton | undefined

  /** Throws a `HubError` `INVALID_MATCHER` for a language that is too large. */
  constructor(language: Language) {
    const items = language.name === 'sequence' ? [...language.items] : [language]
    const first = items[0]
    this.prefix = first?.name === 'text' ? first.text : ''
    if (first?.name === 'text') items.shift()
    this.only = items.length === 0 ? this.prefix : undefined
    const last = items.at(-1)
    this.#suffix = last?.name === 'text' ? last.text : ''
    if (last?.name === 'text') items.pop()
    const middle = sequence(...items)
    this.#middle = this.only !== undefined || isAnything(middle) ? undefined : new Automaton(middle)
    this.cost = this.#middle?.cost ?? 0
    this.isAny = isAnything(language)
  }

  matches(text: string, work?: Work): boolean {
    if (this.isAny) return true
    if (this.only !== undefined) return text === this.only
    const end = text.length - this.#suffix.length
    if (end < this.prefix.length || !text.startsWith(this.prefix) || !text.endsWith(this.#suffix)) return false
    return this.#middle === undefined || this.#middle.accepts(text, this.prefix.length, end, work)
  }
}

/** Whether the language is any number of any code units. */
function isAnything(language: Language): boolean {
  if (language.name !== 'repeat' || language.min > 0 || language.max < Infinity) return false
  return language.item.name === 'one of' && language.item.set === anyChar
}
