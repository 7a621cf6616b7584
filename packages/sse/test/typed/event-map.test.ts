import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { EventSource } from '../../src/client/event-source.ts'
import { events } from '../../src/client/events.ts'
import { defineEvents, type EventMap, type InvalidEvent, text } from '../../src/protocol/event-map.ts'
import type { StandardSchema } from '../../src/protocol/standard-schema.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import { createResponse } from '../../src/server/fetch.ts'
import type { MappedItem } from '../../src/server/pipe.ts'
import { type Given, type Got, libraries } from './libraries.ts'

const request = () => new Request('http://a.test/', { headers: { accept: 'text/event-stream' } })

/** A `fetch` that answers with what this producer sends, once. */
function answering<M extends object>(events: EventMap<M, object>, produce: () => AsyncIterable<MappedItem<M>>) {
  return { fetch: async () => createResponse(request(), { events }, produce), retry: false } as const
}

/** A `fetch` that answers with this stream. */
const saying = (stream: string) => ({
  fetch: async () => new Response(stream, { headers: { 'content-type': 'text/event-stream' } }),
  retry: false as const,
})

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

const tick = { at: '2026-01-01T00:00:00.000Z', items: [1, 2] }

describe.each(libraries)('a map of %s', (_, given) => {
  const map = given as EventMap<Given, Got>

  test('brings each value from sender to receiver as its schema says, text as it is', async () => {
    const options = answering(map, async function* () {
      yield { type: 'tick', data: tick }
      yield { type: 'name', data: 'Ann' }
      yield { type: 'note', data: 'two\nlines' }
      yield { type: 'level', data: 'low' as const }
      yield { data: 7 }
      yield 8
    })
    const received = await collect(events('http://a.test/', { ...options, events: map }))
    expect(received.map(({ type, data }) => [type, data])).toEqual([
      ['tick', { at: new Date(tick.at), items: [1, 2] }],
      ['name', 'Ann'],
      ['note', 'two\nlines'],
      ['level', 'low'],
      ['message', 7],
      ['message', 8],
    ])
  })

  test('sends text in a JSON type as JSON, and text in a text type as it is', async () => {
    const response = createResponse(request(), { events: map }, async function* () {
      yield { type: 'name', data: 'Ann' }
      yield { type: 'note', data: 'Ann' }
    })
    expect(await response.text()).toContain('event: name\ndata: "Ann"\n\nevent: note\ndata: Ann\n\n')
  })

  test('refuses at the sender what is not its type, and says the type, where and what to do', () => {
    const channel = createChannel({ events: map })
    expect(() => channel.broadcast({ type: 'tick', data: { at: tick.at, items: [1, 'two' as never] } })).toThrow(
      expect.objectContaining({
        name: 'SseError',
        code: 'INVALID_DATA',
        message: expect.stringMatching(/type "tick" .*at items\.1: .*Mend what sends it/s),
      }),
    )
    expect(() => channel.broadcast({ type: 'level', data: 'middle' as never })).toThrow('type "level"')
    expect(() => channel.broadcast({ type: 'note', data: 7 as never })).toThrow('plain text')
    expect(() => channel.broadcast({ type: 'message' as never, data: undefined as never })).toThrow('no JSON form')
  })

  test('ends events() at what is not its type', async () => {
    const stream = events('http://a.test/', {
      ...saying('event: name\ndata: "Ann"\n\nevent: tick\ndata: {"at":1,"items":[]}\nid: 5\n\n'),
      events: map,
    })
    expect(await stream.next()).toMatchObject({ value: { type: 'name', data: 'Ann' } })
    await expect(stream.next()).rejects.toMatchObject({
      name: 'SseError',
      code: 'INVALID_DATA',
      message: expect.stringMatching(/type "tick" .*at at: /s),
    })
  })

  test('gives the listeners of an EventSource values in place of text', async () => {
    const seen: unknown[] = []
    const options = answering(map, async function* () {
      yield { type: 'tick', data: tick }
      yield { type: 'note', data: 'text' }
    })
    const source = new EventSource('http://a.test/', { ...options, events: map })
    source.addEventListener('tick', ({ data }) => seen.push(data.at.getTime()))
    source.addEventListener('note', ({ data, origin }) => seen.push(data, origin))
    await ended(source)
    expect(seen).toEqual([Date.parse(tick.at), 'text', 'http://a.test'])
  })
})

describe('a receiver', () => {
  const map = defineEvents({ tick: z.object({ n: z.number() }) })
  const stream =
    'event: tick\ndata: {"n":1}\nid: 1\n\nevent: tick\ndata: {"n":"two"}\nid: 2\n\nevent: tick\ndata: {oops\nid: 3\n\nevent: new\ndata: plain\nid: 4\n\n'

  test('skips what is not its type, if told to, and gets new types as text', async () => {
    const received = await collect(events('http://a.test/', { ...saying(stream), events: map, onInvalid: 'skip' }))
    expect(received).toEqual([
      { type: 'tick', data: { n: 1 }, lastEventId: '1' },
      { type: 'new', data: 'plain', lastEventId: '4' },
    ])
  })

  test('is told of each problem, if it wants to', async () => {
    const problems: InvalidEvent[] = []
    const onInvalid = (problem: InvalidEvent) => problems.push(problem)
    await collect(events('http://a.test/', { ...saying(stream), events: map, onInvalid }))
    expect(problems).toMatchObject([
      { type: 'tick', data: '{"n":"two"}', issues: [{ path: ['n'] }], error: { code: 'INVALID_DATA' } },
      { type: 'tick', data: '{oops', issues: [], error: { code: 'INVALID_DATA', cause: expect.any(SyntaxError) } },
    ])
  })

  test('that is an EventSource ends with an error event, or skips, or is told', async () => {
    const run = async (onInvalid?: 'skip' | ((problem: InvalidEvent) => void)) => {
      const seen: unknown[] = []
      const source = new EventSource('http://a.test/', { ...saying(stream), events: map, onInvalid })
      source.addEventListener('tick', ({ data }) => seen.push(data.n))
      source.addEventListener('new', ({ data }) => seen.push(data))
      seen.push((await ended(source)).code)
      return seen
    }
    expect(await run()).toEqual([1, 'INVALID_DATA'])
    expect(await run('skip')).toEqual([1, 'plain', 'STREAM_COMPLETE'])
    const told = vi.fn()
    expect(await run(told)).toEqual([1, 'plain', 'STREAM_COMPLETE'])
    expect(told).toHaveBeenCalledTimes(2)
  })

  test("leaves Headwater's own events alone", async () => {
    const gap = 'event: headwater-gap\ndata: {"reason":"epoch"}\n\n'
    const received = await collect(events('http://a.test/', { ...saying(gap), events: map }))
    expect(received).toMatchObject([{ type: 'headwater-gap', data: '{"reason":"epoch"}' }])
  })
})

describe('a sender', () => {
  const map = defineEvents({ tick: z.object({ n: z.number() }) })
  const wrong = { type: 'tick', data: { n: 'one' as never } } as const

  test('refuses a type that the map does not have, with the one that was meant', () => {
    const channel = createChannel({ events: map })
    expect(() => channel.broadcast({ type: 'Tick' as never, data: { n: 1 } })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_TYPE', message: expect.stringContaining('Did you mean tick?') }),
    )
    expect(() => channel.broadcast({ data: 'text' as never } as never)).toThrow('no event type "message"')
  })

  test('skips, or tells, and gives no position to what it left out', () => {
    const told = vi.fn()
    for (const onInvalid of ['skip', told] as const) {
      const channel = createChannel({ events: map, onInvalid })
      expect(channel.broadcast(wrong)).toBe('')
      expect(channel.broadcast({ type: 'tick', data: { n: 1 } })).toMatch(/\.1$/)
    }
    expect(told).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ type: 'tick', data: wrong.data, issues: [expect.objectContaining({ path: ['n'] })] }),
    )
  })

  test('fails a pipe at what is not its type, and its error event is of the map too', async () => {
    const errors: unknown[] = []
    const response = createResponse(
      request(),
      { events: map, onError: (error) => errors.push(error), whenInterrupted: 'end' },
      (session) =>
        void session
          .pipe([wrong], { errorEvent: { type: 'tick', data: { n: -1 } }, keepOpen: true })
          .then(() => session.close()),
    )
    expect(await response.text()).toContain('event: tick\ndata: {"n":-1}\n')
    expect(errors).toMatchObject([{ code: 'INVALID_DATA' }])
  })

  test('checks what arrives: a value that JSON changes is refused where it is sent', () => {
    const dates = createChannel({ events: defineEvents({ at: z.date() }) })
    expect(() => dates.broadcast({ type: 'at', data: new Date() })).toThrow('type "at"')
  })
})

describe('a map', () => {
  test('without schemas is JSON at both ends, strings included', async () => {
    const map = defineEvents<{ name: string; tick: { n: number } }>()
    const options = answering(map, async function* () {
      yield { type: 'name', data: '7' }
      yield { type: 'tick', data: { n: 1 } }
    })
    const received = await collect(events('http://a.test/', { ...options, events: map }))
    expect(received.map(({ data }) => data)).toEqual(['7', { n: 1 }])
  })

  test('has a format of its own, whose values the schemas check', async () => {
    const serialize = (data: unknown) => String((data as Date).getTime())
    const parse = (digits: string) => new Date(Number(digits))
    const map = defineEvents({ at: z.date() }, { serialize, parse })
    const at = new Date(5)
    const options = answering(map, async function* () {
      yield { type: 'at', data: at }
    })
    expect(await collect(events('http://a.test/', { ...options, events: map }))).toMatchObject([{ data: at }])
  })

  test('refuses what is no schema, and a schema that is asynchronous when it is used', () => {
    expect(() => defineEvents({ tick: {} as never })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => text('x' as never)).toThrow('Standard Schema')
    const later: StandardSchema<number> = {
      '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: value as number }) },
    }
    const channel = createChannel({ events: defineEvents({ later }), onInvalid: 'skip' })
    expect(() => channel.broadcast({ type: 'later', data: 1 })).toThrow('is asynchronous')
  })

  test.each<[string, () => unknown, string]>([
    ['a channel', () => createChannel({ events: { tick: z.number() } as never }), 'Did you mean events: defineEvents('],
    ['events()', () => events('http://a.test/', { events: { tick: z.number() } as never }), 'defineEvents('],
    [
      'EventSource',
      () => new EventSource('http://a.test/', { events: { tick: z.number() } as never }),
      'defineEvents()',
    ],
    ['a wrong onInvalid', () => createChannel({ onInvalid: 'ignore' as never }), "'throw', 'skip' or a function"],
    ['another word for it', () => createChannel({ schema: 1 } as never), 'Did you mean events?'],
    [
      'serialize beside it',
      () => createChannel({ events: defineEvents(), serialize: String }),
      'Pass it to defineEvents',
    ],
    ['parse beside it', () => events('http://a.test/', { events: defineEvents(), parse: {} } as never), 'no effect'],
  ])('is refused with what to do where it is not one: %s', (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }))
  })
})

test('a serializer of a stream without a map is used for what is not text', async () => {
  const response = createResponse(request(), { serialize: (data) => `<${data}>` }, async function* () {
    yield { data: 1 }
    yield { data: 'text' }
  })
  expect(await response.text()).toContain('data: <1>\n\ndata: text\n\n')
})

/** The failure with which an EventSource was closed. */
function ended(source: Pick<EventSource, 'onerror' | 'readyState'>): Promise<{ code: string }> {
  return new Promise((resolve) => {
    source.onerror = (event) => {
      if (source.readyState === EventSource.CLOSED) resolve(event)
    }
  })
}
