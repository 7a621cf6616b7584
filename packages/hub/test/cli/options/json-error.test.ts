import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findJsonError } from '../../../src/cli/options/json-error.ts'

describe('where a text stops being JSON', () => {
  test.each([
    ['', 1, 1],
    ['{', 1, 2],
    ['{\n  "a": 1,\n}', 3, 1],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
    ['{"a" 1}', 1, 6],
    ['{a: 1}', 1, 2],
    ["{'a': 1}", 1, 2],
    ['{"a": secret}', 1, 7],
    ['{"a": "secret\n"}', 1, 7],
    ['{"a": "not ended', 1, 7],
    ['{"a": "\\x"}', 1, 7],
    ['{"a": 01}', 1, 8],
    ['{"a": [1, 2,]}', 1, 13],
    ['{"a": [1, 2}', 1, 12],
    ['{"a": 1} x', 1, 10],
    ['{"a": 1}}', 1, 9],
    ['[1, 2', 1, 6],
    ['// comment\n{}', 1, 1],
    ['\ufeff{}', 1, 1],
    ['{"a":\r\n\t-}', 2, 2],
    [':', 1, 1],
    [']', 1, 1],
  ])('of %j is line %i, column %i', (text, line, column) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(findJsonError(text)).toEqual({ line, column })
  })

  test('is its end for text that is JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(findJsonError(text)).toEqual({ line: 1, column: text.length + 1 })
      }),
    )
  })

  test('is never before the place where something was put in that does not belong there', () => {
    const characters = fc.constantFrom(...'{}[],:"\\ \n\t-0.1eEtrufalsn')
    fc.assert(
      fc.property(fc.json(), fc.nat(), characters, (json, at, character) => {
        const cut = at % (json.length + 1)
        const text = json.slice(0, cut) + character + json.slice(cut)
        const { line, column } = findJsonError(text)
        const lines = text.split('\n')
        const found = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1
        if (canParse(text)) expect(found).toBe(text.length)
        // Nothing before what was put in was wrong, but perhaps the token that it ended up in.
        else expect(found).toBeGreaterThanOrEqual(startOfToken(json, cut))
      }),
    )
  })
})

function canParse(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Where the token begins that a place is in. */
function startOfToken(json: string, place: number): number {
  for (const { index, 0: token } of json.matchAll(/"(?:[^"\\]|\\.)*"|[-\w.+]+|./gs)) {
    if (place <= index + token.length) return index
  }
  return json.length
}
