import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { serve } from '../serve-hub.ts'

const mebibyte = 2 ** 20

test('subscribers that do not read hold no more than the bound together, the slowest are cut off, and readers go on', async () => {
  const limits = { maxUnsentBytes: 3.5 * mebibyte }
  const { hub, url, open } = await serve({ limits, store: createMemoryStore({ maxBytes: 64 * mebibyte }) })
  const data = (n: number) => `${n}`.padEnd(mebibyte, 'x')
  const count = 12
  for (let n = 0; n < count; n++) await hub.publish({ topic: 'a', data: data(n) })

  const { hostname, port, pathname } = new URL(url)
  const silent = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const socket = connect(Number(port), hostname)
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.pause()
      // A selection of its own each, so that they share nothing.
      socket.write(`GET ${pathname}?match=a&match=${n}&last_event_id=earliest HTTP/1.1\r\nHost: a\r\n\r\n`)
      return socket
    }),
  )
  await expect.poll(() => hub.stats.sessionsClosed['too-slow'], { timeout: 20_000 }).toBe(silent.length - 3)
  expect(hub.stats.unsentBytes).toBeLessThanOrEqual(limits.maxUnsentBytes)
  expect(hub.stats.unsentBytes).toBeGreaterThan(2 * mebibyte)

  const reading = await open('match=a&last_event_id=earliest')
  const ids = []
  for (let n = 0; n < count; n++) {
    const event = await reading.next()
    expect(event.data === data(n)).toBe(true)
    ids.push(event.id)
  }
  // Whoever was cut off resumes from the last ID it got.
  const resumed = await open(`match=a&last_event_id=${ids.at(-2)}`)
  expect((await resumed.next()).id).toBe(ids.at(-1))
  for (const socket of silent) socket.destroy()
  await expect.poll(() => hub.stats.unsentBytes).toBe(0)
})
