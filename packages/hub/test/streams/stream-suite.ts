import { type ParsedEvent, readEvents } from '@headwater/sse'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHub, type Hub, type HubStream, type StreamEvent } from '../../src/index.ts'
import type { EventStore } from '../../src/store/store.ts'

/** What the suite needs to know of a store. */
export interface StreamDriver {
  /** Opens a store with a history of its own. */
  open(): Promise<EventStore>
  /** Opens the history again, beside the store or after it was closed: by another process, as it were. */
  beside?(store: EventStore): Promise<EventStore>
  reopen?(closed: EventStore): Promise<EventStore>
  dispose?(): Promise<void>
}

/** What streams promise, whatever the store. */
export function describeStreams(name: string, driver: StreamDriver): void {
  describe(`streams over ${name}`, () => {
    const hubs: Hub[] = []
    const stores: EventStore[] = []

    afterEach(async () => {
      for (const hub of hubs.splice(0)) await hub.close()
      for (const store of stores.splice(0)) await store.close()
      await driver.dispose?.()
    })

    async function start(store?: EventStore, streams = {}): Promise<Hub> {
      const opened = store ?? (await driver.open())
      stores.push(opened)
      const hub = await createHub({ store: opened, streams, authorize: () => ({}), onError: () => {} })
      hubs.push(hub)
      return hub
    }

    test('are read whole by whoever comes late, and their text is as it was written', async () => {
      const hub = await start()
      const stream = hub.stream('chat/7')
      expect(await stream.state()).toEqual({ name: 'none' })
      await stream.open()
      expect(await stream.state()).toMatchObject({ name: 'open' })
      expect(await hub.openStreams()).toEqual(['chat/7'])
      await Promise.all([stream.write('Hel'), stream.write('lo\nworld'), stream.write({ n: 1 }, { type: 'usage' })])
      await stream.close()
      expect(await stream.state()).toMatchObject({ name: 'ended', how: 'closed' })
      const events = await all(hub.stream('chat/7'))
      expect(events.map(({ type, data }) => [type, data])).toEqual([
        ['message', 'Hel'],
        ['message', 'lo\nworld'],
        ['usage', '{"n":1}'],
      ])
      const rest = await all(hub.stream('chat/7'), events[0]!.id)
      expect(rest).toEqual(events.slice(1))
    })

    test('are over at once for a reader that has their end', async () => {
      const hub = await start()
      const stream = hub.stream('short')
      await stream.fail('out of quota')
      const [ended] = await all(hub.stream('short'))
      expect(ended?.type).toBe('headwater-ended')
      expect(await all(hub.stream('short'), ended!.id)).toEqual([])
      const request = new Request('http://localhost/', { headers: { 'last-event-id': ended!.id } })
      const response = await hub.stream('short').response(request)
      expect(await response.text()).not.toContain('data:')
      expect(await hub.stream('short').written()).toEqual({ events: [], text: '', bytes: 0 })
    })

    test('reach readers that are there, and those that resume, with each event once', async () => {
      const hub = await start()
      const stream = hub.stream('live')
      await stream.open()
      const early = all(hub.stream('live'))
      const first = await stream.write('a')
      const resuming = all(hub.stream('live'), first)
      await stream.write('b')
      await stream.write('c')
      await stream.close()
      expect(texts(await early)).toEqual(['a', 'b', 'c'])
      expect(texts(await resuming)).toEqual(['b', 'c'])
    })

    test('have one writer: a second one is refused, and one that takes over goes on', async () => {
      const hub = await start()
      const first = hub.stream('one')
      await first.write('a')
      const second = hub.stream('one')
      await expect(second.write('x')).rejects.toMatchObject({ code: 'STREAM_HAS_WRITER' })
      await expect(second.open()).rejects.toMatchObject({ code: 'STREAM_HAS_WRITER' })
      expect(await second.takeOver()).toMatchObject({ text: 'a', bytes: 1, events: [{ data: 'a', type: 'message' }] })
      await vi.waitFor(() => expect(first.signal.aborted).toBe(true))
      await expect(first.write('y')).rejects.toMatchObject({ code: 'STREAM_TAKEN_OVER' })
      await second.write('b')
      await second.close()
      expect(texts(await all(hub.stream('one')))).toEqual(['a', 'b'])
    })

    test('end once: nothing can be written after the end, and the error says how it ended', async () => {
      const hub = await start()
      const stream = hub.stream('end')
      await stream.write('a')
      await stream.fail('The model is gone.')
      await expect(stream.write('b')).rejects.toMatchObject({
        code: 'STREAM_ENDED',
        message: expect.stringContaining('failed'),
      })
      await expect(hub.stream('end').open()).rejects.toMatchObject({
        code: 'STREAM_ENDED',
        message: expect.stringContaining('The model is gone.'),
      })
      await expect(hub.stream('end').takeOver()).rejects.toMatchObject({ code: 'STREAM_ENDED' })
      expect(await hub.stream('end').stop()).toBe('failed')
      const events = await all(hub.stream('end'))
      expect(events.at(-1)).toMatchObject({
        type: 'headwater-ended',
        data: '{"how":"failed","reason":"The model is gone."}',
      })
    })

    test('are stopped by anybody: the source is cancelled, and readers are told', async () => {
      const hub = await start()
      let isCancelled = false
      const source = new ReadableStream<string>({
        start: (controller) => controller.enqueue('a'),
        cancel() {
          isCancelled = true
        },
      })
      const stream = hub.stream('stop')
      await stream.open()
      const piped = stream.pipe(source)
      const reader = hub.stream('stop').read()
      expect((await reader.next()).value).toMatchObject({ data: 'a' })
      expect(await hub.stream('stop').stop('by the user')).toBe('stopped')
      expect(await piped).toMatchObject({ outcome: 'interrupted', error: { code: 'STREAM_ENDED' } })
      expect(isCancelled).toBe(true)
      expect((await reader.next()).value).toMatchObject({
        type: 'headwater-ended',
        data: '{"how":"stopped","reason":"by the user"}',
      })
      expect((await reader.next()).done).toBe(true)
    })

    test('of a producer that falls silent are lost, and its return is refused', async () => {
      const hub = await start(undefined, { leaseMs: 100 })
      const stream = hub.stream('silent')
      await stream.write('a')
      // Its process is gone: the history knows it only as the record that it left.
      const store = stores[0]!
      const other = driver.beside ? await start(await driver.beside(store), { leaseMs: 100 }) : undefined
      await hub.close()
      const next =
        other ?? (driver.reopen ? await start(await driver.reopen(await closed(store)), {}) : await start(store))
      await vi.waitFor(async () => expect(await next.stream('silent').state()).toMatchObject({ how: 'lost' }), 20_000)
      const events = await all(next.stream('silent'))
      expect(events.map(({ type }) => type)).toEqual(['message', 'headwater-ended'])
      await expect(next.stream('silent').takeOver()).rejects.toMatchObject({ code: 'STREAM_ENDED' })
      await expect(next.stream('silent').write('b')).rejects.toThrow('lost')
    })

    test('are kept open by their hub while the producer thinks', async () => {
      const hub = await start(undefined, { leaseMs: 100 })
      const stream = hub.stream('thinking')
      await stream.open()
      const seen: StreamEvent[] = []
      const reading = (async () => {
        for await (const event of hub.stream('thinking').read()) seen.push(event)
      })()
      const { lastEventId } = (await stream.state()) as { lastEventId: string }
      // Renewals are records, and readers are shown none.
      await vi.waitFor(async () => expect(await stream.state()).not.toMatchObject({ lastEventId }), 10_000)
      await stream.write('at last')
      await stream.close()
      await reading
      expect(texts(seen)).toEqual(['at last'])
    })

    test('go on after a restart, by a writer that takes over within the lease', async () => {
      const hub = await start(undefined, { leaseMs: 20_000 })
      await hub.stream('go/on').write('one ')
      await hub.close()
      const store = stores[0]!
      const next = await start(driver.reopen ? await driver.reopen(await closed(store)) : store)
      expect(await next.openStreams()).toEqual(['go/on'])
      const stream = next.stream('go/on')
      expect((await stream.takeOver()).text).toBe('one ')
      expect(await stream.pipe('two')).toEqual({ outcome: 'completed' })
      expect(texts(await all(next.stream('go/on'))).join('')).toBe('one two')
    })

    test('answer a request: none with 204, a new, a late and a resuming reader with the rest', async () => {
      const hub = await start()
      const ask = (lastEventId?: string) =>
        hub.stream('answer').response(
          new Request('http://a/', {
            headers: { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) },
          }),
        )
      expect((await ask()).status).toBe(204)
      const stream = hub.stream('answer', { retentionMs: 60_000 })
      await stream.open()
      const early = received(await ask())
      const id = await stream.write('a')
      await stream.write('b')
      await stream.close()
      const types = (events: readonly ParsedEvent[]) => events.map(({ type = 'message', data }) => `${type} ${data}`)
      const all = ['headwater-position {}', 'message a', 'message b', 'headwater-close {}']
      expect(types(await early)).toEqual(all)
      const late = await received(await ask())
      expect(types(late)).toEqual(all)
      expect(types(await received(await ask(id)))).toEqual(['headwater-position {}', ...all.slice(2)])
      // A native EventSource asks once more after the end.
      expect((await ask(late.at(-1)!.id)).status).toBe(204)
    })

    test('let a reader that has the end go at once, and one with a strange ID have everything after a gap', async () => {
      const hub = await start()
      await hub.stream('over').write('a')
      await hub.stream('over').stop()
      const events = await all(hub.stream('over'))
      expect(events.map(({ type }) => type)).toEqual(['message', 'headwater-ended'])
      expect(await all(hub.stream('over'), events[1]!.id)).toEqual([])
      const other = hub.stream('other')
      const id = await other.write('b')
      for (const strange of ['x', id, '#over~0x.3', `#over~${'z'.repeat(8)}.1`, `#over~${'z'.repeat(8)}.2`, '-1']) {
        const rest = await all(hub.stream('over'), strange)
        expect(rest.map(({ type }) => type)).toEqual(['headwater-gap', 'message', 'headwater-ended'])
        expect(JSON.parse(rest[0]!.data)).toMatchObject({ reason: 'unknown', requested: strange })
        // What it brings is an ID to resume from.
        expect(await all(hub.stream('over'), rest[0]!.id)).toEqual(events)
      }
    })

    test('whose retention is over are gone: 410, and a clear error', async () => {
      const hub = await start()
      const stream = hub.stream('gone', { retentionMs: 0 })
      await stream.write('a')
      await stream.close()
      await vi.waitFor(async () => expect(await stream.state()).toMatchObject({ name: 'gone' }))
      const response = await hub.stream('gone').response(new Request('http://a/'))
      expect(response.status).toBe(410)
      expect(await response.json()).toMatchObject({ code: 'STREAM_GONE' })
      await expect(hub.stream('gone').read().next()).rejects.toMatchObject({ code: 'STREAM_GONE' })
      await expect(hub.stream('gone').write('b')).rejects.toMatchObject({ code: 'STREAM_GONE' })
    })

    if (driver.beside) {
      test('are written by one hub and read, stopped and taken over by another', async () => {
        const hub = await start()
        const other = await start(await driver.beside!(stores[0]!))
        const stream = hub.stream('far')
        await stream.write('a')
        const reading = all(other.stream('far'))
        await expect(other.stream('far').write('x')).rejects.toMatchObject({ code: 'STREAM_HAS_WRITER' })
        const second = other.stream('far')
        expect((await second.takeOver()).text).toBe('a')
        await vi.waitFor(() => expect(stream.signal.aborted).toBe(true), 10_000)
        await expect(stream.write('y')).rejects.toMatchObject({ code: 'STREAM_TAKEN_OVER' })
        await second.write('b')
        expect(await hub.stream('far').stop()).toBe('stopped')
        await vi.waitFor(() => expect(second.signal.aborted).toBe(true), 10_000)
        await expect(second.write('z')).rejects.toMatchObject({ code: 'STREAM_ENDED' })
        expect((await reading).map(({ type, data }) => [type, data])).toEqual([
          ['message', 'a'],
          ['message', 'b'],
          ['headwater-ended', '{"how":"stopped"}'],
        ])
      })
    }
  })
}

async function closed(store: EventStore): Promise<EventStore> {
  await store.close()
  return store
}

async function all(stream: HubStream, after?: string): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of stream.read({ after })) events.push(event)
  return events
}

function texts(events: readonly StreamEvent[]): string[] {
  return events.map(({ data }) => data)
}

async function received(response: Response): Promise<ParsedEvent[]> {
  const events: ParsedEvent[] = []
  for await (const event of readEvents(response.body!)) events.push(event)
  return events
}
