import { describe, expect, test } from 'vitest'
import { columnsOf, cutColumns, fitColumns, shownText, wrapColumns } from '../../../src/cli/terminal/columns.ts'
import { paintFor } from '../../../src/cli/terminal/paint.ts'

describe('shownText', () => {
  test.each([
    ['\x1b[31mred\x1b]0;title\x07', '\\x1b[31mred\\x1b]0;title\\x07'],
    ['a\rb\bc\x9bd\x7f', 'a\\x0db\\x08c\\x9bd\\x7f'],
    ['one\ntwo\tthree', 'one\ntwo\tthree'],
    ['\u202eevil\u2066', '\\u{202e}evil\\u{2066}'],
    ['München 👩‍💻 漢字', 'München 👩‍💻 漢字'],
  ])('lets nothing reach the terminal that moves it: %j', (text, shown) => {
    expect(shownText(text)).toBe(shown)
  })

  test('keeps a single line one line', () => {
    expect(shownText('one\ntwo\tthree', { lines: false })).toBe('one\\x0atwo three')
  })
})

test('columns count what a terminal shows', () => {
  expect(['abc', 'é', 'e\u0301', '漢字', '👩‍💻', '한글', ''].map(columnsOf)).toEqual([3, 1, 1, 4, 2, 4, 0])
})

test('text is cut and filled to columns, never in the middle of a character', () => {
  expect(cutColumns('漢字漢字', 5)).toBe('漢字…')
  expect(cutColumns('漢字漢字', 6)).toBe('漢字…')
  expect(cutColumns('漢字', 4)).toBe('漢字')
  expect(cutColumns('abc', 0)).toBe('')
  expect(fitColumns('漢字', 5)).toBe('漢字 ')
  expect(fitColumns('7', 3, 'right')).toBe('  7')
  expect(fitColumns('👩‍💻👩‍💻', 3)).toBe('👩‍💻…')
})

test('lines are broken between words, and go on indented', () => {
  expect(wrapColumns('one two three', 8, 2)).toBe('one two\n  three')
  expect(wrapColumns('漢字 漢字 a-very-long-word x', 9)).toBe('漢字 漢字\na-very-long-word\nx')
  expect(wrapColumns('  kept  blanks', Infinity)).toBe('  kept  blanks')
})

describe('colours', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal (%s) with %j: %s', (isTTY, environment, isColourful) => {
    const paint = paintFor({ isTTY }, environment)
    expect(paint.isColourful).toBe(isColourful)
    expect(paint('bad', 'x') === 'x').toBe(!isColourful)
  })

  test('of a name is the same each time, and another for most other names', () => {
    const { named } = paintFor({ isTTY: true }, { FORCE_COLOR: '1' })
    expect(named('tick')).toBe(named('tick'))
    const names = ['message', 'tick', 'stock', 'vitals', 'log', 'chat', 'order']
    expect(new Set(names.map((name) => named(name, 'x'))).size).toBeGreaterThan(3)
  })
})
