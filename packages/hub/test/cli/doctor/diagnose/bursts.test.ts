import { expect, test } from 'vitest'
import { bufferSizeOf, burstsOf } from '../../../../src/cli/doctor/diagnose/bursts.ts'
import type { Arrival } from '../../../../src/cli/doctor/exchange.ts'

const arrival = (atMs: number, bytes: number, isInsideEvent = false): Arrival => ({
  atMs,
  bytes,
  blocks: 1,
  isInsideEvent,
})

test('what comes within a tenth of a second is one burst', () => {
  const bursts = burstsOf([arrival(10, 100), arrival(50, 20), arrival(2000, 5)], 5000)
  expect(bursts.map(({ atMs, bytes, blocks, silenceMs }) => [atMs, bytes, blocks, silenceMs])).toEqual([
    [10, 120, 2, 10],
    [2000, 5, 1, 1950],
  ])
})

test('half an event counts only if a silence follows', () => {
  const stops = (arrivals: Arrival[], endMs: number) => burstsOf(arrivals, endMs).map(({ stopsInside }) => stopsInside)
  expect(stops([arrival(10, 100, true), arrival(20, 20)], 3000)).toEqual([false])
  expect(stops([arrival(10, 100, true), arrival(900, 20)], 3000)).toEqual([true, false])
  // The watch may end in the middle of an event that is just coming.
  expect(stops([arrival(10, 100, true)], 200)).toEqual([false])
})

test('knows the sizes of buffers, also less the framing of a chunk', () => {
  expect([4096, 8192, 4086, 65_536, 12_288].map(bufferSizeOf)).toEqual([4096, 8192, 4096, 65_536, 4096])
  expect([0, 500, 5000, 4000].map(bufferSizeOf)).toEqual([undefined, undefined, undefined, undefined])
})
