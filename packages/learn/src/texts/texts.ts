import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en, type Texts } from './en.ts'
import { ko } from './ko.ts'

export type Language = 'en' | 'ko'

export const languages: Readonly<Record<Language, { readonly name: string; readonly texts: Texts }>> = {
  en: { name: 'English', texts: en },
  ko: { name: '한국어', texts: ko },
}

/** The language of `?lang=`, else the first of the browser's that there is, else English. */
export function chooseLanguage(search: string, preferred: readonly string[]): Language {
  const wanted = [new URLSearchParams(search).get('lang') ?? '', ...preferred]
  const known = wanted.map((tag) => tag.toLowerCase().split('-')[0] ?? '').find((tag) => Object.hasOwn(languages, tag))
  return (known as Language | undefined) ?? 'en'
}

export const TextsContext = createContext<Texts>(en)

/** The texts in the language of the page. */
export function useTexts(): Texts {
  return useContext(TextsContext)
}

/** Puts values into a text, in place of `{name}`. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
