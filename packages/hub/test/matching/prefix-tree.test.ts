import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PrefixTree } from '../../src/matching/prefix-tree.ts'

const prefixes = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 6 })

test('finds the values whose prefix a text begins with, after any adding and deleting, as a list of all would', () => {
  const changes = fc.array(fc.tuple(fc.boolean(), prefixes, fc.nat(3)), { maxLength: 60 })
  fc.assert(
    fc.property(changes, fc.array(prefixes, { minLength: 5, maxLength: 5 }), (changes, texts) => {
      const tree = new PrefixTree<string>()
      const list = new Map<string, Set<string>>()
      for (const [isAdded, prefix, number] of changes) {
        const value = `${prefix}#${number}`
        const known = list.get(prefix) ?? new Set()
        list.set(prefix, known)
        if (isAdded) {
          tree.add(prefix, value)
          known.add(value)
        } else {
          tree.delete(prefix, value)
          known.delete(value)
        }
      }
      for (const text of texts) {
        const expected = [...list].filter(([prefix]) => text.startsWith(prefix)).flatMap(([, values]) => [...values])
        const found: string[] = []
        tree.visit(text, (value) => found.push(value))
        expect(found.toSorted()).toEqual(expected.toSorted())
        expect(found.map((value) => value.indexOf('#'))).toEqual(found.map((value) => value.indexOf('#')).toSorted())
      }
      expect(tree.isEmpty).toBe([...list.values()].every(({ size }) => size === 0))
    }),
    { numRuns: 3000 },
  )
})
