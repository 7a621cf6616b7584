import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../../../', import.meta.url)
const statement = readFileSync(new URL('docs/mercure.md', root), 'utf8')
const named = new Set([...statement.matchAll(/`([\w-]+\/[\w.-]+\.test\.ts)`/g)].map(([, path]) => path!))

test('the tests that docs/mercure.md names are there', () => {
  expect(named.size).toBeGreaterThan(20)
  const missing = [...named].filter((path) => !existsSync(new URL(`packages/hub/test/${path}`, root)))
  expect(missing).toEqual([])
})

test('docs/mercure.md names all tests of the rules of the protocol', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
  const unnamed = files.filter((name) => name !== 'statement.test.ts' && !named.has(`mercure/${name}`))
  expect(unnamed).toEqual([])
})

test('every rule there says what the hub does, and what shows it', () => {
  const rows = statement.split('\n').filter((line) => line.startsWith('| ') && !/^\| (Rule|---)/.test(line))
  expect(rows.length).toBeGreaterThan(60)
  const incomplete = rows.filter((row) => !/^\| [^|]+ \| [✓≠–][^|]* \| `[^|]+\.test\.ts` \|$/.test(row))
  expect(incomplete).toEqual([])
})
