import { defineEvents } from '@headwater/sse'
import { EventSource } from '@headwater/sse/client'
import { createTRPCClient, httpSubscriptionLink, TRPCClientError } from '@trpc/client'
import { initTRPC, type TRPCError } from '@trpc/server'
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { trackedStream, trackedTopic } from '../../../src/adapters/trpc/index.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'

const t = initTRPC.create()
const resume = { lastEventId: z.string().nullish() }
const orders = defineEvents<{ placed: { id: number }; paid: { id: number; euros: number } }>()

function routerOf(hub: Hub) {
  const ordersTopic = hub.topic('orders', { events: orders })
  return t.router({
    answer: t.procedure
      .input(z.object({ name: z.string(), ...resume }))
      .subscription(({ input: { name, lastEventId }, signal }) =>
        trackedStream(hub.stream(name), { lastEventId, signal }),
      ),
    numbers: t.procedure
      .input(z.object({ ...resume }))
      .subscription(({ input: { lastEventId }, signal }) =>
        trackedStream(hub.stream('numbers'), { lastEventId, signal, map: ({ data }) => JSON.parse(data) as number[] }),
      ),
    orders: t.procedure
      .input(z.object({ from: z.enum(['earliest', 'new']).optional(), ...resume }))
      .subscription(({ input: { lastEventId, from }, signal }) =>
        trackedTopic(ordersTopic, { lastEventId, signal, from }),
      ),
  })
}

type Router = ReturnType<typeof routerOf>

let hub: Hub
let server: FetchServer

const handlerOf = (hub: Hub) => (req: Request) =>
  fetchRequestHandler({ endpoint: '/trpc', req, router: routerOf(hub), createContext: () => ({}) })

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore(), onError: () => {} })
  server = await serveFetch(handlerOf(hub))
})

afterEach(async () => {
  await server.close()
  await hub.close()
})

const client = () =>
  createTRPCClient<Router>({
    links: [
      httpSubscriptionLink({
        url: `${server.url}/trpc`,
        EventSource,
        eventSourceOptions: { retry: { reconnectionTimeMs: 5 } } as never,
      }),
    ],
  })

/** What a subscription gets. */
class Subscribed<T> {
  readonly data: T[] = []
  readonly ids: string[] = []
  error: TRPCClientError<Router> | undefined
  isComplete = false
  stop = () => {}

  readonly callbacks = {
    onData: ({ id, data }: { id: string; data: T }) => {
      this.ids.push(id)
      this.data.push(data)
    },
    onError: (error: unknown) => {
      this.error = error as TRPCClientError<Router>
    },
    onComplete: () => {
      this.isComplete = true
    },
  }
}

function subscribeToAnswer(name: string, lastEventId?: string): Subscribed<string> {
  const subscribed = new Subscribed<string>()
  const { unsubscribe } = client().answer.subscribe({ name, lastEventId }, subscribed.callbacks)
  subscribed.stop = unsubscribe
  return subscribed
}

describe('a subscription to a stream of the hub', () => {
  it('gets every event with its ID, and completes with the stream', async () => {
    const stream = hub.stream('answer')
    const ids = [await stream.write('one'), await stream.write('two')]
    const subscribed = subscribeToAnswer('answer')
    await expect.poll(() => subscribed.data).toEqual(['one', 'two'])
    await stream.close()
    await expect.poll(() => subscribed.isComplete).toBe(true)
    expect(subscribed.ids).toEqual(ids)
    expect(subscribed.error).toBeUndefined()
  })

  it('gets only what follows after a cut, and after a restart', async () => {
    const directory = temporaryDirectory()
    const open = async () => {
      const store = await openSqliteStore({ directory })
      const hub = await createHub({ store, onError: () => {} })
      server.handler = handlerOf(hub)
      return { hub, store }
    }
    const before = await open()
    const stream = before.hub.stream('answer', { leaseMs: 60_000 })
    await stream.write('one')
    const subscribed = subscribeToAnswer('answer')
    await expect.poll(() => subscribed.data).toEqual(['one'])
    server.cut()
    await stream.write('two')
    await expect.poll(() => subscribed.data).toEqual(['one', 'two'])
    server.handler = undefined
    server.cut()
    await before.hub.close()
    await before.store.close()

    const after = await open()
    const continued = after.hub.stream('answer')
    expect((await continued.takeOver()).text).toBe('onetwo')
    await continued.write('three')
    await continued.close()
    await expect.poll(() => subscribed.isComplete).toBe(true)
    expect(subscribed.data).toEqual(['one', 'two', 'three'])
    await after.hub.close()
    await after.store.close()
  })

  it('has the data that map makes, with its type', async () => {
    const stream = hub.stream('numbers')
    const subscribed = new Subscribed<number[]>()
    await stream.write([1, 2])
    client().numbers.subscribe({}, subscribed.callbacks)
    await stream.write([3])
    await stream.close()
    await expect.poll(() => subscribed.isComplete).toBe(true)
    expect(subscribed.data).toEqual([[1, 2], [3]])
    for await (const [, data] of trackedStream(stream)) expectTypeOf(data).toEqualTypeOf<string>()
  })

  it('completes when the stream is stopped', async () => {
    await hub.stream('answer').write('one')
    const subscribed = subscribeToAnswer('answer')
    await expect.poll(() => subscribed.data).toEqual(['one'])
    await hub.stream('answer').stop()
    await expect.poll(() => subscribed.isComplete).toBe(true)
  })

  it.each([
    ['a stream that does not exist', 'NOT_FOUND', async () => ({ name: 'none' })],
    [
      'an ID of another stream',
      'BAD_REQUEST',
      async () => ({ name: 'answer', lastEventId: await hub.stream('other').write('a') }),
    ],
    [
      'a stream that is gone',
      'PRECONDITION_FAILED',
      async () => {
        const stream = hub.stream('short', { retentionMs: 0 })
        await stream.write('a')
        await stream.close()
        await expect.poll(() => stream.state()).toMatchObject({ name: 'gone' })
        return { name: 'short' }
      },
    ],
    [
      'a stream that failed',
      'UNPROCESSABLE_CONTENT',
      async () => {
        await hub.stream('failed').fail('out of quota')
        return { name: 'failed' }
      },
    ],
  ] satisfies [string, string, () => Promise<{ name: string; lastEventId?: string }>][])(
    'ends for good with an error for %s: %s',
    async (_, code, prepare) => {
      await hub.stream('answer').open()
      const { name, lastEventId } = (await prepare()) as { name: string; lastEventId?: string }
      const subscribed = subscribeToAnswer(name, lastEventId)
      await expect.poll(() => subscribed.error).toBeInstanceOf(TRPCClientError)
      expect(subscribed.error?.data).toMatchObject({ code })
    },
  )

  it('is told by the hub that closes to come back', async () => {
    const stream = hub.stream('answer')
    await stream.write('one')
    const events = trackedStream(stream)
    expect((await events.next()).value?.[1]).toBe('one')
    const next = events.next()
    await hub.close()
    await expect(next).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' } satisfies Partial<TRPCError>)
  })
})

describe('a subscription to a topic of the hub', () => {
  type Order = { type: 'placed'; data: { id: number } } | { type: 'paid'; data: { id: number; euros: number } }

  it('gets typed events, what it missed first', async () => {
    const topic = hub.topic('orders', { events: orders })
    await topic.broadcast({ type: 'placed', data: { id: 1 } })
    const subscribed = new Subscribed<Order>()
    const { unsubscribe } = client().orders.subscribe({ from: 'earliest' }, subscribed.callbacks)
    await expect.poll(() => subscribed.data).toEqual([{ type: 'placed', data: { id: 1 } }])
    server.cut()
    await topic.broadcast({ type: 'paid', data: { id: 1, euros: 7 } })
    await expect
      .poll(() => subscribed.data)
      .toEqual([
        { type: 'placed', data: { id: 1 } },
        { type: 'paid', data: { id: 1, euros: 7 } },
      ])
    unsubscribe()
  })

  it('is told where events are missing, or goes on', async () => {
    const small = await createHub({ store: createMemoryStore({ maxEvents: 1 }) })
    const topic = small.topic('orders', { events: orders })
    const lastEventId = await topic.broadcast({ type: 'placed', data: { id: 1 } })
    for (const id of [2, 3, 4]) await topic.broadcast({ type: 'placed', data: { id } })
    await expect(trackedTopic(topic, { lastEventId }).next()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    const gaps: string[] = []
    const events = trackedTopic(topic, { lastEventId, onGap: (gap) => gaps.push(gap) })
    expect((await events.next()).value?.[1]).toEqual({ type: 'placed', data: { id: 4 } })
    expect(JSON.parse(gaps[0]!)).toMatchObject({ reason: 'trimmed' })
    await events.return()
    await small.close()
  })

  it('cannot ask for more than its last event', async () => {
    const topic = hub.topic('orders')
    for (const lastEventId of ['earliest', '-5']) {
      await expect(trackedTopic(topic, { lastEventId }).next()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    }
    // @ts-expect-error a name that does not exist
    await expect(trackedTopic(topic, { form: 'new' }).next()).rejects.toThrow(/from/)
  })
})
