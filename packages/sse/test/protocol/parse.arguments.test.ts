import { describe, expect, it } from 'vitest'
import { SseError } from '../../src/protocol/errors.ts'
import { EventStreamParser, readEvents } from '../../src/protocol/event-stream.ts'
import { createParser, type ParserOptions } from '../../src/protocol/parse.ts'

const invalidOption = (...words: string[]) =>
  expect.objectContaining({
    name: 'SseError',
    code: 'INVALID_OPTION',
    message: expect.stringMatching(new RegExp(words.map((word) => `(?=.*${word})`).join(''))),
  })

describe('createParser() refuses', () => {
  const refusals: [what: string, options: unknown, words: string[]][] = [
    ['no options', undefined, ['createParser', 'onEvent']],
    ['null', null, ['createParser', 'onEvent']],
    ['a function, and tells where it goes', () => {}, ['createParser', 'onEvent']],
    ['an onEvent that is no function', { onEvent: 'x' }, ['onEvent', 'x']],
    ['an onComment that is no function', { onComment: {} }, ['onComment']],
    ['an onRetry that is no function', { onRetry: 1 }, ['onRetry', '1']],
    ['an onId that is no function', { onId: [] }, ['onId']],
    ['an onError that is no function', { onError: true }, ['onError', 'true']],
    ['onevent', { onevent: () => {} }, ['onevent', 'Did you mean onEvent', 'onComment']],
    ['maxBufferSize', { maxBufferSize: 1024 }, ['maxBufferSize', 'Did you mean maxEventBytes']],
    ['a negative maxEventBytes', { maxEventBytes: -1 }, ['maxEventBytes', '-1']],
    ['a maxEventBytes of NaN, which nothing is larger than', { maxEventBytes: Number.NaN }, ['maxEventBytes', 'NaN']],
    ['a maxEventBytes that is no number', { maxEventBytes: '10' }, ['maxEventBytes', '10']],
  ]
  it.each(refusals)('%s', (_what, options, words) => {
    expect(() => createParser(options as ParserOptions)).toThrow(SseError)
    expect(() => createParser(options as ParserOptions)).toThrow(invalidOption(...words))
  })
})

describe('readers refuse', () => {
  const empty = new ReadableStream<Uint8Array>()
  it.each<[string, object, string[]]>([
    ['onEvent, because they return the events', { onEvent: () => {} }, ['onEvent']],
    ['onerror', { onerror: () => {} }, ['onerror', 'Did you mean onError']],
    ['a maxEventBytes that is no number', { maxEventBytes: '10' }, ['maxEventBytes', '10']],
    ['null', null as never, ['null']],
  ])('%s', (_, options, words) => {
    expect(() => readEvents(empty, options)).toThrow(invalidOption(...words))
    expect(() => new EventStreamParser(options)).toThrow(invalidOption(...words))
  })
})

describe('feed() refuses', () => {
  it.each([[undefined], [null], [7], [true], [{}], [['data: x']], [new Date(0)]])('%j, and reads on', (chunk) => {
    const data: string[] = []
    const parser = createParser({ onEvent: (event) => data.push(event.data) })
    parser.feed('data: a')
    expect(() => parser.feed(chunk as never)).toThrow(invalidOption('Uint8Array', 'string'))
    parser.feed('b\n\n')
    expect(data).toEqual(['ab'])
  })
})

describe('a chunk of bytes', () => {
  const whole = new TextEncoder().encode('data: é€𝄞\n\n')
  const views: [what: string, view: (bytes: Uint8Array) => ArrayBufferView][] = [
    ['an Int8Array', (bytes) => new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)],
    ['a Uint8ClampedArray', (bytes) => new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.length)],
    ['a DataView', (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)],
    ['a Buffer', (bytes) => Buffer.from(bytes)],
  ]
  it.each(views)('may be %s, cut anywhere', (_what, view) => {
    for (let cut = 0; cut <= whole.length; cut++) {
      const data: string[] = []
      const parser = createParser({ onEvent: (event) => data.push(event.data) })
      parser.feed(view(whole.subarray(0, cut)) as Uint8Array)
      parser.feed(view(whole.subarray(cut)) as Uint8Array)
      expect([cut, data]).toEqual([cut, ['é€𝄞']])
    }
  })
})
