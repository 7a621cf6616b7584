import { describe, expect, it } from 'vitest'
import { SseError } from '../../src/protocol/errors.ts'
import { createParser } from '../../src/protocol/parse.ts'

const maxEventBytes = 1000
const tooLarge = expect.objectContaining({ code: 'EVENT_TOO_LARGE', message: expect.stringContaining('1000') })

function limited(reset = false, onComment?: () => void) {
  const data: string[] = []
  const errors: SseError[] = []
  const parser = createParser({
    maxEventBytes,
    onComment,
    onEvent: (event) => data.push(event.data),
    onError: (error) => {
      if (error.code === 'UNKNOWN_FIELD') return
      errors.push(error)
      if (reset) parser.reset()
    },
  })
  return { ...parser, data, errors }
}

const encodings: [form: string, encode: (text: string) => string | Uint8Array][] = [
  ['text', String],
  ['bytes', (text) => new TextEncoder().encode(text)],
]

describe.each(encodings)('an event stream of %s', (_form, encode) => {
  /** What goes on for ever: how it begins, and what comes again and again. */
  const endless: [what: string, start: string, more: string][] = [
    ['a data line', 'data: ', 'x'.repeat(10)],
    ['an event line', 'event: ', 'x'.repeat(10)],
    ['an id line', 'id: ', 'x'.repeat(10)],
    ['a retry line', 'retry: ', '1'.repeat(10)],
    ['a comment that somebody listens to', ':', 'x'.repeat(10)],
    ['a data line after an event and an id', 'event: e\nid: 1\ndata: ', 'x'.repeat(10)],
    ['many small data lines', '', 'data: x\n'],
    ['many empty data lines', '', 'data\n'],
  ]

  it.each(endless)('that never ends %s is given up at the limit, and once', (_what, start, more) => {
    const { feed, data, errors } = limited(false, () => {})
    let fed = start.length
    feed(encode(start))
    for (; fed < 10 * maxEventBytes && errors.length === 0; fed += more.length) feed(encode(more))
    expect(errors).toEqual([tooLarge])
    expect(fed).toBeGreaterThanOrEqual(maxEventBytes)

    for (let count = 0; count < 2 * maxEventBytes; count++) feed(encode(more))
    feed(encode('\n\ndata: ignored\n\n'))
    expect({ data, errors }).toEqual({ data: [], errors: [tooLarge] })
  })

  it.each(endless)('that never ends %s within one chunk is given up too', (_what, start, more) => {
    const { feed, data, errors } = limited(false, () => {})
    feed(encode(`data: before\n\n${start}${more.repeat(1000)}\n\ndata: after\n\n`))
    expect({ data, errors }).toEqual({ data: ['before'], errors: [tooLarge] })
  })

  /** What has no effect, and how it begins. */
  const ignored: [what: string, start: string][] = [
    ['a comment', ': '],
    ['the line of an unknown field', 'foo: '],
    ['the line of a field that begins like another', 'dataset: '],
    ['a field name', ''],
  ]

  it.each(ignored)('may have %s of any length: it is ignored', (_what, start) => {
    const block = ['event: e\ndata: a\n', start, ...Array(500).fill('xxxxx'), '\ndata: b\n\ndata: c\n\n']
    for (const pieces of [
      block,
      [block.join('')],
      [`${block.slice(0, -1).join('')}`, block.at(-1)],
      [...block.join('')],
    ]) {
      const { feed, data, errors } = limited()
      for (const piece of pieces) feed(encode(piece))
      expect({ data, errors }).toEqual({ data: ['a\nb', 'c'], errors: [] })
    }
  })

  it('has its long unknown fields reported, by how they begin', () => {
    const reported: string[] = []
    const parser = createParser({ maxEventBytes, onError: ({ message }) => reported.push(message) })
    for (const piece of ['o', ...Array(500).fill('xxxxx'), ': value\n']) parser.feed(encode(piece))
    expect(reported).toEqual([`Ignored field "o${'x'.repeat(39)}"`])
  })

  it('that was given up is read again after reset()', () => {
    const { feed, reset, data, errors } = limited()
    for (let round = 0; round < 3; round++) {
      feed(encode(`event: lost\ndata: ${'x'.repeat(2000)}`))
      feed(encode('\n\ndata: ignored\n\n'))
      reset()
      feed(encode(`\uFEFFdata: ${round}\n\n`))
    }
    expect({ data, errors }).toEqual({ data: ['0', '1', '2'], errors: [tooLarge, tooLarge, tooLarge] })
  })

  it('that was given up is read again after reset() in onError, from the next chunk on', () => {
    const { feed, data, errors } = limited(true)
    feed(encode(`data: ${'x'.repeat(2000)}\n\ndata: ignored\n\n`))
    feed(encode('data: read\n\n'))
    expect({ data, errors }).toEqual({ data: ['read'], errors: [tooLarge] })
  })

  it('throws from feed() when there is no onError, once', () => {
    const parser = createParser({ maxEventBytes })
    const chunk = encode(`data: ${'x'.repeat(2000)}`)
    expect(() => parser.feed(chunk)).toThrow(SseError)
    parser.feed(chunk)
    parser.reset()
    expect(() => parser.feed(chunk)).toThrow(tooLarge)
  })

  it('is given up all the same when onError throws', () => {
    const failure = new Error('mine')
    const data: string[] = []
    const parser = createParser({
      maxEventBytes,
      onEvent: (event) => data.push(event.data),
      onError: () => {
        throw failure
      },
    })
    expect(() => parser.feed(encode(`data: ${'x'.repeat(2000)}`))).toThrow(failure)
    parser.feed(encode('\n\ndata: ignored\n\n'))
    expect(data).toEqual([])
    parser.reset()
    parser.feed(encode('data: read\n\n'))
    expect(data).toEqual(['read'])
  })

  it('may be as long as it likes, of events within the limit', () => {
    const { feed, data, errors } = limited()
    const event = `event: e\ndata: ${'x'.repeat(400)}\ndata: ${'x'.repeat(400)}\nid: 1\n\n`
    for (let count = 0; count < 20; count++) feed(encode(event))
    feed(encode(event.repeat(20)))
    expect({ events: data.length, errors }).toEqual({ events: 40, errors: [] })
  })

  it('may have any number of comments and other lines without effect, as heartbeats are, within one block', () => {
    const { feed, data, errors } = limited()
    feed(encode('data: a\n'))
    for (let count = 0; count < 1000; count++) feed(encode(': heartbeat\nfoo: bar\nretry: 1\n'))
    feed(encode(`${': heartbeat\n'.repeat(1000)}data: b\n\n`))
    expect({ data, errors }).toEqual({ data: ['a\nb'], errors: [] })
  })
})

it('without a limit of its own, a parser takes an event of 16 MiB', () => {
  const sizes: number[] = []
  const parser = createParser({ onEvent: ({ data }) => sizes.push(data.length) })
  parser.feed(`data: ${'x'.repeat(2 ** 24)}\n\n`)
  expect(sizes).toEqual([2 ** 24])
})
