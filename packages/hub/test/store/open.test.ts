import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { directoryOf, type OpenStoreOptions, openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { event, readDatas } from './temporary-store.ts'

const open = async (url: string, options?: OpenStoreOptions) => {
  const store = await openStore(url, options)
  onTestFinished(() => store.close())
  return store
}

describe('openStore', () => {
  test('of memory: opens a store in memory, with the retention given', async () => {
    const store = await open('memory:', { maxEvents: 1, durability: 'full' })
    await store.append(event('1'))
    await store.append(event('2'))
    expect(await readDatas(store)).toEqual(['2'])
    expect((await open('memory:')).epoch).not.toBe(store.epoch)
  })

  test('of file:DIRECTORY opens the store in that directory, with the retention given', async () => {
    const directory = join(temporaryDirectory(), 'data')
    const store = await open(`file:${directory}`, { maxEvents: 1 })
    await store.append(event('1'))
    await store.append(event('2'))
    await store.trim()
    expect(existsSync(join(directory, 'headwater.db'))).toBe(true)
    await store.close()
    expect(await readDatas(await open(`file://${directory}`))).toEqual(['2'])
  })

  test('passes on what the store refuses', async () => {
    await expect(openStore('memory:', { maxEvents: -1 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    const directory = join(temporaryDirectory(), 'data')
    await expect(openStore(`file:${directory}`, { maxBytes: -1 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(existsSync(directory)).toBe(false)
  })

  test.each(['', 'memory', 'memory:x', 'file:', 'file://', 'file://host/data', './data', '/data'])(
    'refuses %j, and says what to write',
    async (url) => {
      await expect(openStore(url)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: `${JSON.stringify(url)} is not the URL of a store. Write file:DIRECTORY, such as file:./headwater-data, memory:, or postgres://USER@HOST/DATABASE.`,
      })
    },
  )
})

test.each([
  ['file:data', 'data'],
  ['file:./data', './data'],
  ['file:../a b', '../a b'],
  ['file:/var/lib/headwater', '/var/lib/headwater'],
  ['file:///var/lib/headwater', '/var/lib/headwater'],
  ['file:///a%20b', '/a%20b'],
  ['memory:', undefined],
])('directoryOf %s is %s', (url, directory) => {
  expect(directoryOf(url)).toBe(directory)
})
