import { expect, test } from 'vitest'
import { lessons } from '../src/lessons.ts'
import { scriptSource } from '../src/script-source.ts'

test.each([...lessons.map(({ name }) => name), 'moved'])('the script of %s is shown whole, and no other', (name) => {
  const source = scriptSource(name)
  expect(source).toMatch(new RegExp(`^${name}[:(]`))
  expect(source).toMatch(/,$/)
  // Complete: it is a member of an object.
  expect(
    () => new Function(`return {${source.replaceAll(/const event = \(id: number\)/g, 'const event = (id)')}}`),
  ).not.toThrow()
  expect(source.match(/^\w+[:(]/gm)).toHaveLength(1)
})

test('of a stream that there is not, there is no script', () => expect(scriptSource('nothing')).toBe(''))
