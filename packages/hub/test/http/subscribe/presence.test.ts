import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { everyTopic } from '../../../src/matching/matcher.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { readAll, toldBy } from '../../subscriptions/running-registry.ts'
import { createFetchHandler } from '../handlers.ts'
import { type Serving, type Subscribed, serve } from '../serve-hub.ts'

/** As long as it takes on a busy machine. */
const selectEvents = `match=${encodeURIComponent('/.well-known/mercure/subscriptions?events')}`
/** Who may have everything, and publish. */
const authorize = () => ({ subscribe: [everyTopic], publish: [everyTopic] })

/** Reads events until this one has come, as `toldBy` has it. */
async function untilTold(watching: Subscribed, wanted: string): Promise<void> {
  for (;;) {
    const { match, active } = JSON.parse((await watching.next()).data)
    if (`${active ? '+' : '-'}${match}` === wanted) return
  }
}

/** Subscribes by a socket of its own. */
async function subscribeRaw({ url }: Serving, match: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  socket.write(`GET ${pathname}?match=${match} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await once(socket, 'data')
  return socket
}

describe('a subscriber is said to be gone', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each(['end', 'resetAndDestroy'] as const)('when its connection is over, by %s', async (how) => {
    const serving = await serve({ subscriptions: true, authorize })
    const watching = await serving.open(selectEvents)
    const socket = await subscribeRaw(serving, 'a')
    await untilTold(watching, '+a')
    socket[how]()
    await untilTold(watching, '-a')
  })

  test('when it takes nothing more, though its connection stands', async () => {
    const serving = await serve({ subscriptions: true, authorize, session: { stallTimeoutMs: 1500 } })
    const watching = await serving.open(selectEvents)
    const socket = await subscribeRaw(serving, 'a')
    await untilTold(watching, '+a')
    socket.pause()
    // More than the buffers of two sockets take.
    const data = 'x'.repeat(1_000_000)
    for (let count = 0; count < 20; count++) await serving.post({ topic: 'a', data })
    await untilTold(watching, '-a')
    expect(serving.hub.stats.sessionsClosed).toMatchObject({ stalled: 1 })
  })

  test('when not even heartbeats leave for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
    const store = createMemoryStore()
    const hub = await createHubCore({ store, subscriptions: true })
    const handle = createFetchHandler(hub)
    const response = await handle(new Request('http://hub.example/.well-known/mercure?match=a'))
    const reader = response.body!.getReader()
    // It reads for as long as it is awake.
    let isAwake = true
    const reading = (async () => {
      while (isAwake) await reader.read()
    })()
    await vi.advanceTimersByTimeAsync(300_000)
    expect(toldBy(await readAll(store))).toEqual(['+a'])
    isAwake = false
    await vi.advanceTimersByTimeAsync(10_000)
    await reading
    // The last heartbeat it took, the next one, and the 30 s in which that did not leave.
    await vi.advanceTimersByTimeAsync(60_000)
    expect(toldBy(await readAll(store))).toEqual(['+a', '-a'])
    expect(hub.subscriptions!.list().subscriptions).toEqual([])
    await hub.close()
  })

  test('when its time is over', async () => {
    const serving = await serve({
      subscriptions: true,
      authorize: (request) =>
        request.url.includes('match=short')
          ? { subscribe: [everyTopic], expiresAt: Date.now() + 500 }
          : { subscribe: [everyTopic] },
    })
    const watching = await serving.open(selectEvents)
    await serving.open('match=short')
    await untilTold(watching, '+short')
    await untilTold(watching, '-short')
  })

  test('when the hub closes, and with all others, before it has closed', async () => {
    const { store, server, open } = await serve({ subscriptions: true, authorize })
    const streams = await Promise.all(['a', 'b', 'c'].map((topic) => open(`match=${topic}`)))
    await Promise.all(streams.map((stream) => stream.nextOfAny()))
    await server.close()
    const told = toldBy(await readAll(store))
    expect(told.slice(0, 3).sort()).toEqual(['+a', '+b', '+c'])
    expect(told.slice(3).sort()).toEqual(['-a', '-b', '-c'])
  })
})

describe('a subscriber stays', () => {
  test('when it cannot be told that it came, and is told of later', async () => {
    const store = createMemoryStore()
    const { append } = store
    store.append = () => Promise.reject(new Error('The disk is full.'))
    const { hub, open, post, errors } = await serve({ store, subscriptions: true, authorize })
    const subscribed = await open('match=a')
    await expect.poll(() => errors.map(String)).toEqual([expect.stringContaining('The disk is full.')])
    expect(hub.subscriberCount).toBe(1)
    expect(hub.subscriptions!.list().subscriptions).toEqual([])
    store.append = append
    await post('topic=a&data=still here')
    expect((await subscribed.next()).data).toBe('still here')
    const watching = await open(`${selectEvents}&last_event_id=earliest`)
    await untilTold(watching, '+a')
    expect(hub.subscriptions!.list().subscriptions.map(({ match }) => match)).toContain('a')
  })
})
