import { type CharSet, charsOf, unionOf } from './char-set.ts'

/**
 * A set of texts, like a regular expression. URL patterns, URI templates and their groups are all
 * converted to this. Made by the functions below, which normalise equal languages where that is
 * easy.
 */
export type Language =
  | { readonly name: 'text'; readonly text: string }
  | { readonly name: 'one of'; readonly set: CharSet }
  | { readonly name: 'sequence'; readonly items: readonly Language[] }
  | { readonly name: 'choice'; readonly items: readonly Language[] }
  | { readonly name: 'some of'; readonly items: readonly Language[]; readonly separator: string }
  | { readonly name: 'repeat'; readonly item: Language; readonly min: number; readonly max: number }

/** Only this text. */
export function text(text: string): Language {
  return { name: 'text', text }
}

/** One code unit of the set. */
export function oneOf(set: CharSet): Language {
  return { name: 'one of', set }
}

/** The items in sequence. */
export function sequence(...items: readonly Language[]): Language {
  const flat: Language[] = []
  for (const item of items) {
    if (item.name !== 'sequence') append(flat, item)
    else for (const inner of item.items) append(flat, inner)
  }
  if (flat.length === 0) return text('')
  return flat.length === 1 ? flat[0]! : { name: 'sequence', items: flat }
}

/** Any of the items. */
export function choice(items: readonly Language[]): Language {
  const sets = items.map(asSet)
  if (sets.every((set) => set !== undefined)) return oneOf(unionOf(sets))
  return items.length === 1 ? items[0]! : { name: 'choice', items }
}

/** One or more of the items, in order, joined by the separator. */
export function someOf(items: readonly Language[], separator: string): Language {
  return items.length === 1 ? items[0]! : { name: 'some of', items, separator }
}

/** The same item `min` to `max` times. */
export function repeat(item: Language, min: number, max: number): Language {
  if (max === 0 || (item.name === 'text' && item.text === '')) return text('')
  if (min === 1 && max === 1) return item
  const set = asSet(item)
  if (set) return { name: 'repeat', item: oneOf(set), min, max }
  // (x+)* is x*, and so on. This saves jumps in the automaton.
  if (item.name === 'repeat' && item.min <= 1 && item.max === Infinity && min <= 1) {
    return { ...item, min: Math.min(item.min, min) }
  }
  return { name: 'repeat', item, min, max }
}

/** A text that is the same for equal languages. */
export function languageKey(language: Language): string {
  switch (language.name) {
    case 'text':
      return JSON.stringify(language.text)
    case 'one of':
      return `[${language.set.map(([from, to]) => `${from}-${to}`).join()}]`
    case 'sequence':
      return `(${language.items.map(languageKey).join(' ')})`
    case 'choice':
      return `(${language.items.map(languageKey).join('|')})`
    case 'some of':
      return `<${language.items.map(languageKey).join(JSON.stringify(language.separator))}>`
    case 'repeat':
      return `${languageKey(language.item)}{${language.min},${language.max}}`
  }
}

/** Joins consecutive texts. */
function append(items: Language[], item: Language): void {
  const previous = items.at(-1)
  if (item.name !== 'text') items.push(item)
  else if (previous?.name === 'text') items[items.length - 1] = text(previous.text + item.text)
  else if (item.text !== '') items.push(item)
}

function asSet(language: Language): CharSet | undefined {
  if (language.name === 'one of') return language.set
  return language.name === 'text' && language.text.length === 1 ? charsOf(language.text) : undefined
}
