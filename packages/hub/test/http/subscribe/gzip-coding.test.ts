import { constants, crc32, gunzipSync } from 'node:zlib'
import { array, assert, constantFrom, integer, property, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acceptsGzip } from '../../../src/http/message/headers.ts'
import { combineCrc32, crcShift } from '../../../src/http/subscribe/crc32.ts'
import { GzipCoding } from '../../../src/http/subscribe/gzip-coding.ts'

const json = (byteLength: number) => {
  let text = ''
  for (let number = 0; text.length < byteLength; number++) text += `data: {"order":${number},"state":"shipped"}\n\n`
  return Buffer.from(text.slice(0, byteLength))
}

/** Pieces as a hub sends them: next to nothing, below and above where it pays, and not to be compressed at all. */
const pieces = array(
  integer({ min: 0, max: 3 }).chain((kind) =>
    kind === 0
      ? uint8Array({ maxLength: 3000 })
      : constantFrom(0, 1, 4, 1023, 1024, 1025, 65_535, 65_536, 100_000).map((length) => json(length)),
  ),
  { maxLength: 8 },
)

describe('a response coded as gzip', () => {
  test('is, whatever pieces it is made of, what a client decodes to the same bytes', () => {
    assert(
      property(pieces, (plain) => {
        const coding = new GzipCoding()
        const coded = [coding.head(), ...plain.map((piece) => coding.encode(piece)), coding.tail()]
        expect(gunzipSync(Buffer.concat(coded)).equals(Buffer.concat(plain))).toBe(true)
      }),
    )
  })

  test('can be decoded up to the end of each piece as soon as that piece is there', () => {
    const coding = new GzipCoding()
    const coded = [coding.head()]
    let plain = ''
    for (const byteLength of [3, 500, 3000, 20, 70_000]) {
      coded.push(coding.encode(json(byteLength)))
      plain += json(byteLength)
      expect(gunzipSync(Buffer.concat(coded), { finishFlush: constants.Z_SYNC_FLUSH }).toString()).toBe(plain)
    }
  })

  test('keeps no more memory for a piece than its bytes, since it is kept as long as the piece', () => {
    const coding = new GzipCoding()
    for (const byteLength of [3, 500, 1023, 1024, 3000, 70_000]) {
      const coded = coding.encode(json(byteLength))
      expect(coded.buffer.byteLength).toBe(coded.byteLength)
    }
  })

  test('ends each piece by an empty block, without which some decoders keep it back', () => {
    const coding = new GzipCoding()
    for (const byteLength of [0, 3, 500, 3000, 70_000]) {
      expect(coding.encode(json(byteLength)).slice(-4)).toEqual(Buffer.from([0, 0, 0xff, 0xff]))
    }
  })

  test('shares each piece with every other response, whatever either of them had before', () => {
    const [first, second] = [new GzipCoding(), new GzipCoding()]
    const piece = json(3000)
    second.encode(json(5000))
    const coded = first.encode(piece)
    expect(second.encode(piece)).toBe(coded)
    expect(gunzipSync(Buffer.concat([first.head(), coded, first.tail()])).equals(piece)).toBe(true)
  })

  test('takes 10 bytes more than a small piece, and less than half of a large one', () => {
    const coding = new GzipCoding()
    expect(coding.encode(json(200)).length).toBe(210)
    expect(coding.encode(json(2000)).length).toBeLessThan(1000)
  })
})

test('the CRC of two pieces follows from those of each', () => {
  assert(
    property(uint8Array({ maxLength: 1000 }), uint8Array({ maxLength: 1000 }), (a, b) => {
      expect(combineCrc32(crc32(a), crc32(b), crcShift(b.length))).toBe(crc32(Buffer.concat([a, b])))
    }),
  )
})

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['gzip, deflate, br, zstd', true],
  ['br;q=1.0, GZIP;q=0.8, *;q=0.1', true],
  ['x-gzip', true],
  ['*', true],
  ['identity', false],
  ['deflate, br', false],
  ['gzip;q=0', false],
  ['gzip; q=0.000', false],
  ['gzip;q=0, *', false],
  ['*;q=0', false],
])('a client with Accept-Encoding %s takes gzip: %s', (header, isTaken) => {
  expect(acceptsGzip(header)).toBe(isTaken)
})
