import {
  EventType,
  resumeServerSentEventsResponse,
  type StreamChunk,
  toHttpResponse,
  toServerSentEventsResponse,
} from '@tanstack/ai'
import { fetchHttpStream, fetchServerSentEvents } from '@tanstack/ai-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type HubDurabilityOptions, hubDurability } from '../../../src/adapters/tanstack-ai/index.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'

let hub: Hub

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore(), onError: () => {} })
})

afterEach(() => hub.close())

const text = (delta: string): StreamChunk => ({
  type: EventType.TEXT_MESSAGE_CONTENT,
  messageId: 'm',
  delta,
  timestamp: 0,
})
const started: StreamChunk = { type: EventType.RUN_STARTED, runId: 'run', threadId: 't', timestamp: 0 }
const finished: StreamChunk = { type: EventType.RUN_FINISHED, runId: 'run', threadId: 't', timestamp: 0 }

const deltaOf = (chunk: StreamChunk) =>
  chunk.type === EventType.TEXT_MESSAGE_CONTENT ? chunk.delta : `[${chunk.type}]`

function join(runId: string, offset: string | null = '-1', options?: HubDurabilityOptions) {
  return hubDurability(hub, { runId, offset }, options)
}

async function read(runId: string, offset = '-1', signal?: AbortSignal): Promise<string[]> {
  const deltas: string[] = []
  for await (const { chunk } of join(runId).read(offset, signal)) deltas.push(deltaOf(chunk))
  return deltas
}

describe('a run of TanStack AI in a hub', () => {
  it('has one writer, and another only by takesOver', async () => {
    const first = hubDurability(hub, { runId: 'run' })
    await first.append([text('a')])
    await expect(hubDurability(hub, { runId: 'run' }).append([text('b')])).rejects.toThrow(/has another writer/)
    const second = hubDurability(hub, { runId: 'run' }, { takesOver: true })
    expect((await second.snapshot()).map(({ chunk }) => deltaOf(chunk))).toEqual(['a'])
    await second.append([text('c')])
    await expect(first.append([text('b')])).rejects.toThrow(/Another writer has taken over/)
    await second.close()
    expect(await read('run')).toEqual(['a', 'c'])
  })

  it('fails for its readers when its producer falls silent', async () => {
    const store = createMemoryStore()
    const [producing, reading] = [await createHub({ store }), await createHub({ store })]
    await hubDurability(producing, { runId: 'run' }, { stream: { leaseMs: 100 } }).append([text('a')])
    // As a process that is killed: it no longer renews the lease.
    await producing.close()
    const deltas: string[] = []
    const read = async () => {
      for await (const { chunk } of hubDurability(reading, { runId: 'run' }).read('-1')) deltas.push(deltaOf(chunk))
    }
    await expect(read()).rejects.toThrow(/ended before it was complete: lost/)
    expect(deltas).toEqual(['a'])
    await reading.close()
  })

  it('fails for its readers when it is stopped, as a run that was aborted', async () => {
    await hubDurability(hub, { runId: 'run' }).append([text('a')])
    await hub.stream('tanstack-ai/run').stop()
    await expect(read('run')).rejects.toMatchObject({ name: 'AbortError' })
    const response = resumeServerSentEventsResponse({ adapter: join('run') })
    expect(await response.text()).toMatch(/"a".*"type":"RUN_ERROR"/s)
  })

  it('aborts its producer when it is stopped, and closing it then is no error', async () => {
    const producer = hubDurability(hub, { runId: 'run' })
    await producer.append([text('a')])
    await hub.stream('tanstack-ai/run').stop()
    expect(producer.stream.signal.aborted).toBe(true)
    await expect(producer.append([text('b')])).rejects.toThrow(/has ended: stopped/)
    await producer.close()
  })

  it('refuses an offset of another run, of another prefix, and of none', async () => {
    const [foreign] = await hubDurability(hub, { runId: 'other' }).append([text('a')])
    await hubDurability(hub, { runId: 'run' }).append([text('a')])
    await expect(read('run', foreign)).rejects.toThrow(/belongs to "tanstack-ai\/other", not "tanstack-ai\/run"/)
    const request = new Request('http://localhost/', { headers: { 'last-event-id': foreign! } })
    expect(() => hubDurability(hub, request, { prefix: 'chat' })).toThrow(/no stream of this kind gave it/)
    await expect(read('run', 'memory:v1:run:1')).rejects.toThrow(/Invalid stream offset "memory:v1:run:1"/)
  })

  it('refuses a run that does not exist, and one that is gone', async () => {
    const [offset] = await hubDurability(hub, { runId: 'short' }, { stream: { retentionMs: 0 } }).append([text('a')])
    await hub.stream('tanstack-ai/short').stop()
    await expect.poll(() => hub.stream('tanstack-ai/short').state()).toMatchObject({ name: 'gone' })
    await expect(read('short', offset)).rejects.toThrow(/the time for which it is kept is over/)
    await expect(read('none', offset?.replace('short', 'none'))).rejects.toThrow(/Unknown or expired run/)
    await expect(read('none')).rejects.toThrow(/produced no data within 100ms/)
  })

  it('has nothing to come when it has ended', async () => {
    const producer = hubDurability(hub, { runId: 'run' })
    await producer.append([text('a')])
    await producer.close()
    expect(await read('run', 'now')).toEqual([])
  })

  it('refuses options that do not exist', () => {
    // @ts-expect-error a name that does not exist
    expect(() => hubDurability(hub, { runId: 'run' }, { firstChunkDeadline: 1 })).toThrow(/firstChunkDeadlineMs/)
  })
})

/** A source that is written by hand. */
function source() {
  const { readable, writable } = new TransformStream<StreamChunk, StreamChunk>(undefined, { highWaterMark: 1000 })
  return { chunks: readable, writer: writable.getWriter() }
}

describe.each([
  { transport: 'Server-Sent Events', connect: fetchServerSentEvents, answer: toServerSentEventsResponse },
  { transport: 'NDJSON', connect: fetchHttpStream, answer: toHttpResponse },
])("TanStack AI's client over $transport", ({ connect, answer }) => {
  let server: FetchServer
  let model: ReturnType<typeof source>

  const route = (hub: Hub) => (request: Request) =>
    answer(model.chunks, { durability: { adapter: hubDurability(hub, request), batch: 1 } })

  beforeEach(async () => {
    model = source()
    server = await serveFetch(route(hub))
  })

  afterEach(() => server.close())

  function ask(url: string) {
    const deltas: string[] = []
    const connection = connect(url, { reconnect: { delayMs: 5 } } as never)
    const done = (async () => {
      const context = { threadId: 't', runId: 'run' } as never
      for await (const chunk of connection.connect([], undefined, undefined, context)) {
        if (chunk.type !== EventType.CUSTOM) deltas.push(deltaOf(chunk))
      }
    })()
    done.catch(() => {})
    return { deltas, done }
  }

  it('continues over a broken connection with only what follows', async () => {
    const { deltas, done } = ask(server.url)
    await model.writer.write(started)
    await model.writer.write(text('one'))
    await expect.poll(() => deltas).toEqual(['[RUN_STARTED]', 'one'])
    server.cut()
    await model.writer.write(text('two'))
    await expect.poll(() => deltas).toEqual(['[RUN_STARTED]', 'one', 'two'])
    await model.writer.write(finished)
    await model.writer.close()
    await done
    expect(deltas).toEqual(['[RUN_STARTED]', 'one', 'two', '[RUN_FINISHED]'])
    expect(server.requests[1]?.lastEventId).toMatch(/^#tanstack-ai%2F/)
    expect(server.sent[1]).not.toContain('"one"')
  })
})

describe('a run that another request joins', () => {
  it('is the same after a restart of the program', async () => {
    const directory = temporaryDirectory()
    const store = await openSqliteStore({ directory })
    const before = await createHub({ store })
    const producer = hubDurability(before, { runId: 'run' })
    await producer.append([started, text('one'), finished])
    await producer.close()
    await before.close()
    await store.close()

    const again = await openSqliteStore({ directory })
    const after = await createHub({ store: again })
    const request = new Request('http://localhost/?runId=run&offset=-1')
    const response = resumeServerSentEventsResponse({ adapter: hubDurability(after, request) })
    expect(await response.text()).toMatch(/RUN_STARTED.*"one".*RUN_FINISHED/s)
    await after.close()
    await again.close()
  })
})
