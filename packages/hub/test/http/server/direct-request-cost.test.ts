import { expect, test } from 'vitest'
import { hubPath } from '../../../src/base/hub-path.ts'
import { DirectRequestReader } from '../../../src/http/server/direct-request.ts'
import { atMostLinear, costGrowth } from '../../cost-growth.ts'

const read = (header: string) => {
  const bytes = Buffer.from(`GET ${hubPath} HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`, 'latin1')
  return new DirectRequestReader('/.well-known/mercure').read(bytes, undefined, () => new AbortController().signal)
}

test.each([
  ['blanks before what no header may have', (blanks: string) => `X:${blanks}\u0001`, false],
  ['blanks between two words', (blanks: string) => `X: a${blanks}b`, true],
  ['blanks alone', (blanks: string) => `X:${blanks}`, true],
  ['tabs and spaces behind a word', (blanks: string) => `X: a${blanks.replaceAll('  ', '\t ')}`, true],
  ['a name without end', (blanks: string) => blanks.replaceAll(' ', 'x'), false],
])('a header costs what its length is: %s', (_what, headerWith, isRead) => {
  expect(read(headerWith(' '.repeat(16_000))) !== undefined).toBe(isRead)
  expect(costGrowth((length) => read(headerWith(' '.repeat(length))), 2000)).toBeLessThan(atMostLinear)
})
