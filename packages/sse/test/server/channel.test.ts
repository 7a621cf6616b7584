import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createParser } from '../../src/protocol/parse.ts'
import type { Channel, ChannelOptions } from '../../src/server/channel.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import { parseEventId } from '../../src/server/event-id.ts'
import { createResponse } from '../../src/server/fetch.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import { opener, turns } from './opener.ts'
import { transports } from './transports.ts'

describe.each(transports)('a channel over $name', ({ serve }) => {
  const { listen } = opener(serve)

  test('sends every subscriber every event from now on, with an id each', async () => {
    const channel = createChannel()
    const { server, opened } = await listen()
    const responses = []
    for (let i = 0; i < 3; i++) {
      responses.push(await server.request())
      channel.subscribe(await opened())
    }
    const ids = [channel.broadcast({ data: 'a' }), channel.broadcast({ type: 'tick', data: { n: 1 } })]
    for (const response of responses) {
      const text = await response.until('"n":1')
      expect(text).toContain(`data: a\nid: ${ids[0]}\n\nevent: tick\ndata: {"n":1}\n`)
    }
  })

  test('brings a client that reconnects what it missed, once, and goes on live', async () => {
    const channel = createChannel()
    const { server, opened } = await listen()
    const first = await server.request()
    channel.subscribe(await opened())
    const id = channel.broadcast({ data: 0 })
    await first.until('data: 0\n')
    first.leave()
    for (let i = 1; i < 100; i++) channel.broadcast({ data: i })
    const second = await server.request({ headers: { 'last-event-id': id } })
    channel.subscribe(await opened())
    for (let i = 100; i < 110; i++) channel.broadcast({ data: i })
    const { data, types } = read(await second.until('data: 109\nid: '))
    expect(types).not.toContain('headwater-gap')
    expect(data).toEqual(numbers(1, 109))
  })

  test('replays a history larger than the bound of unsent bytes, no faster than the client reads', async () => {
    const channel = createChannel({ history: { maxEvents: 5000, maxBytes: Number.POSITIVE_INFINITY } })
    const start = channel.broadcast({ data: 'start' })
    for (let i = 0; i < 3000; i++) channel.broadcast({ data: `${i} ${'x'.repeat(5000)}` })
    const { server, opened } = await listen({ maxUnsentBytes: 200_000 })
    const response = await server.request({ headers: { 'last-event-id': start } })
    const session = await opened()
    channel.subscribe(session)
    for (let i = 0; i < 50; i++) {
      await turns(10)
      expect(session.unsentBytes).toBeLessThan(100_000)
      channel.broadcast({ data: `${3000 + i} ${'x'.repeat(5000)}` })
    }
    const { data } = read(await response.until('3049 '))
    expect(data.map((each) => Number.parseInt(each, 10))).toEqual(numbers(0, 3049).map(Number))
  })

  test('lets a slow subscriber delay nobody, and ends it by its own bound', async () => {
    const channel = createChannel({ history: { maxEvents: 10 } })
    const { server, opened } = await listen({ maxUnsentBytes: 100_000 })
    const slow = await server.request()
    const slowSession = await opened()
    channel.subscribe(slowSession)
    // Of its own, because on one HTTP/2 connection all streams share what the client is ready to take.
    const fast = await server.request({ onOwnConnection: true })
    const fastSession = await opened()
    channel.subscribe(fastSession)
    for (let i = 0; i < 3000; i++) {
      channel.broadcast({ data: `${i} ${'x'.repeat(10_000)}` })
      // Each arrives while the slow one still has all of them to read.
      if (i % 5 === 0) await fast.skipTo(`data: ${i} `)
    }
    await fast.skipTo('data: 2999 ')
    expect(fastSession.isOpen).toBe(true)
    expect(slowSession.isOpen).toBe(false)
    expect(channel.size).toBe(1)
    slow.leave()
    expect(await slowSession.closed).toBe('too-slow')
  })

  test('lets a subscriber that chose to wait fall back to the history, and tells it of a gap when that has moved on', async () => {
    const channel = createChannel({ history: { maxEvents: 100 } })
    const { server, opened } = await listen({ maxUnsentBytes: 100_000, whenFull: 'wait' })
    const response = await server.request()
    const session = await opened()
    channel.subscribe(session)
    for (let i = 0; i < 3000; i++) {
      channel.broadcast({ data: `${i} ${'x'.repeat(10_000)}` })
      if (i % 20 === 0) await turns(1)
    }
    expect(session.isOpen).toBe(true)
    expect(session.unsentBytes).toBeLessThan(200_000)
    const { data, types, gaps } = read(await response.until('data: 2999 x'))
    const received = data.map((each) => Number.parseInt(each, 10))
    expect(types.filter((type) => type === 'headwater-gap').length).toBeGreaterThan(0)
    expect(received.slice(-100)).toEqual(numbers(2900, 2999).map(Number))
    for (const gap of gaps) expect(gap.reason).toBe('trimmed')
    expect(received).toEqual([...new Set(received)].sort((a, b) => a - b))
    session.close()
    await response.text()
  })

  test('causes no unhandled rejection when clients leave while it broadcasts', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const channel = createChannel()
    const { server, opened } = await listen()
    const pairs = []
    for (let i = 0; i < 20; i++) {
      const pair = { response: await server.request(), session: await opened() }
      channel.subscribe(pair.session)
      pairs.push(pair)
    }
    for (const { response } of pairs) {
      response.leave()
      for (let i = 0; i < 30; i++) channel.broadcast({ data: 'x'.repeat(5000) })
      await turns(1)
    }
    await Promise.all(pairs.map(({ session }) => session.closed))
    await turns(3)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(channel.size).toBe(0)
  })

  test('drains its subscribers, who may come back', async () => {
    const channel = createChannel()
    const { server, opened } = await listen()
    const response = await server.request()
    const session = await opened()
    channel.subscribe(session)
    const drained = channel.drain()
    const [, retry] = /retry: (\d+)\nid: \S+\.0\n\n$/.exec(await response.broken()) ?? []
    // 2 s, and at most 2 ms for the only one.
    expect(Number(retry)).toBeGreaterThanOrEqual(2000)
    expect(Number(retry)).toBeLessThanOrEqual(2002)
    await drained
    expect(await session.closed).toBe('drained')
    const second = await server.request()
    channel.subscribe(await opened())
    channel.broadcast({ data: 'again' })
    await second.until('again')
  })

  test('closes its subscribers for good, those who come later too', async () => {
    const channel = createChannel()
    const { server, opened } = await listen()
    const headers = { accept: 'text/event-stream' }
    const response = await server.request({ headers })
    channel.subscribe(await opened())
    const id = channel.broadcast({ data: 1 })
    const closed = channel.close()
    expect(await response.text()).toMatch(new RegExp(`\\nid: headwater-end\\.\\w+\\.${id}\\n\\n$`))
    await closed
    const late = await server.request({ headers })
    channel.subscribe(await opened())
    expect(await late.text()).toContain('event: headwater-close\n')
    expect(channel.size).toBe(0)
    expect(() => channel.broadcast({ data: 1 })).toThrow(expect.objectContaining({ code: 'CHANNEL_CLOSED' }))
  })
})

describe('a channel', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('encodes an event once, however many subscribers there are', () => {
    const channel = createChannel()
    for (let i = 0; i < 50; i++) connect(channel)
    const toJSON = vi.fn(() => 'x')
    channel.broadcast({ data: { toJSON } })
    expect(toJSON).toHaveBeenCalledOnce()
  })

  test('gives a client without an id a position at once, so that it resumes even if cut off before its first event', async () => {
    const channel = createChannel()
    channel.broadcast({ data: 'before' })
    const first = connect(channel)
    const { lastEventId, types } = read(await first.leave())
    expect(types).toEqual(['headwater-position'])
    channel.broadcast({ data: 'missed' })
    const second = connect(channel, { lastEventId })
    expect(read(await second.leave())).toMatchObject({ data: ['missed'], types: ['message'] })
  })

  describe('tells of a gap in the stream, then brings everything kept:', () => {
    test('after the events asked for were trimmed', async () => {
      const channel = createChannel({ history: { maxEvents: 3 } })
      const ids = [1, 2, 3, 4, 5].map((data) => channel.broadcast({ data }))
      expect(read(await connect(channel, { lastEventId: ids[0] as string }).leave())).toMatchObject({
        gaps: [{ reason: 'trimmed', requested: ids[0], earliest: ids[2] }],
        data: ['3', '4', '5'],
      })
    })

    test('not when the last one trimmed is the one it has', async () => {
      const channel = createChannel({ history: { maxEvents: 3 } })
      const ids = [1, 2, 3, 4, 5].map((data) => channel.broadcast({ data }))
      expect(read(await connect(channel, { lastEventId: ids[1] as string }).leave())).toMatchObject({
        gaps: [],
        data: ['3', '4', '5'],
      })
    })

    test('after a restart, by which its id is of another history', async () => {
      const before = createChannel().broadcast({ data: 'before' })
      const channel = createChannel()
      const id = channel.broadcast({ data: 'after' })
      expect(read(await connect(channel, { lastEventId: before }).leave())).toMatchObject({
        gaps: [{ reason: 'epoch', requested: before, earliest: id }],
        data: ['after'],
      })
    })

    test.each(['nonsense', 'a.b.c', '0.01', 'é', '"}\n'])('for an id never given out here: %j', async (lastEventId) => {
      const channel = createChannel()
      channel.broadcast({ data: 1 })
      const response = connect(channel, { query: lastEventId })
      expect(read(await response.leave())).toMatchObject({
        gaps: [{ reason: 'unknown', requested: lastEventId }],
        data: ['1'],
      })
    })

    test('for an id ahead of everything', async () => {
      const channel = createChannel()
      const id = channel.broadcast({ data: 1 })
      const ahead = id.replace(/\.1$/, '.5')
      expect(read(await connect(channel, { lastEventId: ahead }).leave())).toMatchObject({
        gaps: [{ reason: 'ahead', requested: ahead, earliest: id }],
        data: ['1'],
      })
    })

    test('with nothing kept, and once only: the gap moves the last event ID', async () => {
      const channel = createChannel({ history: { maxEvents: 0 } })
      const id = channel.broadcast({ data: 1 })
      channel.broadcast({ data: 2 })
      const { gaps, data, lastEventId } = read(await connect(channel, { lastEventId: id }).leave())
      expect(gaps).toEqual([{ reason: 'trimmed', requested: id, earliest: null }])
      expect(data).toEqual([])
      expect(read(await connect(channel, { lastEventId }).leave())).toMatchObject({ gaps: [], data: [] })
    })
  })

  test('keeps at most so many bytes', async () => {
    const channel = createChannel({ history: { maxBytes: 10_000 } })
    const ids = numbers(0, 99).map((data) => channel.broadcast({ data: data.padEnd(1000) }))
    const { data } = read(await connect(channel, { lastEventId: ids[0] as string }).leave())
    expect(data.length).toBe(9)
  })

  test('keeps events for so long', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    const channel = createChannel({ history: { maxAgeMs: 60_000 } })
    const first = channel.broadcast({ data: 'first' })
    vi.advanceTimersByTime(40_000)
    channel.broadcast({ data: 'old' })
    vi.advanceTimersByTime(40_000)
    channel.broadcast({ data: 'young' })
    expect(read(await connect(channel, { lastEventId: first }).leave())).toMatchObject({
      gaps: [],
      data: ['old', 'young'],
    })
    vi.advanceTimersByTime(30_000)
    expect(read(await connect(channel, { lastEventId: first }).leave())).toMatchObject({
      gaps: [{ reason: 'trimmed' }],
      data: ['young'],
    })
  })

  test.each([
    [{ maxEvents: -1 }, /history.maxEvents is -1/],
    [{ maxAgeMs: Number.NaN }, /history.maxAgeMs is NaN/],
    [{ maxBytes: '1' }, /history.maxBytes is 1/],
    [{ size: 1 }, /There is no "size" in history/],
  ])('refuses the history %o', (history, message) => {
    expect(() => createChannel({ history } as ChannelOptions)).toThrow(message)
  })

  test('refuses faulty events, and keeps its sequence', () => {
    const channel = createChannel()
    const before = channel.broadcast({ data: 1 })
    expect(() => channel.broadcast({ data: undefined })).toThrow(expect.objectContaining({ code: 'INVALID_DATA' }))
    expect(() => channel.broadcast({ data: 1, type: 'a\nb' })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_TYPE' }),
    )
    expect(() => channel.broadcast({ data: 1, type: 'headwater-gap' })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_TYPE' }),
    )
    const after = channel.broadcast({ data: 2 })
    expect(parseEventId(after)?.position).toBe((parseEventId(before)?.position ?? 0) + 1)
  })

  test('says who is there, and who comes and goes', async () => {
    const onSubscribe = vi.fn()
    const onUnsubscribe = vi.fn()
    const channel = createChannel({ onSubscribe, onUnsubscribe })
    const a = connect(channel)
    const b = connect(channel)
    expect([...channel.subscribers]).toEqual([a.session, b.session])
    expect(onSubscribe.mock.calls).toEqual([[a.session], [b.session]])
    await a.leave()
    expect(channel.size).toBe(1)
    b.unsubscribe()
    expect(channel.size).toBe(0)
    expect(onUnsubscribe.mock.calls).toEqual([[a.session], [b.session]])
    expect(b.session.isOpen).toBe(true)
    await b.leave()
    expect(onUnsubscribe).toHaveBeenCalledTimes(2)
  })

  test('is not stopped by an onSubscribe or onUnsubscribe that throws', async () => {
    const failure = new Error('presence is broken')
    const fail = () => {
      throw failure
    }
    const onError = vi.fn()
    const channel = createChannel({ onSubscribe: fail, onUnsubscribe: fail })
    const { session, leave } = connect(channel, {}, { onError })
    channel.broadcast({ data: 'x' })
    expect(read(await leave()).data).toEqual(['x'])
    expect(await session.closed).toBe('client-left')
    expect(onError.mock.calls).toEqual([[failure], [failure]])
  })

  test('takes a session once, and one that is over never', async () => {
    const channel = createChannel()
    const { session, leave } = connect(channel)
    channel.subscribe(session)
    channel.broadcast({ data: 'once' })
    expect(read(await leave()).data).toEqual(['once'])
    channel.subscribe(session)
    expect(channel.size).toBe(0)
  })

  test('sends nothing more after unsubscribing, a replay under way included', async () => {
    const channel = createChannel()
    const id = channel.broadcast({ data: 'start' })
    for (let i = 0; i < 500; i++) channel.broadcast({ data: 'x'.repeat(1000) })
    const { unsubscribe, leave } = connect(channel, { lastEventId: id })
    unsubscribe()
    expect(read(await leave()).data.length).toBeLessThan(100)
  })

  test('resumes from another place when told to', async () => {
    const channel = createChannel()
    const ids = [1, 2, 3].map((data) => channel.broadcast({ data }))
    const { session, leave } = connect(channel, { subscribe: false })
    channel.subscribe(session, { lastEventId: ids[1] })
    expect(read(await leave()).data).toEqual(['3'])
  })

  test('refuses a session of another channel: its client has one last event ID', async () => {
    const all = createChannel()
    const mine = createChannel()
    const { session, unsubscribe, leave } = connect(all)
    const refused = expect.objectContaining({
      code: 'ALREADY_SUBSCRIBED',
      message: expect.stringContaining('a session of its own'),
    })
    expect(() => mine.subscribe(session)).toThrow(refused)
    expect(mine.size).toBe(0)
    all.broadcast({ data: 'all' })
    mine.broadcast({ data: 'mine' })
    expect(read(await leave()).data).toEqual(['all'])
    unsubscribe()
    expect(() => mine.subscribe(session)).toThrow(refused)
  })

  test('goes on where it was for a session that comes again after unsubscribing', async () => {
    const channel = createChannel()
    const id = channel.broadcast({ data: 0 })
    const { session, unsubscribe, leave } = connect(channel, { lastEventId: id })
    channel.broadcast({ data: 1 })
    unsubscribe()
    channel.broadcast({ data: 2 })
    channel.subscribe(session)
    channel.broadcast({ data: 3 })
    expect(read(await leave()).data).toEqual(['1', '2', '3'])
  })

  test.each([{ lastEventId: 'earliest' }, { query: 'earliest' }])('sends all that is kept from %j', async (from) => {
    const channel = createChannel({ history: { maxEvents: 2 } })
    for (const data of [1, 2, 3]) channel.broadcast({ data })
    const { leave } = connect(channel, from)
    const { data, types } = read(await leave())
    expect(data).toEqual(['2', '3'])
    expect(types).not.toContain('headwater-gap')
  })

  test('gives a client that wants all of nothing a position, so that it can resume', async () => {
    const channel = createChannel()
    const { lastEventId } = read(await connect(channel, { lastEventId: 'earliest' }).leave())
    channel.broadcast({ data: 1 })
    expect(read(await connect(channel, { lastEventId }).leave()).data).toEqual(['1'])
  })

  test('that is closed sends who comes later what is kept, and then the end', async () => {
    const channel = createChannel()
    for (let i = 0; i < 100; i++) channel.broadcast({ data: `${i} ${'x'.repeat(5000)}` })
    await channel.close()
    const { response } = connect(channel, { lastEventId: 'earliest' })
    const text = await response.text()
    expect(read(text).data.map((each) => Number.parseInt(each, 10))).toEqual(numbers(0, 99).map(Number))
    expect(text).toMatch(/event: headwater-close\ndata: \{\}\nid: \S+\n\n$/)
  })

  test('closes after a replay that is under way, not in the middle of it', async () => {
    const channel = createChannel()
    const start = channel.broadcast({ data: 'start' })
    for (let i = 0; i < 100; i++) channel.broadcast({ data: `${i} ${'x'.repeat(5000)}` })
    const { response } = connect(channel, { lastEventId: start })
    const closed = channel.close()
    const { data } = read(await response.text())
    expect(data.map((each) => Number.parseInt(each, 10))).toEqual(numbers(0, 99).map(Number))
    await closed
  })

  test.each<[() => unknown, string]>([
    [() => createChannel({ history: 100 } as never), '{ history: { maxEvents: 100 } }'],
    [() => createChannel({ history: { maxEvent: 100 } } as never), 'maxEvents?'],
    [() => createChannel({ maxEvents: 100 } as never), '"maxEvents" in a channel'],
    [() => createChannel({ onsubscribe() {} } as never), 'onSubscribe?'],
    [() => createChannel({ onSubscribe: 'log' } as never), 'onSubscribe is log'],
    [() => createChannel(null as never), 'null'],
    [() => createChannel().broadcast({ data: 1, event: 'tick' } as never), 'Did you mean type?'],
    [() => createChannel().broadcast('text' as never), '{ data: "text" }'],
    [() => createChannel().broadcast(undefined as never), 'undefined is not an event'],
    [() => connect(createChannel()).subscribeAgain({ lasteventid: '1' }), 'lastEventId?'],
  ])('refuses names that mean nothing, and says which was meant: %s', (call, message) => {
    expect(call).toThrow(
      expect.objectContaining({ code: expect.stringMatching('INVALID'), message: expect.stringContaining(message) }),
    )
  })

  test('refuses what is no session', () => {
    expect(() => createChannel().subscribe({} as Session)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  test('shares its bytes with nobody who could take them away', async () => {
    const channel = createChannel()
    const [a, b] = [connect(channel), connect(channel)]
    channel.broadcast({ data: 'shared' })
    const reader = (a.response.body as ReadableStream<Uint8Array>).getReader()
    const { value } = await reader.read()
    structuredClone(value, { transfer: [value?.buffer as ArrayBuffer] })
    expect(read(await b.leave()).data).toEqual(['shared'])
  })

  test('brings every event exactly once or says what is missing, however connections and history are cut', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('broadcast' as const), size: fc.integer({ min: 0, max: 40_000 }) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), size: fc.integer({ min: 1, max: 5 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), size: fc.constant(0) }) },
    )
    const options = fc.record({
      maxEvents: fc.integer({ min: 0, max: 20 }),
      maxUnsentBytes: fc.integer({ min: 1024, max: 200_000 }),
      whenFull: fc.constantFrom('disconnect' as const, 'wait' as const),
    })
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 80 }), async ({ maxEvents, ...session }, steps) => {
        const channel = createChannel({ history: { maxEvents } })
        const client = new ResumingClient(channel, session)
        let last = 0
        const broadcast = (size: number) => channel.broadcast({ data: `${++last} ${'x'.repeat(size)}` })
        for (const { do: what, size } of steps) {
          if (what === 'broadcast') broadcast(size)
          else if (what === 'read') await client.read(size)
          else await client.cut()
        }
        // One more, for a client that was told of a gap and then of nothing; it reads all that is left.
        await client.read(1000)
        broadcast(1)
        while (client.seen.at(-1) !== last) await client.read(20)
        // Every step from one event to the next is by one, or a gap was told in between.
        let previous = 0
        for (const seen of client.seen) {
          if (seen === 'gap') previous = Number.NaN
          else {
            if (Number.isNaN(previous)) expect(seen).toBeGreaterThan(0)
            else expect(seen).toBe(previous + 1)
            previous = seen
          }
        }
        const events = client.seen.filter((seen) => seen !== 'gap')
        expect(events).toEqual([...new Set(events)].sort((a, b) => a - b))
      }),
      { numRuns: 200 },
    )
  })
})

/** A client that reads as much as it is told to, and reconnects from its last event ID whenever its stream is over. */
class ResumingClient {
  readonly seen: (number | 'gap')[] = []
  readonly #channel: Channel
  readonly #options: SessionOptions
  #lastEventId = ''
  #reader!: ReadableStreamDefaultReader<Uint8Array>
  #reading: Promise<ReadableStreamReadResult<Uint8Array>> | undefined
  #parser = createParser({
    onId: (id) => {
      this.#lastEventId = id
    },
    onEvent: ({ type, data }) => {
      if (type === 'headwater-gap') this.seen.push('gap')
      else if (type === undefined) this.seen.push(Number.parseInt(data, 10))
    },
  })
  #decoder = new TextDecoder()

  constructor(channel: Channel, options: SessionOptions) {
    this.#channel = channel
    this.#options = options
    this.#connect()
  }

  async read(chunks: number): Promise<void> {
    for (let i = 0; i < chunks; i++) {
      // A chunk that is not there yet is not waited for, but not lost either.
      // A broken response is over, like one that ends.
      this.#reading ??= this.#reader.read().catch(() => ({ done: true, value: undefined }))
      const chunk = await Promise.race([this.#reading, turns(2)])
      if (!chunk) return
      this.#reading = undefined
      if (chunk.done) this.#connect()
      else this.#parser.feed(this.#decoder.decode(chunk.value, { stream: true }))
    }
  }

  async cut(): Promise<void> {
    await this.#reader.cancel().catch(() => {})
    this.#connect()
  }

  #connect(): void {
    // Whoever has no ID starts anew.
    if (this.#lastEventId === '') this.seen.push('gap')
    this.#parser.reset()
    this.#decoder = new TextDecoder()
    const { response } = connect(this.#channel, { lastEventId: this.#lastEventId }, this.#options)
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader()
    this.#reading = undefined
  }
}

interface Connecting {
  lastEventId?: string
  query?: string
  subscribe?: boolean
}

/** Subscribes a client without a socket. */
function connect(
  channel: Channel,
  { lastEventId = '', query = '', subscribe = true }: Connecting = {},
  options: SessionOptions = {},
) {
  const request = new Request(`http://a/?lastEventId=${encodeURIComponent(query)}`, {
    headers: { 'Last-Event-ID': lastEventId, Accept: 'text/event-stream' },
  })
  let session: Session | undefined
  let unsubscribe = () => {}
  const response = createResponse(request, options, (opened) => {
    session = opened
    if (subscribe) unsubscribe = channel.subscribe(opened)
  })
  return {
    response,
    session: session as unknown as Session,
    unsubscribe: () => unsubscribe(),
    subscribeAgain: (options: object) => channel.subscribe(session as Session, options),
    /** Reads all that has been sent, then leaves. */
    async leave() {
      const reader = (response.body as ReadableStream<Uint8Array>).getReader()
      let text = ''
      for (;;) {
        const chunk = await Promise.race([reader.read().catch(() => undefined), turns(3)])
        if (!chunk || chunk.done) break
        text += new TextDecoder().decode(chunk.value)
      }
      await reader.cancel().catch(() => {})
      return text
    },
  }
}

/** What a client makes of a stream. `data` is that of the application's events. */
function read(stream: string) {
  const data: string[] = []
  const types: string[] = []
  const gaps: { reason: string; requested: string; earliest: string | null }[] = []
  let lastEventId = ''
  const parser = createParser({
    onId(id) {
      lastEventId = id
    },
    onEvent(event) {
      types.push(event.type ?? 'message')
      if (event.type === 'headwater-gap') gaps.push(JSON.parse(event.data))
      else if (!event.type?.startsWith('headwater-')) data.push(event.data)
    },
  })
  parser.feed(`${stream}\n\n`)
  return { data, types, gaps, lastEventId }
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
}
