import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater } from '../running.ts'

test('headwater try: the plug is pulled twice, and nothing is missing', async () => {
  const directory = join(temporaryDirectory(), 'kept')
  const trying = headwater('try', '--port', '0', '--directory', directory)
  const [, page] = await trying.said(/1\. Open (http:\S+)/)
  expect((await fetch(page!)).status).toBe(200)
  const [, command] = await trying.said(/headwater (publish .*)\n/)
  const publish = headwater(...command!.replaceAll("'", '').split(' '))
  expect(await publish.ended()).toBe(0)
  await trying.said(/q quit/)
  for (const [key, said] of [
    ['k', /Killed the hub/],
    ['s', /Nothing is missing: after \d+ came/],
    ['s', /The hub is running/],
    ['x', /Stopped the hub in order/],
    ['k', /The hub is not running/],
    ['s', /Started it again[\s\S]*Started it again[\s\S]*Nothing is missing/],
  ] as const) {
    trying.child.stdin.write(`${key}\n`)
    await trying.said(said)
  }
  await trying.said(/Nothing is missing[\s\S]*Nothing is missing/)
  trying.child.stdin.write('q\n')
  expect(await trying.ended()).toBe(0)
  expect(trying.stdout).toMatch(/The subscriber got 1 to \d+, each once and in order, over 3 connections/)
  const list = headwater('history', 'list', directory, '-n', '1000', '--json')
  expect(await list.ended()).toBe(0)
  expect(list.stdout).toContain('"data":"hello"')
})

test('headwater try leaves nothing behind, also when it is interrupted', async () => {
  const trying = headwater('try', '--port', '0')
  const [, origin] = await trying.said(/A hub runs at (http:\S+), with its history in a temporary directory/)
  await trying.said(/q quit/)
  trying.child.kill('SIGINT')
  expect(await trying.ended()).toBe(0)
  await expect(fetch(origin!)).rejects.toThrow()
})

test('headwater try says that a directory is in use', async () => {
  const directory = temporaryDirectory()
  const first = headwater('try', '--port', '0', '--directory', directory)
  await first.said(/q quit/)
  const second = headwater('try', '--port', '0', '--directory', directory)
  expect(await second.ended()).toBe(1)
  expect(second.stderr).toMatch(/^headwater: The hub did not start: .*in use by process/)
  first.child.stdin.write('q\n')
  expect(await first.ended()).toBe(0)
  expect(existsSync(directory)).toBe(true)
})
