import { expect, test } from 'vitest'
import { allKeys, fixedKeys, type KeySource, type VerificationKey } from '../../src/auth/key-source.ts'

const keyOf = (kid: string): VerificationKey => ({ kid, key: new Uint8Array(32), algorithms: new Set(['HS256']) })

test('several sources give the same array while none of them has other keys, so that what is known by it stays known', async () => {
  const [first, second, third] = [keyOf('1'), keyOf('2'), keyOf('3')]
  let changing: readonly VerificationKey[] = [second]
  const source: KeySource = { current: async () => changing, renewed: async () => ({ name: 'none' }) }
  const all = allKeys([fixedKeys([first]), source])
  const before = await all.current()
  expect(before).toEqual([first, second])
  expect(await all.current()).toBe(before)
  changing = [third]
  expect(await all.current()).toEqual([first, third])
})
