import { expect, onTestFinished, test } from 'vitest'
import { listen } from '../../../src/http/server/server.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'

const chromium = 'Mozilla/5.0 (X11; Linux x86_64) Chrome/156'
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Firefox/153'

async function start() {
  const hub = await createHubCore({ store: createMemoryStore() })
  const reported: string[] = []
  const server = await listen(hub, { host: '127.0.0.1', port: 0, onBrowserFull: (from) => reported.push(from) })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  const open = async (count: number, headers: Record<string, string>) => {
    const streams = await Promise.all(
      Array.from({ length: count }, () => fetch(`${server.url}/.well-known/mercure?match=a`, { headers })),
    )
    return async () => {
      const before = hub.subscriberCount
      await Promise.all(streams.map(({ body }) => body!.cancel()))
      while (hub.subscriberCount > before - count) await new Promise(setImmediate)
    }
  }
  return { open, reported }
}

test('the sixth stream of a browser over HTTP/1.1 is reported: no request for a seventh would arrive', async () => {
  const { open, reported } = await start()
  const close = await open(5, { 'user-agent': chromium })
  await open(5, { 'user-agent': firefox })
  expect(reported).toEqual([])
  const closeSixth = await open(1, { 'user-agent': chromium })
  expect(reported).toEqual(['127.0.0.1'])
  await closeSixth()
  await close()
  await open(5, { 'user-agent': chromium })
  expect(reported).toHaveLength(1)
  await open(1, { 'user-agent': chromium })
  expect(reported).toHaveLength(2)
})

test('neither programs nor what comes through a proxy are taken for a browser without connections', async () => {
  const { open, reported } = await start()
  await open(7, { 'user-agent': 'node' })
  await open(7, { 'user-agent': chromium, 'x-forwarded-for': '192.0.2.1' })
  await open(7, { 'user-agent': chromium, via: '1.1 proxy' })
  expect(reported).toEqual([])
})
