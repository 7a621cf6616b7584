import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { SseError } from '../../src/protocol/errors.ts'
import type { ParsedEvent } from '../../src/protocol/event.ts'
import { type EventStreamOptions, EventStreamParser, readEvents } from '../../src/protocol/event-stream.ts'
import { createParser } from '../../src/protocol/parse.ts'

type Chunk = string | Uint8Array

const encoder = new TextEncoder()
const bytes = (text: string) => encoder.encode(text)

/** What a stream has been asked for: how many chunks, and whether to stop. */
class Source {
  pulls = 0
  cancelled = 0

  /** A stream of these chunks that makes each only when asked, and then ends, or fails. */
  stream(chunks: Iterable<Chunk>, failure?: Error): ReadableStream<Uint8Array> {
    const iterator = chunks[Symbol.iterator]()
    return new ReadableStream(
      {
        pull: (controller) => {
          this.pulls++
          const { done, value } = iterator.next()
          if (!done) controller.enqueue(typeof value === 'string' ? bytes(value) : value)
          else if (failure) controller.error(failure)
          else controller.close()
        },
        cancel: () => {
          this.cancelled++
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** The same as an async iterable that is no stream. */
  async *iterable(chunks: Iterable<Chunk>, failure?: Error): AsyncGenerator<Chunk> {
    let ended = false
    try {
      for (const chunk of chunks) {
        this.pulls++
        yield chunk
      }
      ended = true
      if (failure) throw failure
    } finally {
      if (!ended) this.cancelled++
    }
  }
}

function* numbered(): Generator<string> {
  for (let number = 1; ; number++) yield `data: ${number}\n\n`
}

async function collect(events: AsyncIterable<ParsedEvent>, into: ParsedEvent[] = []): Promise<ParsedEvent[]> {
  for await (const event of events) into.push(event)
  return into
}

async function* eventsOf(stream: ReadableStream<ParsedEvent>): AsyncGenerator<ParsedEvent> {
  yield* stream
}

const faces: [
  face: string,
  read: (
    source: Source,
    chunks: Iterable<Chunk>,
    options?: EventStreamOptions,
    failure?: Error,
  ) => AsyncGenerator<ParsedEvent>,
][] = [
  [
    'readEvents() of a ReadableStream',
    (source, chunks, options, failure) => readEvents(source.stream(chunks, failure), options),
  ],
  [
    'readEvents() of an async iterable',
    (source, chunks, options, failure) => readEvents(source.iterable(chunks, failure), options),
  ],
  [
    'EventStreamParser',
    (source, chunks, options, failure) =>
      eventsOf(source.stream(chunks, failure).pipeThrough(new EventStreamParser(options))),
  ],
]

describe.each(faces)('%s', (_face, read) => {
  it('gives the events in order, also when several come in one chunk or one in several', async () => {
    const chunks = ['event: add\nid: 1\ndata: a\n\ndata: b\n\nda', 'ta: ', '', 'c\n', '\n', ': bye\n']
    expect(await collect(read(new Source(), chunks))).toEqual([
      { type: 'add', data: 'a', id: '1' },
      { type: undefined, data: 'b', id: undefined },
      { type: undefined, data: 'c', id: undefined },
    ])
  })

  it('joins characters that are cut between chunks', async () => {
    const chunks = Array.from(bytes('\uFEFFdata: 👩‍🚀€\r\n\r\n'), (byte) => Uint8Array.of(byte))
    expect(await collect(read(new Source(), chunks))).toMatchObject([{ data: '👩‍🚀€' }])
  })

  it('reads a stream of tokens up to its [DONE], and then cancels what it reads from', async () => {
    function* completion() {
      for (const token of ['Hel', 'lo', ' there']) {
        yield `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: token } }] })}\n\n`
      }
      yield 'data: [DONE]\n\n'
      yield* numbered()
    }
    const source = new Source()
    let answer = ''
    for await (const { data } of read(source, completion())) {
      if (data === '[DONE]') break
      answer += JSON.parse(data).choices[0].delta.content
    }
    expect(answer).toBe('Hello there')
    expect(source.cancelled).toBe(1)
  })

  it('cancels what it reads from when the consumer throws, and lets the error be', async () => {
    const source = new Source()
    const failure = new Error('mine')
    const consume = async () => {
      for await (const _event of read(source, numbered())) throw failure
    }
    await expect(consume()).rejects.toBe(failure)
    expect(source.cancelled).toBe(1)
  })

  it('asks for chunks as events are taken, not for all there are', async () => {
    const source = new Source()
    const events = read(source, numbered())
    for (let taken = 1; taken <= 10; taken++) {
      expect((await events.next()).value).toMatchObject({ data: `${taken}` })
      await turn()
      expect(source.pulls).toBeLessThanOrEqual(taken + 2)
    }
    await events.return(undefined)
  })

  it('gives the events before a failure of what it reads from, and then that failure', async () => {
    const failure = new Error('broken off')
    const events = read(new Source(), ['data: 1\n\n', 'data: 2\n\ndata: lost'], {}, failure)
    expect((await events.next()).value).toMatchObject({ data: '1' })
    expect((await events.next()).value).toMatchObject({ data: '2' })
    await expect(events.next()).rejects.toBe(failure)
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it('fails with EVENT_TOO_LARGE, tells onError too, and cancels what it reads from', async () => {
    const source = new Source()
    const told: SseError[] = []
    const taken: ParsedEvent[] = []
    function* growing() {
      yield 'data: 1\n\n'
      yield 'data: '
      for (;;) yield 'x'.repeat(100)
    }
    const options: EventStreamOptions = { maxEventBytes: 1000, onError: (error) => told.push(error) }
    const failure = await collect(read(source, growing(), options), taken).catch((error) => error)
    expect(failure).toBeInstanceOf(SseError)
    expect(failure).toMatchObject({ code: 'EVENT_TOO_LARGE' })
    expect(told).toEqual([failure])
    expect(taken).toMatchObject([{ data: '1' }])
    await turn()
    expect(source.cancelled).toBe(1)
  })

  it('fails with EVENT_TOO_LARGE without onError just as well', async () => {
    const events = read(new Source(), [`data: ${'x'.repeat(2000)}`], { maxEventBytes: 1000 })
    await expect(collect(events)).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' })
  })

  it('tells comments, reconnection times, ids and lines without effect', async () => {
    const told: unknown[] = []
    const options: EventStreamOptions = {
      onComment: (comment) => told.push(comment),
      onRetry: (milliseconds) => told.push(milliseconds),
      onId: (id) => told.push(id),
      onError: (error) => told.push(error.code),
    }
    const events = read(new Source(), [': hello\nretry: 7\nid: 1\n\nfoo: bar\ndata: x\n\n'], options)
    expect(await collect(events)).toEqual([{ type: undefined, data: 'x', id: undefined }])
    expect(told).toEqual(['hello', 7, '1', 'UNKNOWN_FIELD'])
  })

  it('fails with what a callback throws, and cancels what it reads from', async () => {
    const source = new Source()
    const failure = new Error('mine')
    const options: EventStreamOptions = {
      onComment: () => {
        throw failure
      },
    }
    function* commented() {
      yield ': hello\n'
      yield* numbered()
    }
    await expect(collect(read(source, commented(), options))).rejects.toBe(failure)
    await turn()
    expect(source.cancelled).toBe(1)
  })
})

describe('readEvents()', () => {
  it('asks for nothing, and locks nothing, before the first event is asked for', () => {
    const source = new Source()
    const stream = source.stream(numbered())
    readEvents(stream)
    expect(stream.locked).toBe(false)
    expect(source.pulls).toBe(0)
  })

  it('asks for a chunk only when all events of the one before are taken', async () => {
    const source = new Source()
    const events = readEvents(source.stream(['data: 1\n\ndata: 2\n\n', 'data: 3\n\n']))
    await events.next()
    await events.next()
    expect(source.pulls).toBe(1)
    await events.next()
    expect(source.pulls).toBe(2)
  })

  it('gives the events that precede one that is too large in the same chunk', async () => {
    const taken: ParsedEvent[] = []
    const chunk = `data: 1\n\ndata: 2\n\ndata: ${'x'.repeat(2000)}\n\ndata: ignored\n\n`
    const reading = collect(readEvents(new Source().stream([chunk]), { maxEventBytes: 1000 }), taken)
    await expect(reading).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' })
    expect(taken).toMatchObject([{ data: '1' }, { data: '2' }])
  })

  it('calls its callbacks between the events, after those before have been consumed', async () => {
    const order: unknown[] = []
    const events = readEvents(new Source().stream(['id: 1\ndata: a\n\n:so far\nretry: 7\nid: 2\n\ndata: b\n\n']), {
      onComment: (comment) => order.push(comment),
      onRetry: (milliseconds) => order.push(milliseconds),
      onId: (id) => order.push(`#${id}`),
    })
    for await (const { data } of events) {
      await turn()
      order.push(data)
    }
    expect(order).toEqual(['#1', 'a', 'so far', 7, '#2', 'b'])
  })

  it('lets a loop be left after the connection was reset behind the last event', async () => {
    let reset!: () => void
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes('data: [DONE]\n\n'))
        reset = () => controller.error(new Error('terminated'))
      },
    })
    for await (const { data } of readEvents(stream)) {
      reset()
      expect(data).toBe('[DONE]')
      break
    }
    expect(stream.locked).toBe(false)
  })

  it('unlocks the stream when the loop is left', async () => {
    const stream = new Source().stream(numbered())
    for await (const _event of readEvents(stream)) break
    expect(stream.locked).toBe(false)
  })

  it('reads the body of a Response', async () => {
    const { body } = new Response('data: 1\n\ndata: 2\n\n')
    expect(await collect(readEvents(body as ReadableStream<Uint8Array>))).toMatchObject([{ data: '1' }, { data: '2' }])
  })

  it("reads a stream of Node's, and destroys it when the loop is left", async () => {
    const readable = Readable.from(numbered())
    for await (const { data } of readEvents(readable)) if (data === '3') break
    expect(readable.destroyed).toBe(true)
  })

  it.each([
    ['null, the body of a response without one', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a Response in place of its body', new Response('data: 1\n\n'), 'readEvents(response.body)'],
    ['text', 'data: 1\n\n', 'data: 1'],
    ['bytes', bytes('data: 1\n\n'), 'an object'],
  ])('refuses %s, at once', (_what, stream, words) => {
    expect(() => readEvents(stream as never)).toThrow(
      expect.objectContaining({ name: 'SseError', code: 'INVALID_OPTION', message: expect.stringContaining(words) }),
    )
  })
})

describe('EventStreamParser', () => {
  it('takes text as well as bytes', async () => {
    const text = new ReadableStream<string>({
      start(controller) {
        controller.enqueue('data: é')
        controller.enqueue('\n\n')
        controller.close()
      },
    })
    expect(await collect(eventsOf(text.pipeThrough(new EventStreamParser())))).toMatchObject([{ data: 'é' }])
  })

  it('is a TransformStream that can be piped on', async () => {
    const numbers: number[] = []
    await new Source()
      .stream(['data: 1\n\n', 'data: 2\n\n'])
      .pipeThrough(new EventStreamParser())
      .pipeTo(new WritableStream({ write: ({ data }) => void numbers.push(Number(data)) }))
    expect(new EventStreamParser()).toBeInstanceOf(TransformStream)
    expect(numbers).toEqual([1, 2])
  })
})

/** One turn of the event loop: whatever a stream would do by itself, it has done. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('a stream that ends inside an event', () => {
  const cuts: [text: string, isIncomplete: boolean][] = [
    ['', false],
    ['data: 1\n\n', false],
    ['data: 1\r\r', false],
    ['data: 1\n\n:', false],
    ['data: 1\n\n: heartbeat\n', false],
    ['data: 1\n\nretry: 2000\n', false],
    ['data: 1\n\nunknown\n', false],
    ['data: 1\n\ndata: 2\n', true],
    ['data: 1\n\ndata: 2', true],
    ['data: 1\n\nda', true],
    ['data: 1\n\nid: 7\n', true],
    ['data: 1\n\nevent: tick\n', true],
    ['data: 1\n\n: comment\nevent', true],
    [`data: 1\n\n: ${'x'.repeat(100)}`, false],
  ]

  it.each(cuts)('%j: %s', async (text, isIncomplete) => {
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = createParser({})
      parser.feed(text.slice(0, cut))
      parser.feed(text.slice(cut))
      expect([cut, parser.isIncomplete()]).toEqual([cut, isIncomplete])
      parser.reset()
      expect(parser.isIncomplete()).toBe(false)
    }
    const bytes = new TextEncoder().encode(text)
    const errors: string[] = []
    const options = { onError: (error: SseError) => errors.push(error.code) }
    const streams = [
      () => readEvents(new Response(bytes).body!, options),
      () => new Response(bytes).body!.pipeThrough(new EventStreamParser(options)),
    ]
    for (const open of streams) {
      errors.length = 0
      const data: string[] = []
      const read = async () => {
        for await (const event of open()) data.push(event.data)
      }
      if (isIncomplete) await expect(read()).rejects.toMatchObject({ name: 'SseError', code: 'INCOMPLETE_EVENT' })
      else await read()
      expect(data).toEqual(text === '' ? [] : ['1'])
      expect(errors.filter((code) => code === 'INCOMPLETE_EVENT')).toHaveLength(isIncomplete ? 1 : 0)
    }
  })

  it('does not matter to a loop that was left before', async () => {
    for await (const { data } of readEvents(new Response('data: [DONE]\n\ndata: 2').body!)) if (data === '[DONE]') break
  })
})
