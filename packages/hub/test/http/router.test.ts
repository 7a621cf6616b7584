import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { Metrics } from '../../src/http/metrics.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Follower } from '../../src/store/store.ts'
import { createHandler } from './handlers.ts'
import { problemOf, type Serving, serve } from './serve-hub.ts'

describe('/readyz', () => {
  test('says whether the hub can read and store, and publishes nothing to find out', async () => {
    const store = createMemoryStore()
    const { server } = await serve({ store })
    const ready = () => fetch(`${server.url}/readyz`)
    expect([(await ready()).status, await (await ready()).text()]).toEqual([200, 'ready\n'])
    expect((await store.bounds()).head.position).toBe(0)

    store.check = async () => {
      throw new HubError(
        'STORE_FAILED',
        'The event was not stored: the disk is full. Free some space for /var/lib/hub.',
      )
    }
    const full = await ready()
    expect(full.headers.get('retry-after')).toBe('2')
    // Whoever asks need not know where the hub keeps its files.
    expect(await problemOf(full)).toEqual({
      status: 503,
      code: 'STORE_FAILED',
      detail: "The event was not stored. Try again later; the hub's log says why.",
    })
    delete store.check
    expect((await ready()).status).toBe(200)

    await store.close()
    expect(await problemOf(await ready())).toMatchObject({ status: 503, code: 'STORE_CLOSED' })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('says no while the hub does not hear of new events', async () => {
    const store = createMemoryStore()
    const followers: Follower[] = []
    const follow = store.follow.bind(store)
    vi.spyOn(store, 'follow').mockImplementation((follower) => {
      followers.push(follower)
      return follow(follower)
    })
    const { server } = await serve({ store })
    for (const follower of followers) follower.onFailure(new Error('the tail broke'))
    expect(await problemOf(await fetch(`${server.url}/readyz`))).toMatchObject({ status: 503, code: 'STORE_FAILED' })
  })
})

describe('/metrics', () => {
  async function measured(): Promise<Serving & { value(name: string): Promise<number | undefined> }> {
    const metrics = new Metrics()
    const serving = await serve({ metrics })
    return {
      ...serving,
      async value(name) {
        const text = await (await fetch(`${serving.server.url}/metrics`)).text()
        const line = text.split('\n').find((each) => each.startsWith(`${name} `))
        return line === undefined ? undefined : Number(line.slice(name.length))
      },
    }
  }

  test('is in the format of Prometheus, and only there when it is asked for', async () => {
    const { server } = await measured()
    const response = await fetch(`${server.url}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    for (const line of text.split('\n').filter(Boolean))
      expect(line).toMatch(/^(# (HELP|TYPE) \S+ |[a-z0-9_]+(\{.*\})? \S+$)/)
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes', 'headwater_subscribers'])
      expect(text).toContain(`\n${name} `)
    const { server: without } = await serve()
    expect((await fetch(`${without.url}/metrics`)).status).toBe(404)
  })

  test('counts what is published, delivered and open', async () => {
    const { post, open, value } = await measured()
    const streams = [await open('match=a'), await open('match=a'), await open('match=b')]
    for (const topic of ['a', 'a', 'b']) await post({ topic, data: 'x' })
    for (const { next } of streams) await next()
    await streams[0]!.next()
    await streams[1]!.next()
    expect(await value('headwater_subscribers')).toBe(3)
    expect(await value('headwater_feeds')).toBe(2)
    expect(await value('headwater_publishes_total{outcome="stored"}')).toBe(3)
    expect(await value('headwater_store_append_seconds_count')).toBe(3)
    expect(await value('headwater_deliveries_total')).toBe(5)
    expect(await value('headwater_head_position')).toBe(3)
    expect(await value('headwater_subscribers_behind')).toBe(0)
    expect(await value('headwater_lag_events')).toBe(0)
    const replayed = await open('match=*&last_event_id=earliest')
    for (let n = 0; n < 3; n++) await replayed.next()
    expect(await value('headwater_deliveries_total')).toBe(8)
  })

  test('counts gaps and ended streams by reason, failed publishes, and requests by what they were for', async () => {
    const metrics = new Metrics()
    const store = createMemoryStore()
    const { open, post, hub, server } = await serve({ store, metrics })
    const lines = async () => (await (await fetch(`${server.url}/metrics`)).text()).split('\n')
    const stream = await open('match=a&last_event_id=gone')
    expect((await stream.nextOfAny())?.type).toBe('headwater-gap')
    await stream.close()
    while (hub.subscriberCount > 0) await new Promise(setImmediate)
    vi.spyOn(store, 'append').mockRejectedValueOnce(new HubError('STORE_FAILED', 'full'))
    await post({ topic: 'a' })
    await post('')
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'headwater_gaps_total{reason="unknown"} 1',
        'headwater_streams_closed_total{reason="client-left"} 1',
        'headwater_publishes_total{outcome="failed"} 1',
        'headwater_requests_total{route="subscribe",status="200"} 1',
        'headwater_requests_total{route="publish",status="503"} 1',
        'headwater_requests_total{route="publish",status="400"} 1',
      ]),
    )
  })

  test('says nothing of topics, ids or data', async () => {
    const { post, open, server } = await measured()
    const stream = await open('match=topic-of-ann')
    await post({ topic: 'topic-of-ann', id: 'id-of-ann', data: 'data-of-ann' })
    await stream.next()
    expect(await (await fetch(`${server.url}/metrics`)).text()).not.toContain('ann')
  })
})

test('a handler leaves to the application what is not for the hub', async () => {
  const hub = await createHubCore({ store: createMemoryStore() })
  const handle = createHandler(hub)
  const server = createServer((req, res) => {
    handle(req, res, () => res.end('the application'))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(async () => {
    await hub.close()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await (await fetch(`${url}/books`)).text()).toBe('the application')
  expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
})
