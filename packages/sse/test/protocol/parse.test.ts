import { describe, expect, it } from 'vitest'
import { SseError, type SseErrorCode } from '../../src/protocol/errors.ts'
import { createParser, type Parser, type ParserOptions } from '../../src/protocol/parse.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** A stream that makes a parser call this callback, once. */
const calling = {
  onEvent: 'data: 1\n\n',
  onComment: ': hello\n',
  onRetry: 'retry: 7\n',
  onId: 'id: 1\n\n',
  onError: 'foo: bar\n',
} as const satisfies Partial<Record<keyof ParserOptions, string>>
const callbacks = Object.entries(calling) as [name: keyof typeof calling, stream: string][]

/** A parser that logs every call it makes as one line. */
function logging(options: ParserOptions = {}): Parser & { log: string[] } {
  const log: string[] = []
  const parser = createParser({
    onEvent: ({ type, data, id }) => log.push(`event ${JSON.stringify([type ?? null, data, id ?? null])}`),
    onComment: (comment) => log.push(`comment ${comment}`),
    onRetry: (milliseconds) => log.push(`retry ${milliseconds}`),
    onId: (id) => log.push(`id ${id}`),
    onError: (error) => log.push(error.code),
    ...options,
  })
  return { ...parser, log }
}

describe('a parser tells', () => {
  it('the last event ID at the blank line, before the event', () => {
    const { feed, log } = logging()
    feed('id: 1\nid: 2\ndata: x\n')
    expect(log).toEqual([])
    feed('\n')
    expect(log).toEqual(['id 2', 'event [null,"x","2"]'])
  })

  it('the reconnection time as soon as its line is read', () => {
    const { feed, log } = logging()
    feed('data: x\nretry: 1000')
    expect(log).toEqual([])
    feed('\r')
    expect(log).toEqual(['retry 1000'])
  })

  it('a comment as soon as its line is read', () => {
    const { feed, log } = logging()
    feed('data: x\n: hello\n')
    expect(log).toEqual(['comment hello'])
  })

  it('an event as soon as a CR ends its blank line, and does not take the LF that follows for another', () => {
    const { feed, log } = logging()
    feed('data: x\r\n\r')
    expect(log).toEqual(['event [null,"x",null]'])
    feed('\ndata: y\n\n')
    expect(log).toEqual(['event [null,"x",null]', 'event [null,"y",null]'])
  })

  it('nothing that nobody asked for', () => {
    const { feed, log } = logging({
      onEvent: undefined,
      onComment: undefined,
      onRetry: undefined,
      onId: undefined,
      onError: undefined,
    })
    feed(Object.values(calling).join(''))
    expect(log).toEqual([])
  })
})

describe('a chunk', () => {
  it('may be empty', () => {
    const { feed, log } = logging()
    for (const chunk of ['', new Uint8Array(), 'data: x', '', new Uint8Array(), '\n\n']) feed(chunk)
    expect(log).toEqual(['event [null,"x",null]'])
  })

  it('may be text or bytes, in one stream', () => {
    const { feed, log } = logging()
    for (const chunk of ['data: é', bytes('€'), '😀', bytes('\n'), '\n']) feed(chunk)
    expect(log).toEqual(['event [null,"é€😀",null]'])
  })

  it('may be a view of a larger buffer, or a Buffer', () => {
    const { feed, log } = logging()
    const larger = bytes('data: no\n\ndata: yes\n\ndata: no\n\n')
    feed(larger.subarray(10, 21))
    feed(Buffer.from('data: too\n\n'))
    expect(log).toEqual(['event [null,"yes",null]', 'event [null,"too",null]'])
  })

  it('may be overwritten as soon as it is fed', () => {
    const { feed, log } = logging()
    const buffer = new Uint8Array(4)
    for (const byte of bytes('event: é\nid: 1\ndata: two\ndata: lines\n\n')) {
      feed(buffer.fill(byte, 0, 1).subarray(0, 1))
      buffer.fill(0)
    }
    expect(log).toEqual(['id 1', 'event ["é","two\\nlines","1"]'])
  })
})

describe('reset()', () => {
  const beginnings: [what: string, beginning: string | Uint8Array][] = [
    ['fields', 'event: lost\nid: lost\ndata: lost\n'],
    ['half a line', 'data: lo'],
    ['half a character', Uint8Array.of(...bytes('data: '), 0xe2, 0x82)],
    ['half a character at the start', Uint8Array.of(0xf0, 0x9f)],
    ['half a byte order mark', Uint8Array.of(0xef, 0xbb)],
    ['the CR of a CRLF', 'data: lost\r'],
    ['a byte order mark', '\uFEFF'],
  ]

  it.each(beginnings)('forgets %s', (_what, beginning) => {
    for (const next of ['data: x\n\n', '\ndata: x\n\n', '\uFEFFdata: x\n\n']) {
      for (const encode of [String, bytes]) {
        const { feed, reset, log } = logging()
        feed(beginning)
        reset()
        feed(encode(next))
        expect(log, JSON.stringify(next)).toEqual(['event [null,"x",null]'])
      }
    }
  })

  it('does nothing to a parser that has read nothing', () => {
    const { feed, reset, log } = logging()
    reset()
    reset()
    feed('\uFEFFdata: x\n\n')
    expect(log).toEqual(['event [null,"x",null]'])
  })

  it.each(callbacks)('in %s discards the rest of the chunk, and the next begins a new stream', (name, stream) => {
    for (const encode of [String, bytes]) {
      let resets = 0
      const { feed, reset, log } = logging({
        [name]: () => {
          if (resets++ === 0) reset()
        },
      })
      feed(encode(`data: lost\n${stream}data: lost\n\n: lost\nid: lost\n\nretry: 0\ndata: lo`))
      expect(resets).toBe(1)
      expect(log).toEqual([])
      feed(encode('\uFEFFevent: new\n'))
      expect(log).toEqual([])
      feed(encode('data: x\n\n'))
      if (name === 'onEvent') expect(resets).toBe(2)
      else expect(log).toEqual(['event ["new","x",null]'])
    }
  })

  it('in onId takes back the event of the same block', () => {
    const { feed, reset, log } = logging({ onId: () => reset() })
    feed('id: 1\ndata: lost\n\ndata: lost too\n\n')
    expect(log).toEqual([])
  })
})

describe('a callback', () => {
  it.each(callbacks)('%s that throws does so out of feed(), and what is fed later is parsed', (name, stream) => {
    const failure = new Error('mine')
    let calls = 0
    const { feed, log } = logging({
      [name]: () => {
        if (calls++ === 0) throw failure
      },
    })
    expect(() => feed(stream)).toThrow(failure)
    feed('\n\n')
    feed('data: x\n\n')
    if (name === 'onEvent') expect(calls).toBe(2)
    else expect(log.at(-1)).toBe('event [null,"x",null]')
  })

  it.each(callbacks)('%s that feeds the same parser gets PARSER_BUSY, and the chunk is parsed on', (name, stream) => {
    const refusals: unknown[] = []
    const { feed, log } = logging({
      [name]: () => {
        try {
          feed('data: injected\n\n')
        } catch (error) {
          refusals.push(error)
        }
      },
    })
    feed(`${stream}\n${stream}`)
    expect(refusals).toEqual([expect.any(SseError), expect.any(SseError)])
    expect(refusals[0]).toMatchObject({ code: 'PARSER_BUSY', message: expect.stringContaining('feed()') })
    feed('data: x\n\n')
    if (name === 'onEvent') expect(refusals).toHaveLength(3)
    else expect(log.at(-1)).toBe('event [null,"x",null]')
    expect(log.join()).not.toContain('injected')
  })

  it('may feed another parser', () => {
    const inner = logging()
    const outer = logging({ onEvent: ({ data }) => inner.feed(`data: ${data}\n\n`) })
    outer.feed('data: x\n\n')
    expect(inner.log).toEqual(['event [null,"x",null]'])
  })
})

describe('a line that the standard ignores is told to onError as', () => {
  const ignored: [code: SseErrorCode, line: string, shown: string][] = [
    ['UNKNOWN_FIELD', 'foo: bar', '"foo"'],
    ['UNKNOWN_FIELD', 'foo', '"foo"'],
    ['UNKNOWN_FIELD', 'Data: x', '"Data"'],
    ['UNKNOWN_FIELD', ' data: x', '" data"'],
    ['UNKNOWN_FIELD', '{"error":"quota"}', 'error'],
    ['INVALID_RETRY', 'retry: 1s', '"1s"'],
    ['INVALID_RETRY', 'retry', '""'],
    ['INVALID_RETRY', 'retry: -1', '"-1"'],
    ['INVALID_EVENT_ID', 'id: a\0b', 'NUL'],
  ]

  it.each(ignored)('%s: %j', (code, line, shown) => {
    const errors: SseError[] = []
    const { feed, log } = logging({ onError: (error) => errors.push(error) })
    feed(`id: 1\ndata: a\n${line}\n`)
    expect(errors).toEqual([expect.any(SseError)])
    expect(errors).toMatchObject([{ code, message: expect.stringContaining(shown) }])
    feed('data: b\n\n')
    expect(log).toEqual(['id 1', 'event [null,"a\\nb","1"]'])
  })

  it.each(ignored)('%s, and without onError to nobody: %j', (_code, line) => {
    const { feed, log } = logging({ onError: undefined })
    feed(`data: a\n${line}\n\n`)
    expect(log).toEqual(['event [null,"a",null]'])
  })

  it.each([['x'], ['retry: 1x'], ['id: \0']])('a short message, however long the line: %j', (start) => {
    const messages: string[] = []
    const { feed } = logging({ onError: ({ message }) => messages.push(message) })
    feed(`${start.padEnd(100_000, 'x')}\n`)
    expect(messages).toHaveLength(1)
    expect(messages[0]?.length).toBeLessThan(300)
  })
})
