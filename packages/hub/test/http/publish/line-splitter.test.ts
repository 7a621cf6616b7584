import { expect, test } from 'vitest'
import { splitLines } from '../../../src/http/publish/line-splitter.ts'

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

async function linesOf(source: AsyncIterable<Uint8Array>, maxBytes = 8) {
  const batches: [number, string | undefined][][] = []
  for await (const batch of splitLines(source, maxBytes)) {
    batches.push(batch.map(({ number, bytes }) => [number, bytes?.toString()]))
  }
  return batches
}

const text = 'one\r\n\ntwo\n123456789\n\n12345678\nlast\r'

test('lines are the same wherever the pieces of the stream are cut', async () => {
  const expected = [
    [1, 'one'],
    [3, 'two'],
    [4, undefined],
    [6, '12345678'],
    [7, 'last'],
  ]
  for (let size = 1; size <= text.length; size++) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, n) => text.slice(n * size, (n + 1) * size))
    expect((await linesOf(chunks(...pieces))).flat()).toEqual(expected)
  }
})

test('lines that came together are yielded together, but no more than a thousand', async () => {
  const batches = await linesOf(chunks('x\n'.repeat(2500)))
  expect(batches.map(({ length }) => length)).toEqual([1000, 1000, 500])
  expect(batches.at(-1)!.at(-1)).toEqual([2500, 'x'])
})
