import { describe, expect, test } from 'vitest'
import { en } from '../src/texts/en.ts'
import { ko } from '../src/texts/ko.ts'
import { chooseLanguage, fill } from '../src/texts/texts.ts'

/**
 * The paths of all texts, and what each holds for a program: values in braces, code between
 * backticks.
 */
function skeleton(texts: object, path = ''): [string, string[]][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[`${path}${key}`, (value.match(/\{\w+\}/g) ?? []).sort()] as [string, string[]]]
      : skeleton(value, `${path}${key}.`),
  )
}

function textsOf(node: unknown): string[] {
  return typeof node === 'string' ? [node] : Object.values(node as object).flatMap(textsOf)
}

describe('the texts', () => {
  test('have the same keys and values in every language', () => expect(skeleton(ko)).toEqual(skeleton(en)))

  test.each([
    ['English', en],
    ['Korean', ko],
  ])('of %s have words, and backticks in pairs', (_, texts) => {
    const all = textsOf(texts)
    expect(all.filter((text) => text === '' || text.split('`').length % 2 === 0)).toEqual([])
    expect(all.length).toBeGreaterThan(150)
  })

  test('of Korean are Korean, but for names and code', () => {
    const foreign = textsOf(ko).filter((text) => text.length > 12 && !/[가-힣]/.test(text.replaceAll(/`[^`]*`/g, '한')))
    expect(foreign).toEqual(['@headwater/sse', 'Server-Sent Events'])
  })
})

describe('the language', () => {
  test.each([
    ['?lang=ko', ['en-US'], 'ko'],
    ['?lang=en', ['ko-KR'], 'en'],
    ['', ['ko-KR', 'en'], 'ko'],
    ['', ['fr', 'ko'], 'ko'],
    ['?lang=constructor', ['de'], 'en'],
    ['', [], 'en'],
  ])('of %j with %j is %s', (search, preferred, language) => expect(chooseLanguage(search, preferred)).toBe(language))

  test('fills values in, and leaves what it does not know', () =>
    expect(fill('{a} and {b}', { a: 1 })).toBe('1 and {b}'))
})
