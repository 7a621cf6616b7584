import { describe, expect, test } from 'vitest'
import { type PublishInit, prepareEvent } from '../../src/hub/publish-init.ts'

const epoch = '0123456789'
const parse = (init: PublishInit) => prepareEvent(init, epoch, { maxTopics: 1000 }).event
const refusal = (init: PublishInit): [string, string] => {
  try {
    parse(init)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return [code, message]
  }
  return ['none', '']
}

describe('what a publisher may publish', () => {
  test('needs nothing but a topic', () => {
    expect(parse({ topic: 'a' })).toEqual({
      topics: ['a'],
      data: '',
      isPrivate: false,
      id: undefined,
      type: undefined,
      retryMs: undefined,
    })
  })

  test('keeps the order of topics, and each once', () => {
    expect(parse({ topic: ['b', 'a', 'b'] }).topics).toEqual(['b', 'a'])
  })

  test.each([[['a']], [['a', 'b']]])('keeps %j, however the program changes its array later', (topic) => {
    const { topics } = parse({ topic })
    const before = [...topic]
    topic[0] = '*'
    expect(topics).toEqual(before)
  })

  test('takes an empty id, an empty type and a retry of 0 for none', () => {
    expect(parse({ topic: 'a', id: '', type: '', retry: 0 })).toMatchObject({
      id: undefined,
      type: undefined,
      retryMs: undefined,
    })
  })

  test.each([
    'urn:uuid:1',
    'a b',
    'ï ⛲',
    'x'.repeat(1024),
    'earliest-1',
    '-',
    '-1a',
    'other.1.tag',
    `${epoch}x.1.tag`,
  ])('takes the id %j', (id) => {
    expect(parse({ topic: 'a', id }).id).toBe(id)
  })

  test.each([
    ['#1', '"#"'],
    ['earliest', 'the beginning of the history'],
    ['-10', 'a number of last events'],
    ['headwater-end.0.7', 'would stop every client'],
    [' a', 'a space, which HTTP drops'],
    ['a ', 'a space, which HTTP drops'],
    [`${epoch}.1.tag`, "this hub's own ids"],
    [`${epoch}.0`, "this hub's own ids"],
    ['a\nid: b', 'U+000A'],
    ['a\rb', 'U+000D'],
    ['a\0b', 'U+0000'],
    ['a\u200bb', 'U+200B'],
    ['a\u0085b', 'U+0085'],
    ['a\ud800b', 'U+D800'],
  ])('refuses the id %j', (id, why) => {
    const [code, message] = refusal({ topic: 'a', id })
    expect(code).toBe('INVALID_EVENT_ID')
    expect(message).toContain(why)
    expect(message).toContain(JSON.stringify(id))
  })

  test('refuses an id that no header would carry', () => {
    expect(refusal({ topic: 'a', id: '⛲'.repeat(400) })).toEqual(['TOO_LARGE', expect.stringContaining('1200 bytes')])
  })

  test.each([
    ['mercure', 'reserved'],
    ['headwater-gap', 'reserved'],
    ['headwater-position', 'reserved'],
    ['headwater-close', 'reserved'],
    ['a\ndata: forged', 'U+000A'],
    ['a\u202eb', 'U+202E'],
  ])('refuses the type %j', (type, why) => {
    const [code, message] = refusal({ topic: 'a', type })
    expect(code).toBe('INVALID_EVENT_TYPE')
    expect(message).toContain(why)
  })

  test.each([
    [[], 'no topic'],
    ['', 'empty'],
    ['*', '"*"'],
    ['a\nb', 'U+000A'],
    ['a\u007fb', 'U+007F'],
    ['a\ufeffb', 'U+FEFF'],
    [['a', '*'], '"*"'],
    [['a', 5 as unknown as string], 'number'],
    [undefined as unknown as string, 'no topic'],
  ])('refuses the topic %j', (topic, why) => {
    const [code, message] = refusal({ topic })
    expect(code).toBe('INVALID_TOPIC')
    expect(message).toContain(why)
  })

  test('refuses more than 1000 topics', () => {
    const topics = Array.from({ length: 1001 }, (_, n) => `${n}`)
    expect(refusal({ topic: topics })).toEqual(['TOO_LARGE', expect.stringContaining('1001')])
    expect(parse({ topic: topics.slice(1) }).topics.length).toBe(1000)
  })

  test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53, '5' as unknown as number])('refuses the retry %s', (retry) => {
    expect(refusal({ topic: 'a', retry })).toEqual(['INVALID_RETRY', expect.stringContaining(String(retry))])
  })

  test('refuses a retry of more than a day, which browsers wait out, or take for none', () => {
    expect(parse({ topic: 'a', retry: 86_400_000 }).retryMs).toBe(86_400_000)
    for (const retry of [86_400_001, 2 ** 31, Number.MAX_SAFE_INTEGER])
      expect(refusal({ topic: 'a', retry })).toEqual(['INVALID_RETRY', expect.stringContaining('the most is 86400000')])
  })

  test('refuses data that is no text, and says what to do', () => {
    expect(refusal({ topic: 'a', data: { n: 1 } as unknown as string })).toEqual([
      'INVALID_DATA',
      expect.stringContaining('JSON.stringify'),
    ])
    expect(refusal({ topic: 'a', data: 'half \ud83d' })[0]).toBe('INVALID_DATA')
  })
})
