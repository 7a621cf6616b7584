import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Exchange } from '../../../src/cli/doctor/exchange.ts'
import type { ProbeClient, ProbeStream } from '../../../src/cli/doctor/probe-client.ts'
import { between, ladder, measureSilence } from '../../../src/cli/doctor/silence.ts'

/** A way to a server that ends a stream which is silent for so long: at once, or without a word. Time is simulated. */
function wayThatEnds(timeoutMs: number, how: 'closed' | 'lost'): Pick<ProbeClient, 'open'> {
  return {
    open() {
      let now = 1
      const facts = { blocks: [{}], arrivals: [{ atMs: 1 }], end: undefined } as unknown as Exchange & {
        end: unknown
        blocks: unknown[]
      }
      const stream: ProbeStream = {
        live: {
          facts,
          async until(isSo, ms) {
            if (isSo(facts)) return true
            now += ms
            if (how === 'closed' && now - 1 > timeoutMs) facts.end = { how: 'broken', atMs: timeoutMs + 1 }
            return isSo(facts)
          },
          close() {},
        },
        async command() {
          if (now - 1 < timeoutMs) (facts.blocks as unknown[]).push({})
          return undefined
        },
      }
      return stream
    },
  }
}

test('finds the time after which a stream is cut, or lost, to a tenth', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1100, max: 110_000 }),
      fc.constantFrom('closed' as const, 'lost' as const),
      async (timeoutMs, how) => {
        const found = await measureSilence(wayThatEnds(timeoutMs, how) as ProbeClient, 120_000, 10_000, () => {})
        expect(found.how).toBe(how)
        expect(found.passedMs).toBeLessThanOrEqual(timeoutMs)
        expect(found.cutMs).toBeGreaterThanOrEqual(timeoutMs)
        expect(found.cutMs! - found.passedMs).toBeLessThanOrEqual(Math.max(500, timeoutMs / 10))
      },
    ),
  )
})

test('finds none where none is', async () => {
  expect(await measureSilence(wayThatEnds(1e9, 'lost') as ProbeClient, 60_000, 10_000, () => {})).toEqual({
    passedMs: 60_000,
    cutMs: undefined,
    how: undefined,
  })
})

test('tries several silences at a time', () => {
  expect(ladder(120_000)).toEqual([1000, 3310, 10_954, 36_257, 120_000])
  expect(between(1000, 7000)).toEqual([2000, 3000, 4000, 5000, 6000])
})
