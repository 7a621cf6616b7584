import { describe, expect, test } from 'vitest'
import { decodeFormValue, parseForm, readForm } from '../../../src/http/message/form.ts'
import { atMostLinear, costGrowth } from '../../cost-growth.ts'

const pairsOf = (text: string) => parseForm(Buffer.from(text), 1e9).map(({ name, value }) => [name, value])

describe('a form', () => {
  test.each([
    ['', []],
    ['&&', []],
    ['a', [['a', '']]],
    [
      'a&b=1&&c&d=2=3',
      [
        ['a', ''],
        ['b', '1'],
        ['c', ''],
        ['d', '2=3'],
      ],
    ],
    [
      '=&=a&b=',
      [
        ['', ''],
        ['', 'a'],
        ['b', ''],
      ],
    ],
    ['a%3Db+c=%26', [['a=b c', '&']]],
    ['a=%C3%A9%41+%%42%4%zz%', [['a', 'éA %B%4%zz%']]],
  ])('is read as pairs: %s', (text, pairs) => {
    expect(pairsOf(text)).toEqual(pairs)
    expect(pairsOf(text)).toEqual([...new URLSearchParams(text)])
  })

  test.each(['&', 'a&', 'a=&', '=&', '%41=%41&'])('of %s, again and again, costs what its length is', (field) => {
    const read = (length: number) => readForm(Buffer.from(field.repeat(length / field.length)), 1e9, () => {})
    expect(costGrowth(read, 64_000)).toBeLessThan(atMostLinear)
  })

  test('costs what its length is, decoded in either way', () => {
    for (const end of ['', '%ff']) {
      const decode = (length: number) => decodeFormValue(`${'%41'.repeat(length / 3)}${end}`)
      expect(costGrowth(decode, 192_000)).toBeLessThan(atMostLinear)
    }
  })

  test('is not read past the most fields that it may have', () => {
    expect(parseForm(Buffer.from('a&b&&'), 2)).toHaveLength(2)
    expect(() => parseForm(Buffer.from('a&b&&c'), 2)).toThrow('more than 2 fields')
  })
})
