import { createParser } from '@headwater/sse'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ExplainedStream, explainStream } from '../src/explain-stream.ts'

/** What our parser makes of a stream, in the order in which it says so. */
function parsed(stream: string) {
  const told: unknown[] = []
  let lastEventId = ''
  const parser = createParser({
    onEvent: ({ type = 'message', data }) => told.push({ event: { type, data, lastEventId } }),
    onId: (id) => {
      lastEventId = id
    },
    onRetry: (ms) => told.push({ retry: ms }),
    onComment: (comment) => told.push({ comment }),
    onError: ({ code }) => told.push({ ignored: code }),
  })
  parser.feed(stream)
  return { told, lastEventId, isIncomplete: parser.isIncomplete() }
}

/** The same, as the explanation has it. */
function explained({ lines, lastEventId, isIncomplete }: ExplainedStream) {
  const told: unknown[] = []
  for (const { effect, event, text, value } of lines) {
    if (event) told.push({ event })
    else if (effect === 'comment') told.push({ comment: text.slice(text[1] === ' ' ? 2 : 1) })
    else if (effect === 'retry') told.push({ retry: Math.min(Number(value), 2_147_483_647) })
    else if (effect === 'retry-ignored') told.push({ ignored: 'INVALID_RETRY' })
    else if (effect === 'id-nul') told.push({ ignored: 'INVALID_EVENT_ID' })
    else if (effect === 'unknown') told.push({ ignored: 'UNKNOWN_FIELD' })
  }
  return { told, lastEventId, isIncomplete }
}

const pieces = ['data', 'event', 'id', 'retry', ':', ': ', ' ', 'x', '7', '3000', '-1', '\0', '\ufeff', '한']
const ends = ['\n', '\n', '\r', '\r\n', '\n\n']
const streams = fc.array(fc.constantFrom(...pieces, ...ends), { maxLength: 60 }).map((parts) => parts.join(''))

describe('the explanation of a stream', () => {
  test('says of every stream what our parser makes of it', () => {
    fc.assert(
      fc.property(fc.oneof(streams, fc.string({ unit: 'binary' })), (stream) => {
        expect(explained(explainStream(stream))).toEqual(parsed(stream))
      }),
      { numRuns: 5000 },
    )
  })

  test('has every character of the stream, in order', () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const { lines, hasBom } = explainStream(stream)
        expect((hasBom ? '\ufeff' : '') + lines.map(({ text, ending }) => text + ending).join('')).toBe(stream)
      }),
    )
  })

  test('names field, value and effect of each line', () => {
    const { lines } = explainStream(': c\ndata:  a\nDATA: b\nid: 1\0\nretry: 1e3\nevent:\ndata\n\nid: 2\n\nda')
    expect(lines.map(({ field, value, effect }) => [field, value, effect])).toEqual([
      [undefined, undefined, 'comment'],
      ['data', ' a', 'data'],
      ['DATA', 'b', 'unknown'],
      ['id', '1\0', 'id-nul'],
      ['retry', '1e3', 'retry-ignored'],
      ['event', '', 'event-reset'],
      ['data', '', 'data'],
      [undefined, undefined, 'dispatch'],
      ['id', '2', 'id'],
      [undefined, undefined, 'blank'],
      [undefined, undefined, 'unfinished'],
    ])
  })
})
