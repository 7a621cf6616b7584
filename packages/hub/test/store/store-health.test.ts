import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { Log } from '../../src/cli/log/log.ts'
import { logStoreHealth } from '../../src/cli/serve/start-server.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { observeStore } from '../../src/store/observed-store.ts'
import type { EventStore } from '../../src/store/store.ts'
import { StoreHealthMonitor } from '../../src/store/store-health.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const event = { topics: ['a'], data: '', isPrivate: false, id: undefined, type: undefined, retryMs: undefined }

function start() {
  const lines: { event: string; message: string }[] = []
  const log = new Log({ format: 'json', level: 'info', write: (line) => lines.push(JSON.parse(line)) })
  let now = 0
  const clock = () => now
  const health = new StoreHealthMonitor((each) => logStoreHealth(log, each), clock)
  const store = createMemoryStore()
  return {
    store,
    health,
    watch: (each: EventStore) => observeStore(each, [health], clock),
    watched: observeStore(store, [health], clock),
    told: () => lines.splice(0).map(({ event, message }) => `${event}: ${message}`),
    pass(ms: number) {
      now += ms
      vi.advanceTimersByTime(ms)
    },
  }
}

describe('the watch over a store', () => {
  test('tells once that the disk is full, and when there is room again, after how long and how many failures', async () => {
    const { store, watched, told, pass, health } = start()
    const full = new HubError('STORE_FAILED', 'The event was not stored: the disk is full.')
    const append = vi.spyOn(store, 'append').mockRejectedValue(full)
    for (let n = 0; n < 1000; n++) await expect(watched.append(event)).rejects.toBe(full)
    expect(told()).toEqual([
      'store-failed: the store failed, and publishers get 503: The event was not stored: the disk is full.',
    ])
    expect(health.hasReported(full)).toBe(true)
    append.mockRestore()
    pass(12_345)
    await watched.append(event)
    await watched.append(event)
    expect(told()).toEqual(['store-recovered: the store works again, after 12.3 s and 1000 failures.'])
  })

  test('tells by the check of readiness, too, when nobody publishes', async () => {
    const { store, watch, told } = start()
    const check = vi.fn(async () => {})
    const watched = watch(Object.assign(store, { check }))
    check.mockRejectedValueOnce(new HubError('STORE_FAILED', 'The disk is full.'))
    await expect(watched.check!()).rejects.toThrow('The disk is full.')
    await watched.check!()
    expect(told().map((line) => line.split(':')[0])).toEqual(['store-failed', 'store-recovered'])
  })

  test('does not mind what was the publisher\u2019s mistake, or that the store is closed', async () => {
    const { store, watched, told, health } = start()
    const error = new HubError('TOO_LARGE', 'too large')
    vi.spyOn(store, 'append').mockRejectedValueOnce(error)
    await expect(watched.append(event)).rejects.toBe(error)
    await store.close()
    await expect(watched.append(event)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    expect(told()).toEqual([])
    expect(health.hasReported(error)).toBe(false)
  })

  test('tells of a store that took long, and of one that does not answer at all', async () => {
    const { store, watched, told, pass } = start()
    let answer = () => {}
    vi.spyOn(store, 'append').mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          answer = () => resolve({ position: 1, tag: 1 })
        }),
    )
    const appending = watched.append(event)
    pass(1999)
    expect(told()).toEqual([])
    pass(1)
    expect(told()).toEqual(['store-slow: the store has not answered for 2.0 s. Check what else uses its disk.'])
    pass(2000)
    expect(told()).toEqual(['store-slow: the store has not answered for 4.0 s. Check what else uses its disk.'])
    answer()
    await appending
    expect(told()).toEqual(['store-slow: the store took 4.0 s to store an event. Check what else uses its disk.'])
    pass(10_000)
    await watched.append(event)
    expect(told()).toEqual([])
    // Nothing is left to look after, so nobody looks.
    pass(10_000)
    expect(vi.getTimerCount()).toBe(1)
  })

  test('says what took long, which may have been a check that nobody published for', async () => {
    const { store, watch, told, pass } = start()
    const { promise, resolve: answer } = Promise.withResolvers<void>()
    const checking = watch(Object.assign(store, { check: () => promise })).check!()
    pass(2500)
    told()
    answer()
    await checking
    expect(told()).toEqual([
      'store-slow: the store took 2.5 s to check that it can store events. Check what else uses its disk.',
    ])
  })

  test('leaves all else as the store has it', async () => {
    const { store, watched } = start()
    await watched.append(event)
    expect(watched.epoch).toBe(store.epoch)
    expect(await watched.bounds()).toEqual(await store.bounds())
    expect(
      (await watched.read({ after: 0, through: 1, topics: undefined, maxEvents: 10, maxBytes: 1e6 })).events,
    ).toHaveLength(1)
    await watched.close()
    await expect(store.append(event)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })
})
