import { Readable } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import { readEvents } from '../../src/protocol/index.ts'
import type { ObservableSource } from '../../src/server/observable.ts'
import { dataOf, opener, turns, until } from './opener.ts'
import { transports } from './transports.ts'

describe.each(transports)('pipe over $name', ({ serve }) => {
  const { open } = opener(serve)

  const sources: [string, () => Iterable<string> | AsyncIterable<string> | ReadableStream<string>][] = [
    ['an array', () => ['a', 'b', 'c']],
    [
      'a generator',
      function* () {
        yield* ['a', 'b', 'c']
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* ['a', 'b', 'c']
      },
    ],
    ['a Node stream of objects', () => Readable.from(['a', 'b', 'c'])],
    [
      'a web stream',
      () =>
        new ReadableStream({
          start(c) {
            for (const x of 'abc') c.enqueue(x)
            c.close()
          },
        }),
    ],
  ]

  test.each(sources)('sends everything of %s, then closes for good', async (_, source) => {
    const { response, session } = await open({}, { headers: { accept: 'text/event-stream' } })
    const piped = session.pipe(source())
    const text = await response.text()
    expect(dataOf(text)).toEqual(['a', 'b', 'c', '{}'])
    expect(text).toMatch(/event: headwater-close\ndata: \{\}\nid: headwater-end\.\w+\.\n\n$/)
    expect(await piped).toEqual({ outcome: 'completed' })
    expect(await session.closed).toBe('closed')
  })

  test('sends objects as events, and what is no object as the data of one', async () => {
    const { response, session } = await open()
    session.pipe([{ type: 'tick', data: { n: 1 }, id: '1' }, '', 0, false, null])
    const text = await response.text()
    expect(text).toContain('event: tick\ndata: {"n":1}\nid: 1\n\n')
    expect(dataOf(text).slice(1)).toEqual(['', '0', 'false', 'null'])
  })

  test('makes an event of each item as told', async () => {
    const { response, session } = await open()
    session.pipe([{ id: 5 }, { id: 6 }], { toEvent: (row) => ({ type: 'row', data: row, id: String(row.id) }) })
    expect(await response.text()).toContain(
      'event: row\ndata: {"id":5}\nid: 5\n\nevent: row\ndata: {"id":6}\nid: 6\n\n',
    )
  })

  test('decodes bytes as UTF-8 wherever a chunk is cut', async () => {
    const bytes = Buffer.from('aé€😀z')
    const { response, session } = await open()
    session.pipe(Readable.from(Array.from(bytes, (byte) => Uint8Array.of(byte))))
    expect(dataOf(await response.text()).join('')).toBe('aé€😀z')
  })

  test('passes on the events of another event stream', async () => {
    const upstream = new Blob(['event: token\ndata: {"a":1}\nid: 7\n\n: a heartbeat\n\ndata: [DONE]\n\n']).stream()
    const { response, session } = await open()
    session.pipe(readEvents(upstream))
    expect(await response.text()).toContain('event: token\ndata: {"a":1}\nid: 7\n\ndata: [DONE]\n\n')
  })

  test('leaves the session open when told to', async () => {
    const { response, session } = await open()
    expect(await session.pipe(['a'], { keepOpen: true })).toEqual({ outcome: 'completed' })
    expect(await session.pipe(['b'], { keepOpen: true })).toEqual({ outcome: 'completed' })
    session.send({ data: 'c' })
    expect(dataOf(await response.until('data: c\n\n'))).toEqual(['a', 'b', 'c'])
  })

  test('takes no more from a source than the client reads', async () => {
    const { response, session } = await open()
    const total = 8000
    let made = 0
    const piped = session.pipe(
      (function* () {
        for (; made < total; made++) yield `${made} ${'x'.repeat(2000)}`
      })(),
    )
    await turns(300)
    expect(made).toBeLessThan(total)
    expect(session.unsentBytes).toBeLessThan(100_000)
    expect(dataOf(await response.text())).toHaveLength(total)
    expect(await piped).toEqual({ outcome: 'completed' })
  })

  test('leaves timers and sockets their turn, however fast source and client are', async () => {
    const { response, session } = await open()
    let isOver = false
    const piped = session.pipe(
      (function* () {
        while (!isOver) yield ''
      })(),
    )
    // Were the event loop held, this would never be reached.
    await response.until('data:\n\n'.repeat(5000))
    isOver = true
    await response.text()
    await piped
  })

  describe('when the source fails', () => {
    const failure = new Error('a secret of the database')
    const failing: [string, () => Iterable<string> | AsyncIterable<string> | ReadableStream<string>][] = [
      [
        'a generator',
        function* () {
          yield 'a'
          throw failure
        },
      ],
      [
        'an async generator',
        async function* () {
          yield 'a'
          throw failure
        },
      ],
      [
        'a Node stream',
        () =>
          Readable.from(
            (async function* () {
              yield 'a'
              throw failure
            })(),
          ),
      ],
      [
        'a web stream',
        () => {
          let isFirst = true
          return new ReadableStream({
            pull(c) {
              if (isFirst) c.enqueue('a')
              else c.error(failure)
              isFirst = false
            },
          })
        },
      ],
    ]

    test.each(failing)('breaks the response off, and tells the operator why: %s', async (_, source) => {
      const onError = vi.fn()
      const { response, session } = await open({ onError })
      const piped = session.pipe(source())
      expect(await response.broken()).toMatch(/data: a\n\n$/)
      expect(await piped).toEqual({ outcome: 'failed', error: failure })
      expect(await session.closed).toBe('failed')
      expect(onError).toHaveBeenCalledExactlyOnceWith(failure)
    })

    test('sends the event given for it', async () => {
      const { response, session } = await open({ onError: vi.fn() })
      session.pipe(failing[0]?.[1]() ?? [], {
        errorEvent: (error) => ({ type: 'failed', data: (error as Error).message }),
      })
      expect(await response.broken()).toMatch(/event: failed\ndata: a secret of the database\n\n$/)
    })

    test('sends no event when making one fails too, and reports both', async () => {
      const onError = vi.fn()
      const second = new Error('second')
      const { response, session } = await open({ onError })
      session.pipe(failing[0]?.[1]() ?? [], {
        errorEvent: () => {
          throw second
        },
      })
      expect(await response.broken()).toMatch(/data: a\n\n$/)
      expect(onError.mock.calls).toEqual([[failure], [second]])
    })

    test('leaves the session open when told to', async () => {
      const { response, session } = await open({ onError: vi.fn() })
      await session.pipe(failing[1]?.[1]() ?? [], { keepOpen: true, errorEvent: { type: 'failed', data: '' } })
      session.send({ data: 'on' })
      expect(await response.until('data: on\n\n')).toContain('event: failed\n')
    })

    test('ends the source when an item is no event', async () => {
      const onError = vi.fn()
      const ended = vi.fn()
      const { response, session } = await open({ onError })
      const source = function* () {
        try {
          yield { name: 'a row' } as unknown as string
        } finally {
          ended()
        }
      }
      const piped = session.pipe(source())
      await response.broken()
      expect(await piped).toMatchObject({ outcome: 'failed', error: { code: 'INVALID_DATA' } })
      expect(ended).toHaveBeenCalledOnce()
    })

    test('needs nobody to await it', async () => {
      const unhandled = vi.fn()
      process.on('unhandledRejection', unhandled)
      const { response, session } = await open({ onError: vi.fn() })
      session.pipe(failing[1]?.[1]() ?? [])
      await response.broken()
      await turns(3)
      process.off('unhandledRejection', unhandled)
      expect(unhandled).not.toHaveBeenCalled()
    })
  })

  describe('when the client leaves', () => {
    test('ends an async iterator at once, also while its next item is being made', async () => {
      const { response, session } = await open()
      const ended = vi.fn()
      const source: AsyncIterable<string> = {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => {}),
          return: async () => {
            ended()
            return { done: true, value: undefined }
          },
        }),
      }
      const piped = session.pipe(source)
      await response.until(':\n')
      response.leave()
      expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
      expect(ended).toHaveBeenCalledOnce()
    })

    test('ends a generator that waits for room', async () => {
      const { response, session } = await open()
      const ended = vi.fn()
      const piped = session.pipe(
        (function* () {
          try {
            for (;;) yield 'x'.repeat(10_000)
          } finally {
            ended()
          }
        })(),
      )
      await turns(100)
      expect(ended).not.toHaveBeenCalled()
      response.leave()
      expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
      expect(ended).toHaveBeenCalledOnce()
    })

    test('destroys a Node stream', async () => {
      const { response, session } = await open()
      const source = new Readable({ read() {} })
      const piped = session.pipe(source)
      await response.until(':\n')
      response.leave()
      expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
      expect(source.destroyed).toBe(true)
    })

    test('cancels a web stream', async () => {
      const { response, session } = await open()
      const cancelled = vi.fn()
      const piped = session.pipe(new ReadableStream<string>({ cancel: cancelled }))
      await response.until(':\n')
      response.leave()
      expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
      expect(cancelled).toHaveBeenCalledOnce()
    })

    test('takes what the source throws because of that for no failure', async () => {
      const onError = vi.fn()
      const { response, session } = await open({ onError })
      const piped = session.pipe(
        (async function* () {
          yield 'a'
          await new Promise((_, reject) =>
            session.signal.addEventListener('abort', () => reject(session.signal.reason)),
          )
        })(),
      )
      await response.until('data: a')
      response.leave()
      expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
      await turns(3)
      expect(onError).not.toHaveBeenCalled()
    })

    test('reports what the source throws while it cleans up', async () => {
      const onError = vi.fn()
      const { response, session } = await open({ onError })
      const failure = new Error('could not clean up')
      const source: AsyncIterable<string> = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => Promise.reject(failure) }),
      }
      session.pipe(source)
      await response.until(':\n')
      response.leave()
      await until(() => onError.mock.calls.length > 0)
      expect(onError).toHaveBeenCalledExactlyOnceWith(failure)
    })
  })

  test('into a session that is over ends the source at once', async () => {
    const { response, session } = await open()
    response.leave()
    await session.closed
    const cancelled = vi.fn()
    expect(await session.pipe(new ReadableStream<string>({ cancel: cancelled }))).toEqual({
      outcome: 'closed',
      reason: 'client-left',
    })
    expect(cancelled).toHaveBeenCalledOnce()
  })

  test('sends what an Observable emits as it comes, and closes when it completes', async () => {
    const { response, session } = await open()
    const subject = new Subject<string>('at once')
    const piped = session.pipe(subject)
    await turns(2)
    subject.observer?.next('a')
    await turns(2)
    subject.observer?.next('b')
    subject.observer?.next('c')
    subject.observer?.complete()
    expect(dataOf(await response.text())).toEqual(['at once', 'a', 'b', 'c'])
    expect(await piped).toEqual({ outcome: 'completed' })
  })

  test('unsubscribes from an Observable when the client leaves', async () => {
    const { response, session } = await open()
    const subject = new Subject<string>('a')
    const piped = session.pipe(subject)
    await turns(2)
    expect(subject.observer).toBeDefined()
    response.leave()
    expect(await piped).toEqual({ outcome: 'closed', reason: 'client-left' })
    expect(subject.observer).toBeUndefined()
  })

  test('breaks the response off after an Observable that fails, and sends what came before', async () => {
    const onError = vi.fn()
    const { response, session } = await open({ onError })
    const subject = new Subject<string>('a')
    const piped = session.pipe(subject)
    subject.observer?.next('b')
    const error = new Error('failed')
    subject.observer?.error(error)
    expect(dataOf(await response.broken())).toEqual(['a', 'b'])
    expect(await piped).toEqual({ outcome: 'failed', error })
    expect(onError).toHaveBeenCalledExactlyOnceWith(error)
  })

  test('is not held up by a client that does not read an Observable: it is too slow, and leaves', async () => {
    const { session } = await open({ maxUnsentBytes: 1024 })
    const subject = new Subject<string>()
    const piped = session.pipe(subject)
    for (let sent = 0; session.isOpen && sent < 100; sent++) {
      subject.observer?.next('x'.repeat(2 ** 20))
      await turns(2)
    }
    expect(await piped).toEqual({ outcome: 'closed', reason: 'too-slow' })
    expect(subject.observer).toBeUndefined()
  })

  test('reports what looks like an Observable and gives no subscription, and breaks the response off', async () => {
    const onError = vi.fn()
    const { response, session } = await open({ onError })
    const error = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('Observable') })
    expect(await session.pipe({ subscribe() {} } as never)).toEqual({ outcome: 'failed', error })
    await response.broken()
    expect(onError).toHaveBeenCalledExactlyOnceWith(error)
  })

  test.each<[string, unknown, string]>([
    ['text, of which each character would be an event', 'text', 'string "text"'],
    ['a generator function not called', async function* () {}, 'Call it'],
    ['nothing', undefined, 'undefined'],
    ['an object', {}, 'object {}'],
    ['an object that contains itself', selfish(), 'an object'],
    ['a response', new Response('a'), '.body'],
    ['a stream that somebody else reads', lockedStream(), 'locked'],
  ])('refuses %s at once, and breaks the response off: nothing is to come', async (_, source, what) => {
    const { response, session } = await open()
    expect(() => session.pipe(source as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(what) }),
    )
    await response.broken()
    expect(await session.closed).toBe('failed')
  })

  test.each<[object, string]>([
    [{ toEvent: 'data' }, 'toEvent is data'],
    [{ toEvents: () => ({ data: 1 }) }, 'toEvent?'],
    [{ keepOpen: 1 }, 'keepOpen is 1'],
    [{ errorEvent: 'failed' }, 'errorEvent is failed'],
  ])('refuses options that mean nothing: %j', async (options, message) => {
    const { session } = await open()
    expect(() => session.pipe(['a'], options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test('that throws when it is opened has failed', async () => {
    const { session } = await open({ onError: () => {} })
    const error = new Error('no')
    const source: Iterable<string> = {
      [Symbol.iterator]() {
        throw error
      },
    }
    expect(await session.pipe(source)).toEqual({ outcome: 'failed', error })
  })
})

function selfish() {
  const self: { self?: unknown } = {}
  self.self = self
  return self
}

function lockedStream() {
  const stream = new ReadableStream<string>()
  stream.getReader()
  return stream
}

/** An Observable with one subscriber, as of RxJS: emits some items at once, and the rest when told. */
class Subject<T> implements ObservableSource<T> {
  observer: Parameters<ObservableSource<T>['subscribe']>[0] | undefined
  readonly #first: T[]

  constructor(...first: T[]) {
    this.#first = first
  }

  subscribe(observer: NonNullable<Subject<T>['observer']>) {
    this.observer = observer
    for (const item of this.#first) observer.next(item)
    return {
      unsubscribe: () => {
        this.observer = undefined
      },
    }
  }
}
