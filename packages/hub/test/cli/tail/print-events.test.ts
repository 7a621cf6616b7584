import { expect, test } from 'vitest'
import { type PrintedEvent, printerFor } from '../../../src/cli/tail/print-events.ts'
import { columnsOf } from '../../../src/cli/terminal/columns.ts'
import { paintFor } from '../../../src/cli/terminal/paint.ts'

const event: PrintedEvent = { type: 'stock', data: '{"left":3}', lastEventId: 'nm8teu6ooy.1f.vzowd6', isEarlier: false }
const plain = { paint: paintFor({ isTTY: false }, {}), now: () => new Date(2027, 0, 31, 8, 5, 9) }
const wide = { ...plain, output: { isTTY: true, columns: 80 } }
const narrow = { ...plain, output: { isTTY: true, columns: 40 } }

test('pretty: time, type, what is special of the ID, data', () => {
  const print = printerFor('pretty', { ...wide, indents: false })
  expect(print(event)).toBe('08:05:09 stock        1f.vzowd6     {"left":3}\n')
  expect(print({ ...event, isEarlier: true, lastEventId: '' })).toBe('earlier  stock                      {"left":3}\n')
  expect(print({ ...event, type: 'a-very-long-type', lastEventId: 'an-id-that-a-publisher-chose' })).toBe(
    '08:05:09 a-very-long… …lisher-chose {"left":3}\n',
  )
})

test('pretty: data of several lines stands below', () => {
  const print = printerFor('pretty', { ...wide, indents: true })
  expect(print(event)).toBe('08:05:09 stock 1f.vzowd6\n  {\n    "left": 3\n  }\n')
  expect(print({ ...event, data: 'no JSON' })).toContain(' no JSON\n')
  expect(print({ ...event, data: '7' })).toContain(' 7\n')
})

test('pretty, in 40 columns: two lines, the first of which fits', () => {
  const print = printerFor('pretty', { ...narrow, indents: false })
  const [head = '', ...rest] = print({ ...event, type: '漢字漢字漢字漢字', lastEventId: 'x'.repeat(60) }).split('\n')
  expect(columnsOf(head)).toBeLessThanOrEqual(40)
  expect(rest).toEqual(['  {"left":3}', ''])
})

test('what is in an event does not reach the terminal as a command', () => {
  const evil = { ...event, type: '\x1b[2J', data: 'a\x1b]0;x\x07\nb', lastEventId: '\x1bc' }
  for (const printing of ['pretty', 'data'] as const) {
    const text = printerFor(printing, { ...wide, indents: false })(evil)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there.
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f]/)
  }
  const piped = printerFor('data', { indents: false, output: { isTTY: false, columns: 80 } })
  expect(piped(evil)).toBe('a\x1b]0;x\x07\nb\n')
})

test('JSON: one line of its own for each event', () => {
  expect(JSON.parse(printerFor('json', { indents: false })({ ...event, data: 'a\nb' }))).toEqual({
    id: event.lastEventId,
    type: 'stock',
    data: 'a\nb',
  })
})
