import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeComment, encodeEvent, encodeRetry } from '../../src/protocol/encode.ts'
import type { EventInit } from '../../src/protocol/event.ts'
import { cut, Random } from './generated-stream.ts'
import { parseInPieces } from './parse-in-pieces.ts'
import type { Happening } from './reference-parser.ts'

/** Text rich in what could break a frame: line ends, colons, spaces, field names, byte order marks, halves of surrogate pairs. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\r',
        '\n',
        '\r\n',
        '\n\n',
        '\n\r',
        ':',
        ' ',
        '\t',
        '\uFEFF',
        '\u2028',
        '\u0085',
        '\v',
        '\f',
        '\0',
      ),
      fc.constantFrom('data', 'event', 'id', 'retry', 'data: x', 'id: 1\n\n', '\ndata: x\n\n', 'retry: 1', '[DONE]'),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\uD83D', '\uDE00', 'é', '€', '😀'),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))
const line = text.map((text) => text.replace(/[\r\n\0]/g, ''))
const id = text.map((text) => text.replace(/[^\t -~\x80-\uffff]/g, ''))

const init: fc.Arbitrary<EventInit> = fc.record(
  { data: text, type: line, id, retry: fc.maxSafeNat(), comment: text },
  { requiredKeys: ['data'] },
)

/** A frame, and what it means. */
const frame = fc.oneof(
  { weight: 4, arbitrary: init.map((init) => ({ frame: encodeEvent(init), meaning: meaningOf(init) })) },
  text.map((text) => ({ frame: encodeComment(text), meaning: comments(text) })),
  fc.maxSafeNat().map((ms) => ({ frame: encodeRetry(ms), meaning: [retry(ms)] })),
)

it('what is encoded is what is parsed, but that line ends become LF', () => {
  fc.assert(
    fc.property(init, (init) => {
      expect(parseInPieces([encodeEvent(init)])).toEqual(meaningOf(init))
    }),
    { numRuns: 2000 },
  )
})

it('on the wire too, but that halves of surrogate pairs become U+FFFD', () => {
  fc.assert(
    fc.property(init, (init) => {
      expect(parseInPieces([new TextEncoder().encode(encodeEvent(init))])).toEqual(meaningOf(wellFormed(init)))
    }),
    { numRuns: 2000 },
  )
})

it('frames in a row mean what each means alone, wherever their text is cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.integer(), (frames, seed) => {
      const stream = frames.map(({ frame }) => frame).join('')
      const meaning = frames.flatMap(({ meaning }) => meaning)
      expect(parseInPieces(cut(stream, new Random(seed)))).toEqual(meaning)
    }),
    { numRuns: 2000 },
  )
})

it('and wherever their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.integer(), (frames, seed) => {
      const stream = new TextEncoder().encode(frames.map(({ frame }) => frame).join(''))
      const meaning = frames.flatMap(({ frame }) => parseInPieces([new TextEncoder().encode(frame)]))
      expect(parseInPieces(cut(stream, new Random(seed)))).toEqual(meaning)
    }),
    { numRuns: 2000 },
  )
})

it('no string, wherever it is given, adds a field: it is sent as itself or refused', () => {
  const anything = fc.record({ data: text, type: text, id: text, comment: text }, { requiredKeys: ['data'] })
  fc.assert(
    fc.property(anything, (init) => {
      const breaks = /[\r\n\0]/.test(init.type ?? '') || /[^\t -~\x80-\uffff]/.test(init.id ?? '')
      if (breaks) expect(() => encodeEvent(init)).toThrow(/contains a (line break or NUL|control character)/)
      else expect(parseInPieces([encodeEvent(init)])).toEqual(meaningOf(init))
    }),
    { numRuns: 2000 },
  )
})

function meaningOf({ data, type, id, retry: milliseconds, comment }: EventInit): Happening[] {
  return [
    ...(comment === undefined ? [] : comments(comment)),
    ...(milliseconds === undefined ? [] : [retry(milliseconds)]),
    ...(id === undefined ? [] : [{ name: 'id' as const, id }]),
    { name: 'event', type: type || undefined, data: lines(data).join('\n'), id },
  ]
}

function comments(text: string): Happening[] {
  return lines(text).map((comment) => ({ name: 'comment', comment }))
}

function retry(milliseconds: number): Happening {
  return { name: 'retry', milliseconds: Math.min(milliseconds, 2147483647) }
}

function lines(text: string): string[] {
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n')
}

function wellFormed(init: EventInit): EventInit {
  const halves = /[\uD800-\uDFFF]/gu
  const entries = Object.entries(init).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replace(halves, '\uFFFD') : value,
  ])
  return Object.fromEntries(entries)
}
