import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { encodeStoredEvent } from '../../src/hub/event-frame.ts'
import { createMemoryStore, type MemoryStoreOptions } from '../../src/store/memory.ts'
import { type ShareOptions, shareStore } from '../../src/store/shared/share-store.ts'
import { openSharedStore } from '../../src/store/shared.ts'
import type { EventStore, Follower, StoredEvent } from '../../src/store/store.ts'
import { describeStore } from './store-suite.ts'
import { event } from './temporary-store.ts'

const frameOf = (epoch: string, stored: StoredEvent) => Buffer.from(encodeStoredEvent(epoch, stored))

describeStore('shared (seen from another thread)', {
  open: async (options) => (await share(options)).other,
  // Each takes some turns of the event loop, where that of memory takes none.
  sequences: 20,
})

describe('a store that is shared with other threads', () => {
  test('brings every event to all of them once, in order and as it was, whatever their sizes and whoever appended it', async () => {
    const data = fc.oneof(
      { weight: 8, arbitrary: fc.string({ unit: 'binary' }) },
      { weight: 2, arbitrary: fc.constantFrom('a\r\nb\rc\n', '\n', '', ' x', ': y', '\uFEFFbom') },
      // Up to several times what a segment has room for.
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((length) => 'é'.repeat(length)) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(data, fc.nat(2)), { minLength: 1, maxLength: 40 }), async (appends) => {
        const { owner, other, connect } = await share({})
        const third = openSharedStore(connect())
        const stores = [owner, other, third]
        const tails = await Promise.all(stores.map((store) => follow(store)))
        await Promise.all(appends.map(([data, by]) => stores[by]!.append(event(data, { type: 't' }))))
        const { head } = await owner.bounds()
        const history = await owner.read({
          after: 0,
          through: head.position,
          topics: undefined,
          maxEvents: 1e6,
          maxBytes: 1e9,
        })
        const wellFormed = (text: string) => Buffer.from(text).toString()
        for (const tail of tails) {
          await tail.reach(head.position)
          expect(tail.events.map(({ position, tag, data }) => [position, tag, data])).toEqual(
            history.events.map(({ position, tag, data }) => [position, tag, wellFormed(data)]),
          )
          for (const stored of tail.events) {
            expect(Buffer.from(stored.frame!).toString()).toBe(frameOf(owner.epoch, stored).toString())
          }
        }
        for (const store of [other, third, owner]) await store.close()
      }),
      { numRuns: 40 },
    )
  })

  test('has one frame of each event, in memory of which no thread has a copy', async () => {
    const { owner, other, connect } = await share({})
    const third = openSharedStore(connect())
    const tails = await Promise.all([owner, other, third].map((store) => follow(store)))
    const { position } = await other.append(event('x'))
    const frames = await Promise.all(
      tails.map(async (tail) => {
        await tail.reach(position)
        return tail.events[0]!.frame!
      }),
    )
    // The views of one thread are of one buffer; here all three are in one thread, so that it can be seen.
    for (const { buffer, byteOffset, byteLength } of frames) {
      expect(buffer).toBeInstanceOf(SharedArrayBuffer)
      expect({ byteOffset, byteLength }).toEqual({
        byteOffset: frames[0]!.byteOffset,
        byteLength: frames[0]!.byteLength,
      })
    }
    frames[0]![0] = 'X'.charCodeAt(0)
    for (const frame of frames) expect(frame[0]).toBe('X'.charCodeAt(0))
  })

  test('goes on for the others when one of them ends', async () => {
    const { other, connect } = await share({})
    const third = openSharedStore(connect())
    const tail = await follow(other)
    await follow(third)
    await third.append(event('1'))
    await third.close()
    const { position } = await other.append(event('2'))
    await tail.reach(position)
    expect(tail.events.map(({ data }) => data)).toEqual(['1', '2'])
    await expect(third.append(event('3'))).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })

  test('fails for a thread whose connection is gone, and tells what is not known', async () => {
    const { connect } = await share({})
    const connection = connect()
    const store = openSharedStore(connection)
    const tail = await follow(store)
    const appending = store.append(event('x'))
    connection.port.close()
    await expect(appending).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('may be') })
    expect(await tail.failed).toMatchObject({ code: 'STORE_FAILED' })
    await expect(store.bounds()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await store.close()
  })

  test('tells followers of every thread that the tail failed, and lets them follow anew', async () => {
    const memory = createMemoryStore()
    let fail = (_: Error) => {}
    const failing: EventStore = Object.assign(Object.create(memory) as EventStore, {
      epoch: memory.epoch,
      bounds: () => memory.bounds(),
      append: (record: Parameters<EventStore['append']>[0]) => memory.append(record),
      follow: async (follower: Follower) => {
        const stop = await memory.follow(follower)
        fail = (error) => {
          stop()
          follower.onFailure(error)
        }
        return stop
      },
    })
    const shared = await shareStore(failing, { frameOf })
    const other = openSharedStore(shared.connect())
    const tails = [await follow(shared.store), await follow(other)]
    fail(new Error('no reason'))
    for (const tail of tails) expect(await tail.failed).toMatchObject({ message: expect.stringContaining('no reason') })
    const again = await follow(other)
    const { position } = await other.append(event('after'))
    await again.reach(position)
    expect(again.events.map(({ data }) => data)).toEqual(['after'])
    await other.close()
  })

  test('keeps nothing without bound for a thread that does not read: that one is cut off, and may follow anew', async () => {
    const { owner, other, connect } = await share({}, { maxWaitingBytes: 1024 * 1024 })
    const third = openSharedStore(connect())
    const tail = await follow(other)
    const announced = vi.fn()
    const spied = connect()
    spied.port.on('message', announced)
    // All in one turn of the event loop: nobody can read in between.
    await Promise.all(Array.from({ length: 40 }, () => owner.append(event('x'.repeat(60_000)))))
    expect(await tail.failed).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('must start again'),
    })
    await vi.waitFor(() => expect(announced).toHaveBeenCalled(), { timeout: 60_000 })
    const notices = announced.mock.calls.flatMap(([notices]) => notices as { name: string }[])
    expect(notices.filter(({ name }) => name === 'segment').length).toBeLessThanOrEqual(17)
    const again = await follow(other)
    expect(again.start).toMatchObject({ head: { position: 40 } })
    const { position } = await third.append(event('next'))
    await again.reach(position)
    expect(again.events.map(({ data }) => data)).toEqual(['next'])
    spied.port.close()
    await third.close()
  })
})

/** A memory store, as the thread sees it that has it, and as another does. All are in this thread: the memory is shared either way. */
async function share(options: MemoryStoreOptions, shareOptions: Partial<ShareOptions> = {}) {
  const { store: owner, connect } = await shareStore(createMemoryStore(options), { frameOf, ...shareOptions })
  const other = openSharedStore(connect())
  return { owner, other, connect }
}

/** Follows a store until the end of the test. */
async function follow(store: EventStore) {
  const events: StoredEvent[] = []
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>()
  let wake = () => {}
  let start: unknown
  const stop = await store.follow({
    onStart(bounds) {
      start = bounds
    },
    onAppend(more) {
      events.push(...more)
      wake()
    },
    onTrim() {},
    onFailure: fail,
  })
  onTestFinished(stop)
  const reach = async (position: number) => {
    while ((events.at(-1)?.position ?? 0) < position) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { events, failed, reach, start }
}
