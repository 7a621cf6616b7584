import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { fromSource } from '../from-source.ts'
import { digest, simulate } from './simulation.ts'

const sample = [1, 2, 3, 7, 11, 50, 101, 500, 999, 1234, 2024, 5000, 7777, 9999, 31_337]

test('a seed makes the same things happen every time, whatever ran before', async () => {
  const first = await digests(sample)
  for (let seed = 100; seed < 120; seed++) await simulate({ seed })
  expect(await digests([...sample].reverse())).toEqual([...first].reverse())
})

test('a seed makes the same things happen in another process', { timeout: 600_000 }, async () => {
  const script = `
    const { digest, simulate } = await import(${JSON.stringify(new URL('simulation.ts', import.meta.url).href)})
    const digests = []
    for (const seed of ${JSON.stringify(sample)}) digests.push(digest(await simulate({ seed, traces: true })))
    console.log(JSON.stringify(digests))`
  const output = execFileSync(process.execPath, [fromSource, '--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  expect(JSON.parse(output)).toEqual(await digests(sample))
})

test('a seed makes the same things happen whether or not they are written down', async () => {
  for (const seed of sample) {
    const written = await simulate({ seed, traces: true })
    expect(written.trace.length).toBeGreaterThan(5)
    expect(await simulate({ seed })).toEqual({ ...written, trace: [] })
  }
})

test('a world with fewer steps begins as the whole one does', async () => {
  const whole = await simulate({ seed: 4, traces: true })
  const short = await simulate({ seed: 4, traces: true, steps: 5 })
  const length = short.trace.findIndex((line) => line.includes('all is well from now on'))
  expect(length).toBeGreaterThan(5)
  expect(short.trace.slice(0, length)).toEqual(whole.trace.slice(0, length))
})

test('time and chance are given back after a simulation', async () => {
  const before = [setTimeout, setInterval, setImmediate, Date.now, Math.random, crypto.getRandomValues]
  const now = performance.now()
  await simulate({ seed: 1 })
  expect([setTimeout, setInterval, setImmediate, Date.now, Math.random, crypto.getRandomValues]).toEqual(before)
  expect(performance.now()).toBeGreaterThan(now)
})

async function digests(seeds: readonly number[]): Promise<string[]> {
  const all: string[] = []
  for (const seed of seeds) all.push(digest(await simulate({ seed, traces: true })))
  return all
}
