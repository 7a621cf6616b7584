import { describe, expect, it } from 'vitest'
import { encodeComment, encodeEvent, encodeRetry, type Frame } from '../../src/protocol/encode.ts'
import { SseError, type SseErrorCode } from '../../src/protocol/errors.ts'
import type { EventInit } from '../../src/protocol/event.ts'

describe('an event', () => {
  const encodings: [claim: string, init: EventInit, frame: string][] = [
    ['of data alone is its data line and a blank line', { data: 'x' }, 'data: x\n\n'],
    [
      'is written as comment, type, reconnection time, data and then the id',
      { id: '7', data: 'x', retry: 0, type: 'add', comment: 'c' },
      ': c\nevent: add\nretry: 0\ndata: x\nid: 7\n\n',
    ],
    ['has one data line for each line, whether ended by LF', { data: 'a\nb' }, 'data: a\ndata: b\n\n'],
    ['by CR', { data: 'a\rb' }, 'data: a\ndata: b\n\n'],
    ['or by CRLF', { data: 'a\r\nb' }, 'data: a\ndata: b\n\n'],
    ['takes LF CR as two line ends', { data: 'a\n\rb' }, 'data: a\ndata:\ndata: b\n\n'],
    ['keeps the empty lines at both ends of its data', { data: '\na\n' }, 'data:\ndata: a\ndata:\n\n'],
    ['with empty data is sent', { data: '' }, 'data:\n\n'],
    ['keeps the spaces that its data begins and ends with', { data: ' a ' }, 'data:  a \n\n'],
    ['keeps the spaces of its type and id', { data: '', type: ' e', id: ' i ' }, 'event:  e\ndata:\nid:  i \n\n'],
    ['with an empty id resets the last event ID', { data: 'x', id: '' }, 'data: x\nid:\n\n'],
    ['with an empty type is a message', { data: 'x', type: '' }, 'data: x\n\n'],
    [
      'takes undefined for left out',
      { data: 'x', type: undefined, id: undefined, retry: undefined, comment: undefined },
      'data: x\n\n',
    ],
    ['has one comment line for each line', { data: 'x', comment: 'a\r\nb\rc' }, ': a\n: b\n: c\ndata: x\n\n'],
    ['with an empty comment begins with a colon', { data: 'x', comment: '' }, ':\ndata: x\n\n'],
    [
      'takes what looks like a field for the text it is',
      { data: 'id: 1', id: 'data: x' },
      'data: id: 1\nid: data: x\n\n',
    ],
    ['keeps what is no line end in data', { data: '\0\u2028\u0085\v\uFEFF' }, 'data: \0\u2028\u0085\v\uFEFF\n\n'],
    [
      'keeps what is no line end in type and id',
      { data: '', type: '\u2028\v', id: '\u2028\t' },
      'event: \u2028\v\ndata:\nid: \u2028\t\n\n',
    ],
  ]
  it.each(encodings)('%s', (_claim, init, frame) => {
    expect(encodeEvent(init)).toBe(frame)
  })
})

describe('a comment', () => {
  const encodings: [claim: string, text: string | undefined, frame: string][] = [
    ['is one line, and no block of its own', 'hello', ': hello\n'],
    ['without text is a colon', undefined, ':\n'],
    ['with empty text is a colon', '', ':\n'],
    ['keeps the space it begins with', ' a', ':  a\n'],
    ['has one line for each line of the text', 'a\nb\r\n\rc', ': a\n: b\n:\n: c\n'],
    ['cannot end to become a field', '\ndata: x\n\nid: 1', ':\n: data: x\n:\n: id: 1\n'],
  ]
  it.each(encodings)('%s', (_claim, text, frame) => {
    expect(encodeComment(text)).toBe(frame)
  })
})

describe('a reconnection time', () => {
  it.each([
    [0, 'retry: 0\n'],
    [-0, 'retry: 0\n'],
    [1500, 'retry: 1500\n'],
    [Number.MAX_SAFE_INTEGER, 'retry: 9007199254740991\n'],
  ])('of %d ms is written in digits', (milliseconds, frame) => {
    expect(encodeRetry(milliseconds)).toBe(frame)
  })
})

describe('refuses, and says the value,', () => {
  const encode = (init: unknown) => () => encodeEvent(init as EventInit)
  const retry = (milliseconds: unknown) => () => encodeRetry(milliseconds as number)
  const refusals: [what: string, encode: () => Frame, code: SseErrorCode, words: string[]][] = [
    ['an id with LF', encode({ data: '', id: 'a\nb' }), 'INVALID_EVENT_ID', ['id "a\\nb"', 'line break']],
    ['an id with CR', encode({ data: '', id: 'a\rb' }), 'INVALID_EVENT_ID', ['id "a\\rb"', 'line break']],
    ['an id with NUL', encode({ data: '', id: 'a\0b' }), 'INVALID_EVENT_ID', ['id "a\\u0000b"', 'NUL']],
    ...[1, 8, 0xb, 0xc, 0xe, 0x1f, 0x7f].map((code): (typeof refusals)[number] => {
      const id = String.fromCharCode(code)
      return [`an id with character ${code}`, encode({ data: '', id }), 'INVALID_EVENT_ID', ['control character']]
    }),
    ['a type with LF', encode({ data: '', type: 'a\nb' }), 'INVALID_EVENT_TYPE', ['type "a\\nb"', 'line break']],
    ['a type with CR', encode({ data: '', type: 'a\r' }), 'INVALID_EVENT_TYPE', ['type "a\\r"', 'line break']],
    ['a type with NUL', encode({ data: '', type: '\0' }), 'INVALID_EVENT_TYPE', ['type "\\u0000"', 'NUL']],
    ['a number as id', encode({ data: '', id: 7 }), 'INVALID_EVENT_ID', ['id is 7', 'not a string']],
    ['a bigint as id', encode({ data: '', id: 7n }), 'INVALID_EVENT_ID', ['id is 7', 'not a string']],
    ['null as id', encode({ data: '', id: null }), 'INVALID_EVENT_ID', ['id is null', 'not a string']],
    ['null as type', encode({ data: '', type: null }), 'INVALID_EVENT_TYPE', ['type is null', 'not a string']],
    ['a symbol as type', encode({ data: '', type: Symbol('s') }), 'INVALID_EVENT_TYPE', ['type is Symbol(s)']],
    ['an object as data', encode({ data: {} }), 'INVALID_DATA', ['data is an object', 'JSON.stringify()']],
    ['an array as data', encode({ data: ['a'] }), 'INVALID_DATA', ['data is an object', 'JSON.stringify()']],
    ['an object without a prototype', encode({ data: Object.create(null) }), 'INVALID_DATA', ['data is an object']],
    ['a function as data', encode({ data: () => 'x' }), 'INVALID_DATA', ['data is a function']],
    ['a number as data', encode({ data: 0 }), 'INVALID_DATA', ['data is 0', 'JSON.stringify()']],
    ['null as data', encode({ data: null }), 'INVALID_DATA', ['data is null']],
    ['an event without data', encode({ id: '1' }), 'INVALID_DATA', ['data is undefined']],
    ['a string for an event', encode('hi'), 'INVALID_DATA', ['Did you mean encodeEvent({ data: "hi" })?']],
    ['nothing for an event', encode(undefined), 'INVALID_DATA', ['undefined is not an event']],
    ['null for an event', encode(null), 'INVALID_DATA', ['null is not an event']],
    ['a number as comment', encode({ data: '', comment: 1 }), 'INVALID_DATA', ['comment is 1', 'not a string']],
    ['null as comment', () => encodeComment(null as never), 'INVALID_DATA', ['comment is null', 'not a string']],
    ['an event with a negative retry', encode({ data: '', retry: -1 }), 'INVALID_RETRY', ['retry is -1']],
    ['null as retry', encode({ data: '', retry: null }), 'INVALID_RETRY', ['retry is null']],
    ['a negative reconnection time', retry(-1), 'INVALID_RETRY', ['-1', 'milliseconds']],
    ['a fraction of a millisecond', retry(1.5), 'INVALID_RETRY', ['1.5', 'whole number']],
    ['NaN as reconnection time', retry(Number.NaN), 'INVALID_RETRY', ['NaN']],
    ['Infinity as reconnection time', retry(Number.POSITIVE_INFINITY), 'INVALID_RETRY', ['Infinity']],
    ['a reconnection time that would be written with an exponent', retry(1e21), 'INVALID_RETRY', ['1e+21']],
    ['a string of digits', retry('1000'), 'INVALID_RETRY', ['"1000"']],
    ['a bigint as reconnection time', retry(1000n), 'INVALID_RETRY', ['1000']],
    ['no reconnection time', retry(undefined), 'INVALID_RETRY', ['undefined']],
  ]
  it.each(refusals)('%s', (_what, refused, code, words) => {
    const error = thrownBy(refused)
    expect(error).toBeInstanceOf(SseError)
    expect(error).toMatchObject({ name: 'SseError', code })
    for (const word of words) expect((error as SseError).message).toContain(word)
  })

  it('but not all of a long one', () => {
    const error = thrownBy(encode({ data: '', id: `${'x'.repeat(1e6)}\n` })) as SseError
    expect(error.message).toContain('"xxx')
    expect(error.message.length).toBeLessThan(300)
  })
})

function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}
