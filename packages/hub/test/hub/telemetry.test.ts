import { createParser } from '@headwater/sse'
import { events } from '@headwater/sse/client'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { everyTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { initializeEngine } from '../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventStore } from '../../src/store/store.ts'
import { type ServeOptions, serve } from '../http/serve-hub.ts'
import { startCollector } from '../otlp-collector.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const sampled = `00-${traceId}-b7ad6b7169203331-01`
const unsampled = `00-${traceId}-b7ad6b7169203331-00`

const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
const tracer = provider.getTracer('test')
const telemetry = { tracer }

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
afterEach(() => exporter.reset())
afterAll(() => context.disable())

const finished = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name)
const oneSpan = async (name: string) => {
  await expect.poll(() => finished(name).length).toBe(1)
  return finished(name)[0]!
}
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId
const contextOf = ({ traceId: id, spanId }: { traceId: string; spanId: string }) => `00-${id}-${spanId}-01`

async function tracedHub(options: ServeOptions = {}) {
  return await serve({ telemetry, ...options })
}

const stores: Readonly<Record<string, () => Promise<EventStore>>> = {
  memory: async () => createMemoryStore(),
  SQLite: () => openSqliteStore({ directory: temporaryDirectory() }),
  PostgreSQL: async () => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.dispose())
    const url = server.url({ directory: temporaryDirectory() })
    await initializeEngine(url)
    return await openPostgresStore({ url, onError: () => {} })
  },
}

describe.each(Object.keys(stores))('a publish that is traced, over %s', (name) => {
  test('has the spans of its request, its store and its fan-out in the trace of its client', async () => {
    const store = await stores[name]!()
    const { post, open } = await tracedHub({ store })
    onTestFinished(() => store.close())
    const subscribers = [await open('match=a'), await open('match=a'), await open('match=*&trace')]
    const response = await post({ topic: 'a', data: '1' }, { traceparent: sampled, tracestate: 'vendor=1' })
    const id = await response.text()
    for (const subscriber of subscribers) expect((await subscriber.next()).data).toBe('1')

    const request = await oneSpan('POST /.well-known/mercure')
    const append = await oneSpan('headwater store append')
    const fanOut = await oneSpan('headwater fan-out')
    for (const span of [request, append, fanOut]) expect(span.spanContext().traceId).toBe(traceId)
    expect(request.kind).toBe(SpanKind.SERVER)
    expect(parentOf(request)).toBe('b7ad6b7169203331')
    expect(request.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/.well-known/mercure',
      'http.response.status_code': 200,
    })
    expect(request.parentSpanContext?.traceState?.get('vendor')).toBe('1')
    expect(parentOf(append)).toBe(request.spanContext().spanId)
    expect(append.attributes).toEqual({ 'headwater.events': 1, 'headwater.position': 1 })
    // What the client began is kept with the event, and is what all that concerns the event is below.
    expect(parentOf(fanOut)).toBe('b7ad6b7169203331')
    expect(fanOut.attributes).toEqual({
      'messaging.system': 'headwater',
      'messaging.destination.name': 'a',
      'messaging.message.id': id,
      'headwater.position': 1,
      'headwater.feeds': 2,
      'headwater.subscribers': 3,
      'headwater.subscribers_waiting': 0,
      'headwater.is_complete': true,
    })
  })
})

describe('the spans of a hub', () => {
  test('begin a trace for a client that has none, which is kept with the event', async () => {
    const { post, open } = await tracedHub()
    const id = await (await post({ topic: 'a' })).text()
    const request = await oneSpan('POST /.well-known/mercure')
    expect(parentOf(request)).toBeUndefined()
    const fanOut = await oneSpan('headwater fan-out')
    expect(parentOf(fanOut)).toBe(request.spanContext().spanId)
    expect(fanOut.attributes).toMatchObject({ 'headwater.feeds': 0, 'headwater.subscribers': 0 })
    const { response } = await open('match=a&trace&last_event_id=earliest')
    expect(await tracesIn(response, 1)).toEqual([[id, contextOf(request.spanContext())]])
  })

  test('are not there for what is not sampled, and the context is kept all the same', async () => {
    const sampling = new TracerProvider({
      sampler: new ParentBasedSampler({ root: { shouldSample: () => ({ decision: 0 }), toString: () => 'none' } }),
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    })
    const { post, open } = await tracedHub({ telemetry: { tracer: sampling.getTracer('test') } })
    const subscriber = await open('match=a')
    await post({ topic: 'a', data: 'unsampled' }, { traceparent: unsampled })
    await post({ topic: 'a', data: 'no trace' })
    await post({ topic: 'a', data: 'sampled' }, { traceparent: sampled })
    for (const data of ['unsampled', 'no trace', 'sampled']) expect((await subscriber.next()).data).toBe(data)
    await oneSpan('headwater fan-out')
    expect(exporter.getFinishedSpans().map((span) => span.name)).toEqual([
      'headwater store append',
      'POST /.well-known/mercure',
      'headwater fan-out',
    ])
    const { response } = await open('match=a&trace&last_event_id=earliest')
    expect((await tracesIn(response, 3)).map(([, each]) => each)).toEqual([unsampled, undefined, sampled])
  })

  test('say why a publish was refused or failed', async () => {
    const { post, store } = await tracedHub()
    expect((await post({ data: 'no topic' })).status).toBe(400)
    const refused = await oneSpan('POST /.well-known/mercure')
    expect(refused.attributes['http.response.status_code']).toBe(400)
    expect(refused.status.code).toBe(SpanStatusCode.UNSET)
    await store.close()
    exporter.reset()
    expect((await post({ topic: 'a' })).status).toBe(503)
    const failed = await oneSpan('POST /.well-known/mercure')
    expect(failed.status.code).toBe(SpanStatusCode.ERROR)
    expect(failed.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': 'STORE_CLOSED' })
    expect((await oneSpan('headwater store append')).status.code).toBe(SpanStatusCode.ERROR)
  })

  test('link the traces of lines that are stored together', async () => {
    const { url } = await tracedHub()
    const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `{"topic":"a","traceparent":"${sampled}"}\n{"topic":"a","traceparent":"${other}"}\n`,
    })
    expect(await response.text()).toContain('"line":2')
    const append = await oneSpan('headwater store append')
    expect(append.links.map(({ context }) => context.traceId)).toEqual([traceId, '1'.repeat(32)])
    expect(append.attributes['headwater.events']).toBe(2)
  })

  test('are below the span in which a program publishes', async () => {
    const { hub } = await tracedHub()
    const span = tracer.startSpan('order')
    await context.with(trace.setSpan(context.active(), span), () => hub.publish({ topic: 'a', data: '1' }))
    span.end()
    const publish = await oneSpan('publish')
    expect(publish.kind).toBe(SpanKind.PRODUCER)
    expect(parentOf(publish)).toBe(span.spanContext().spanId)
    expect(publish.attributes).toMatchObject({
      'messaging.destination.name': 'a',
      'messaging.message.id': expect.stringContaining('.1.'),
    })
    expect(parentOf(await oneSpan('headwater fan-out'))).toBe(publish.spanContext().spanId)
    exporter.reset()
    await hub.publishAll([{ topic: 'a' }, { topic: 'b', traceparent: sampled }])
    expect((await oneSpan('publish')).attributes['messaging.batch.message_count']).toBe(2)
    await expect.poll(() => finished('headwater fan-out').length).toBe(2)
    await expect(hub.publish({ topic: '' })).rejects.toThrow()
    expect(finished('publish').at(-1)!.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('count what a subscriber was sent that comes back, and say if it missed something', async () => {
    const store = createMemoryStore({ maxEvents: 3 })
    const { hub, open } = await tracedHub({ store })
    await hub.publishAll(['1', '2', '3', '4', '5'].map((data) => ({ topic: 'a', data })))
    exporter.reset()
    const live = await open('match=a')
    await live.nextOfAny()
    const returning = await open(`match=a&last_event_id=${store.epoch}.1`, { traceparent: sampled })
    await returning.next()
    const replay = await oneSpan('headwater replay')
    expect(parentOf(replay)).toBe('b7ad6b7169203331')
    expect(replay.attributes).toMatchObject({
      'headwater.replay.events': 3,
      'headwater.replay.outcome': 'complete',
      'headwater.replay.gap': expect.any(String),
    })
    expect(Number(replay.attributes['headwater.replay.bytes'])).toBeGreaterThan(60)
  })

  test('reach a collector by OTLP', async () => {
    const { url, received } = await startCollector()
    const otlp = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
    })
    onTestFinished(() => otlp.shutdown())
    const { post, open } = await tracedHub({ telemetry: { tracer: otlp.getTracer('test') } })
    const subscriber = await open('match=a')
    await post({ topic: 'a' }, { traceparent: sampled })
    await subscriber.next()
    await expect
      .poll(() => received.map(({ name }) => name).sort())
      .toEqual(['POST /.well-known/mercure', 'headwater fan-out', 'headwater store append'])
    expect(new Set(received.map((span) => span.traceId))).toEqual(new Set([traceId]))
  })

  test('need a tracer that is one, and no other names', async () => {
    await expect(serve({ telemetry: { trace: tracer } as never })).rejects.toThrow('Did you mean tracer?')
  })
})

describe('the trace context of an event', () => {
  test('is kept without telemetry, and goes only to those who ask', async () => {
    const { post, open, hub } = await serve()
    const asking = await open('match=a&trace')
    const plain = await open('match=a')
    const id = await (await post({ topic: 'a', data: 'x\ny' }, { traceparent: sampled, tracestate: 'a=b,c=d' })).text()
    await hub.publish({ topic: 'a', data: 'z', traceparent: unsampled })
    expect(await tracesIn(asking.response, 2)).toEqual([
      [id, `${sampled} a=b,c=d`],
      [expect.any(String), unsampled],
    ])
    const bytes = await firstBytes(plain.response, 'z')
    expect(bytes).not.toContain('trace')
  })

  test('comes to a loop of our client right before its event, so that it can continue the trace', async () => {
    const { hub, url } = await serve()
    const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    await hub.publishAll([
      { topic: 'a', data: '1', traceparent: sampled, tracestate: 'a=b' },
      { topic: 'a', data: '2' },
      { topic: 'a', data: '3', traceparent: other },
    ])
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    onTestFinished(() => propagation.disable())
    let carrier: Record<string, string> = {}
    const stream = events(`${url}?match=a&trace&last_event_id=earliest`, {
      onComment(comment) {
        const [, name, value] = /^(traceparent|tracestate): (.*)$/.exec(comment) ?? []
        if (name && value) carrier[name] = value
      },
    })
    for await (const { data } of stream) {
      const parent = propagation.extract(context.active(), carrier)
      carrier = {}
      tracer.startSpan(`process ${data}`, { kind: SpanKind.CONSUMER }, parent).end()
      if (data === '3') break
    }
    const parents = ['1', '2', '3'].map((data) => finished(`process ${data}`)[0]!.parentSpanContext?.traceId)
    expect(parents).toEqual([traceId, undefined, '1'.repeat(32)])
    expect(finished('process 1')[0]!.parentSpanContext?.traceState?.serialize()).toBe('a=b')
  })

  test('is in what a program of the hub reads', async () => {
    const { hub } = await serve()
    await hub.publishAll([{ topic: 'a', traceparent: sampled, tracestate: 'a=b' }, { topic: 'a' }])
    const read: object[] = []
    for await (const event of hub.subscribe('a', { lastEventId: 'earliest' })) if (read.push(event) === 2) break
    expect(read[0]).toMatchObject({ traceparent: sampled, tracestate: 'a=b' })
    expect(read[1]).not.toHaveProperty('traceparent')
  })

  test('is in the block of its event, where every other reader skips it', async () => {
    const { post, open } = await serve()
    await post({ topic: 'a', data: 'x', type: 't', id: 'i' }, { traceparent: sampled, tracestate: 'a=b' })
    const { response } = await open('match=a&trace&last_event_id=earliest')
    expect(await firstBytes(response, 'id: i')).toContain(
      `: traceparent: ${sampled}\n: tracestate: a=b\nevent: t\ndata: x\nid: i\n`,
    )
  })

  test.each([
    '',
    'x',
    sampled.toUpperCase(),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-b7ad6b7169203331-01`,
    `${sampled}-more`,
  ])('counts as none if it is %j', async (traceparent) => {
    const { post, hub } = await serve()
    expect((await post({ topic: 'a' }, { traceparent })).status).toBe(200)
    await hub.publish({ topic: 'a', traceparent })
    const { events } = await hub.observed.page({ matchers: [everyTopic], rights: [] }, { after: 0 }, 10)
    expect(events).toHaveLength(2)
    for (const { id } of events) expect((await hub.observed.trace(id, [])).trace).toBeNull()
  })

  test('keeps a tracestate of 512 characters, and drops a longer one or one with a line break', async () => {
    const { hub } = await serve()
    const stateOf = async (tracestate: string) =>
      (await hub.observed.trace(await hub.publish({ topic: 'a', traceparent: sampled, tracestate }), [])).trace
        ?.tracestate
    const long = `a=${'b'.repeat(510)}`
    expect(await stateOf(long)).toBe(long)
    expect(await stateOf(`${long}c`)).toBeUndefined()
    expect(await stateOf('a=b\ndata: forged')).toBeUndefined()
  })

  test('is no part of what an idempotency key knows an event by', async () => {
    const { post } = await serve()
    const publish = async (traceparent: string) =>
      await (await post({ topic: 'a' }, { traceparent, 'idempotency-key': 'k' })).text()
    expect(await publish(sampled)).toBe(await publish(unsampled))
  })

  test('is an attribute of a CloudEvent, in and out', async () => {
    const { post, open, url } = await serve()
    const live = await open('match=*&format=cloudevents&trace')
    const without = await open('match=*&format=cloudevents')
    await post({ topic: 'a', data: '1' }, { traceparent: sampled })
    const own = { specversion: '1.0', id: '1', source: '/s', type: 't', traceparent: unsampled }
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json', traceparent: sampled },
      body: JSON.stringify(own),
    })
    expect(JSON.parse((await live.next()).data)).toMatchObject({ subject: 'a', data: 1, traceparent: sampled })
    const second = await live.next()
    expect(JSON.parse(second.data)).toEqual(own)
    expect(JSON.parse((await without.next()).data)).not.toHaveProperty('traceparent')
  })
})

/** The ID and the trace context of the next events, as a parser that listens to comments reads them. */
async function tracesIn(response: Response, count: number): Promise<[string | undefined, string | undefined][]> {
  const found: [string | undefined, string | undefined][] = []
  let traceparent: string | undefined
  let tracestate: string | undefined
  const parser = createParser({
    onComment(comment) {
      if (comment.startsWith('traceparent: ')) traceparent = comment.slice(13)
      if (comment.startsWith('tracestate: ')) tracestate = comment.slice(12)
    },
    onEvent({ id, type }) {
      if (type?.startsWith('headwater-')) return
      found.push([id, tracestate === undefined ? traceparent : `${traceparent} ${tracestate}`])
      traceparent = tracestate = undefined
    },
  })
  const reader = response.body!.getReader()
  while (found.length < count) parser.feed((await reader.read()).value!)
  return found
}

/** The stream up to the chunk with this text. */
async function firstBytes(response: Response, text: string): Promise<string> {
  const reader = response.body!.getReader()
  let bytes = ''
  while (!bytes.includes(text)) bytes += Buffer.from((await reader.read()).value!).toString()
  return bytes
}
