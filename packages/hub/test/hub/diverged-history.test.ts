import { events } from '@headwater/sse/client'
import { createEpoch } from '@headwater/sse/internal'
import { expect, onTestFinished, test } from 'vitest'
import { positionId } from '../../src/hub/event-id.ts'
import { createHubCore, type HubCore } from '../../src/hub/hub-core.ts'
import { decorateStore } from '../../src/store/decorate-store.ts'
import { openReplica, type Replica } from '../../src/store/replica.ts'
import type { EventStore, StoredEvent } from '../../src/store/store.ts'
import { serveGuarded } from '../http/access/guarded-hub.ts'
import { serve } from '../http/serve-hub.ts'
import { edgeToken, startEdge, until } from '../store/upstream/edge-hubs.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

// The history loses its last events, which were delivered, and goes on with others at their positions. Who comes at that moment gets
// what the history now has, or is told of a gap.

test('a client that comes back when the events were just dropped gets all that follows', async () => {
  const replica = await openHistory()
  const { url } = await serve({ store: asStore(replica), authorize: () => ({}) })
  await replica.dropAfter(at('1'))
  await replica.apply([at('2')])
  const received = receive(url, idOf(replica, '1'))
  await until(() => received.length === 1)
  await replica.apply([at('3'), at('4')])
  await until(() => received.at(-1) === '4')
  expect(received).toEqual(['2', '3', '4'])
})

test('a program that begins to read when the events were just dropped gets all that follows', async () => {
  const replica = await openHistory()
  const hub = await openHub(asStore(replica))
  await replica.dropAfter(at('1'))
  await replica.apply([at('2')])
  const resumed = readAll(hub, idOf(replica, '1'))
  const live = readAll(hub, undefined)
  await until(() => resumed.length === 1)
  await replica.apply([at('3'), at('4')])
  await until(() => resumed.at(-1) === '4' && live.at(-1) === '4')
  expect(resumed).toEqual(['2', '3', '4'])
  expect(live).toEqual(['3', '4'])
})

test('a client whose request is under way when its event is dropped is told of the gap', async () => {
  const replica = await openHistory()
  const { url } = await serve({
    store: asStore(
      replica,
      once(() => replaceEnd(replica)),
    ),
    authorize: () => ({}),
  })
  const received = receive(url, idOf(replica, 'old 3'))
  await until(() => received.at(-1) === '3')
  expect(received).toEqual(['headwater-gap', '1', '2', '3'])
})

test('a program whose request is under way when its event is dropped is told of the gap', async () => {
  const replica = await openHistory()
  const hub = await openHub(
    asStore(
      replica,
      once(() => replaceEnd(replica)),
    ),
  )
  const received = readAll(hub, idOf(replica, 'old 3'))
  await until(() => received.at(-1) === '3')
  expect(received).toEqual(['headwater-gap', '1', '2', '3'])
})

test('an edge whose request is under way when its newest event is dropped has the new history', async () => {
  const replica = await openHistory()
  let onInspected: (() => Promise<void>) | undefined
  const store = asStore(replica, async (position) => {
    if (position === 3) await onInspected?.()
  })
  const hub = await serveGuarded({}, { store })
  const directory = temporaryDirectory()
  const first = await startEdge(hub.url, { token: edgeToken, directory })
  await first.stop()
  onInspected = once(() => replaceEnd(replica))
  const second = await startEdge(hub.url, { token: edgeToken, directory })
  const datas = async () => {
    const query = { after: 0, through: 10, topics: undefined, maxEvents: 10, maxBytes: 1e6 }
    return (await second.store.read(query)).events.map(({ data }) => data)
  }
  await until(async () => (await datas()).at(-1) === '3')
  expect(await datas()).toEqual(['1', '2', '3'])
})

const places: Record<string, { readonly position: number; readonly tag: number }> = {
  '1': { position: 1, tag: 11 },
  'old 2': { position: 2, tag: 12 },
  'old 3': { position: 3, tag: 13 },
  '2': { position: 2, tag: 22 },
  '3': { position: 3, tag: 23 },
  '4': { position: 4, tag: 24 },
}

function at(data: string): StoredEvent {
  return { topics: ['a'], data, isPrivate: false, id: undefined, type: undefined, retryMs: undefined, ...places[data]! }
}

function idOf({ epoch }: Replica, data: string): string {
  return positionId(epoch, places[data]!)
}

/** A history with three events. */
async function openHistory(): Promise<Replica> {
  const replica = await openReplica({ directory: temporaryDirectory(), epoch: createEpoch(), onError: () => {} })
  onTestFinished(() => replica.close())
  await replica.apply([at('1'), at('old 2'), at('old 3')])
  return replica
}

async function replaceEnd(replica: Replica): Promise<void> {
  await replica.dropAfter(at('1'))
  await replica.apply([at('2'), at('3')])
}

/** The replica as the store of a hub. `onInspected` is called before anybody is told what is at a position. */
function asStore(replica: Replica, onInspected: (position: number) => Promise<void> = async () => {}): EventStore {
  return decorateStore(replica as unknown as EventStore, {
    append: () => Promise.reject(new Error('nothing is appended here')),
    async inspect(position) {
      const state = await replica.inspect(position)
      await onInspected(position)
      return state
    },
  })
}

async function openHub(store: EventStore): Promise<HubCore> {
  const hub = await createHubCore({ store, onError: () => {} })
  onTestFinished(() => hub.close())
  return hub
}

/** What a client gets that starts with an ID: the data of events, and the type of gaps. */
function receive(url: string, lastEventId: string): string[] {
  const received: string[] = []
  const stream = events(`${url}?match=a`, { lastEventId, retry: { backoffMs: 10 } })
  onTestFinished(() => stream.close())
  void (async () => {
    for await (const { type, data } of stream) received.push(type === 'message' ? data : type)
  })()
  return received
}

function readAll(hub: HubCore, lastEventId: string | undefined): string[] {
  const received: string[] = []
  void (async () => {
    for await (const { type, data } of hub.subscribe('a', { lastEventId })) {
      received.push(type === 'message' ? data : type)
    }
  })()
  return received
}

/** Does something the first time only. */
function once(action: () => Promise<void>): () => Promise<void> {
  let isDone = false
  return async () => {
    if (isDone) return
    isDone = true
    await action()
  }
}
