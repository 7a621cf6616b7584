import { get } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { large, manners, readByManner } from '../../../../../conformance/readers/manners.ts'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { EventStore } from '../../../src/store/store.ts'

/** As some do: gzip is asked for and not decoded. The remedy is in docs/readers.md. */
const asksForNoGzip = ['gzip is not decoded, and so not asked for', { acceptEncoding: 'identity' }] as const

describe.each([...manners, asksForNoGzip])('a reader for whom %s', (_, manner) => {
  test('gets each event of a hub once over ordered stops, quiet streams and heartbeats, and nothing that it cannot read', async () => {
    const store = createMemoryStore()
    const port = await freePort()
    const expected: string[] = []
    const publish = async (hub: Hub, data: string) => {
      expected.push(data)
      await hub.publish({ topic: 'rows', data })
    }
    const url = `http://127.0.0.1:${port}/.well-known/mercure?match=rows`
    const datas: string[] = []
    const reading = readByManner(url, manner, { last: '"last"', onEvent: (data) => datas.push(data) })

    for (let life = 1; life <= 5; life++) {
      const hub = await openHub(store)
      // Lives 1 and 3 bring nothing. What is published while nobody is connected after them is what a lost cursor loses.
      if (life % 2 === 0) await publish(hub, `"while away ${life}"`)
      if (life === 4) await publish(hub, large)
      const server = await hub.listen({ host: '127.0.0.1', port })
      await expect.poll(() => hub.stats.subscribers, { interval: 5 }).toBe(1)
      if (life === 2) await publish(hub, `"live ${life}"`)
      await expect.poll(() => datas, { interval: 5 }).toEqual(expected)
      if (life === 5) await publish(hub, '"last"')
      if (life === 5) await reading
      await server.close()
    }
    expect(await reading).toEqual(expected)
  })
})

test('a reader that asks for gzip gets it, and must decode it', async () => {
  const hub = await openHub(createMemoryStore())
  const server = await hub.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  const encodingFor = (acceptEncoding: string) =>
    new Promise<string | undefined>((resolve) => {
      const headers = { accept: 'text/event-stream', 'accept-encoding': acceptEncoding }
      get(`${server.url}/.well-known/mercure?match=rows`, { headers, agent: false }, (response) => {
        resolve(response.headers['content-encoding'])
        response.destroy()
      })
    })
  expect(await encodingFor('gzip, deflate')).toBe('gzip')
  expect(await encodingFor('identity')).toBe(undefined)
})

function openHub(store: EventStore): Promise<Hub> {
  const session = { retryMs: 20, drainSpreadMs: 0, heartbeatMs: 5 }
  return createHub({ store, session, onError: (error) => expect.unreachable(String(error)) })
}
