import { afterEach, expect, test, vi } from 'vitest'
import { readBody } from '../../../src/http/message/body.ts'
import type { HubRequest } from '../../../src/http/message/http-message.ts'

afterEach(() => void vi.useRealTimers())

/** A request whose body begins, and then never comes to its end. */
const stuck: HubRequest = {
  method: 'POST',
  url: '/',
  rawHeaders: [],
  remoteAddress: undefined,
  header: () => undefined,
  clientSignal: () => new AbortController().signal,
  body: (async function* () {
    yield Buffer.from('topic=a')
    await new Promise(() => {})
  })(),
}

test('a body that does not come to its end is given up after 30 seconds, with 408', async () => {
  vi.useFakeTimers()
  const outcome = Promise.resolve(readBody(stuck, 1000)).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(29_999)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await outcome).toMatchObject({ code: 'TIMEOUT' })
  expect(vi.getTimerCount()).toBe(0)
})
