import { expect, it } from 'vitest'
import { cut, damage, generateStream, Random } from './generated-stream.ts'
import { parseInPieces } from './parse-in-pieces.ts'
import { parseWholeStream } from './reference-parser.ts'

const streamCount = 100_000
const encoder = new TextEncoder()
const given = process.env.HEADWATER_SEED
const firstSeed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)

it(`agrees with a parser written from the standard on ${streamCount} generated streams, each cut at random`, () => {
  for (let seed = firstSeed; seed < firstSeed + (given === undefined ? streamCount : 1); seed++) {
    const random = new Random(seed)
    const text = generateStream(random)
    const bytes = encoder.encode(text)
    const stream = [text, bytes, bytes, damage(bytes, random)][seed % 4] as Uint8Array | string
    const pieces = cut(stream, random)
    const [ours, reference] = [parseInPieces(pieces), parseWholeStream(stream)]
    if (JSON.stringify(ours) !== JSON.stringify(reference)) {
      const replay = `HEADWATER_SEED=${seed} npx vitest run packages/sse/test/protocol/parse.reference`
      expect(ours, `${JSON.stringify(text)} in ${pieces.length} pieces. To see it again: ${replay}`).toEqual(reference)
    }
  }
})
