import { describe, expect, it } from 'vitest'
import { parseInPieces } from './parse-in-pieces.ts'
import { type Happening, parseWholeStream } from './reference-parser.ts'

const event = (data: string, more: { type?: string; id?: string } = {}): Happening => ({
  name: 'event',
  type: more.type,
  data,
  id: more.id,
})
const id = (id: string): Happening => ({ name: 'id', id })
const retry = (milliseconds: number): Happening => ({ name: 'retry', milliseconds })
const comment = (comment: string): Happening => ({ name: 'comment', comment })

/** What each stream means by the standard, said by hand. */
const streams: [claim: string, stream: string, meaning: Happening[]][] = [
  ['joins several data lines with LF', 'data: YHOO\ndata: +2\ndata: 10\n\n', [event('YHOO\n+2\n10')]],
  ['takes the space after the colon as optional', 'data:test\n\ndata: test\n\n', [event('test'), event('test')]],
  ['takes only one space', 'data:  two\n\n', [event(' two')]],
  ['keeps a tab after the colon', 'data:\tx\n\n', [event('\tx')]],
  ['gives an event with empty data for a lone data field', 'data\n\n', [event('')]],
  ['gives an event with empty data for data and a colon', 'data:\n\n', [event('')]],
  ['gives one LF for two empty data fields', 'data\ndata\n\n', [event('\n')]],
  ['drops only the last LF of the data', 'data: a\ndata:\ndata:\n\n', [event('a\n\n')]],
  ['discards a block without its blank line', 'data: kept\n\ndata: lost\nid: lost\n', [event('kept')]],
  ['discards a last line without its end', 'data: kept\n\ndata: lost', [event('kept')]],
  ['knows CR', 'data: a\rdata: b\r\r', [event('a\nb')]],
  ['knows CRLF', 'data: a\r\ndata: b\r\n\r\n', [event('a\nb')]],
  ['knows all line ends mixed', 'data: a\rdata: b\r\ndata: c\n\rdata: d\r\n\n', [event('a\nb\nc'), event('d')]],
  ['takes CR LF CR as two line ends', 'data: a\r\n\rdata: b\n\n', [event('a'), event('b')]],
  ['takes LF CR as two line ends', 'data: a\n\rdata: b\n\n', [event('a'), event('b')]],
  ['drops one byte order mark', '\uFEFFdata: a\n\n', [event('a')]],
  ['keeps the second byte order mark', '\uFEFF\uFEFFdata: a\n\ndata: b\n\n', [event('b')]],
  ['keeps the characters that look like a byte order mark', 'ï»¿data: a\n\ndata: b\n\n', [event('b')]],
  ['keeps a byte order mark in the data', 'data: \uFEFFa\n\n', [event('\uFEFFa')]],
  ['reads multi-byte characters', 'data: é€𝄞👩‍🚀\nevent: naïve\n\n', [event('é€𝄞👩‍🚀', { type: 'naïve' })]],
  [
    'does not take U+2028, U+2029, U+0085, VT or FF for a line end',
    'data: a\u2028b\u2029c\u0085d\ve\f\n\n',
    [event('a\u2028b\u2029c\u0085d\ve\f')],
  ],
  ['ignores unknown fields', 'foo: bar\nData: x\ndata : x\n data: x\ndata: y\n\n', [event('y')]],
  [
    'tells comments',
    ': one\n:two\n:\n::\ndata: x\n\n',
    [comment('one'), comment('two'), comment(''), comment(':'), event('x')],
  ],
  ['dispatches nothing for a block of comments', ':\n\n', [comment('')]],
  ['dispatches nothing for blank lines', '\n\n\r\n\r\n', []],
  ['gives the event type', 'event: add\ndata: 1\n\ndata: 2\n\n', [event('1', { type: 'add' }), event('2')]],
  ['takes the last event field of a block', 'event: a\nevent: b\ndata: 1\n\n', [event('1', { type: 'b' })]],
  ['resets the event type with an empty event field', 'event: foo\nevent:\ndata: 1\n\n', [event('1')]],
  ['drops the event type of a block without data', 'event: foo\n\ndata: 1\n\n', [event('1')]],
  ['gives the id', 'data: 1\nid: 7\n\n', [id('7'), event('1', { id: '7' })]],
  ['gives the id of a block without data', 'id: 7\n\ndata: 1\n\n', [id('7'), event('1')]],
  ['resets the id with an empty id field', 'id\ndata: 1\n\nid:\n\n', [id(''), event('1', { id: '' }), id('')]],
  ['ignores an id with a NUL', 'id: 1\nid: a\0b\ndata: 1\n\n', [id('1'), event('1', { id: '1' })]],
  ['keeps a NUL in data and type', 'event: a\0\ndata: \0\n\n', [event('\0', { type: 'a\0' })]],
  ['tells the reconnection time', 'retry: 15000\n\n', [retry(15000)]],
  ['tells the reconnection time at once, without a blank line', 'retry:0\ndata: lost', [retry(0)]],
  ['takes leading zeros', 'retry: 0007\n', [retry(7)]],
  ['clamps a reconnection time that no timer takes', 'retry: 99999999999999999999\n', [retry(2147483647)]],
  [
    'ignores a retry that is not all ASCII digits',
    'retry: +40\nretry: -1\nretry: 1e1\nretry: 40 \nretry:  4\nretry: 0x1\nretry: ٤\nretry\nretry:\nretry: 1.5\ndata: x\n\n',
    [event('x')],
  ],
  ['takes a colon in the value', 'data: a:b: c\nid: x:y\n\n', [id('x:y'), event('a:b: c', { id: 'x:y' })]],
  ['takes everything after an id as the value', 'id: a b \ndata:\n\n', [id('a b '), event('', { id: 'a b ' })]],
]

describe.each(streams)('%s', (_claim, stream, meaning) => {
  const bytes = new TextEncoder().encode(stream)

  it('as the standard says', () => {
    expect(parseWholeStream(stream)).toEqual(meaning)
    expect(parseInPieces([stream])).toEqual(meaning)
    expect(parseInPieces([bytes])).toEqual(meaning)
  })

  it('wherever the bytes are cut in two, and byte by byte', () => {
    for (let at = 0; at <= bytes.length; at++) {
      expect(parseInPieces([bytes.slice(0, at), bytes.slice(at)]), `cut at byte ${at}`).toEqual(meaning)
    }
    expect(parseInPieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(meaning)
  })

  it('wherever the text is cut in two, and unit by unit', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(parseInPieces([stream.slice(0, at), stream.slice(at)]), `cut at unit ${at}`).toEqual(meaning)
    }
    expect(parseInPieces(stream.split(''))).toEqual(meaning)
  })
})

it('reads bytes that are no UTF-8 as U+FFFD, the same at every cut', () => {
  const bytes = Uint8Array.of(...new TextEncoder().encode('data: a'), 0xff, 0xe2, 0x82, 0x0a, 0x0a)
  const meaning = [event('a\uFFFD\uFFFD')]
  for (let at = 0; at <= bytes.length; at++) {
    expect(parseInPieces([bytes.slice(0, at), bytes.slice(at)]), `cut at byte ${at}`).toEqual(meaning)
  }
})
