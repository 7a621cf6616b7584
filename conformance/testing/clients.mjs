import { EventSource, events } from '@headwater/sse/client'
import { advanceUntil, createTestServer, cut, installFakeClock, scriptedFetch } from '@headwater/sse/testing'
import { jest } from '@jest/globals'

const script = () => [[{ data: 'one', id: '1' }, cut()], { status: 503 }, [{ data: 'two', id: '2' }]]

/** The data of the first events of a source. */
function take(source, count) {
  const data = []
  return new Promise((resolve) => {
    source.onmessage = (event) => {
      data.push(event.data)
      if (data.length === count) {
        source.close()
        resolve(data)
      }
    }
  })
}

test('a server on a real socket', async () => {
  const server = await createTestServer(script())
  const source = new EventSource(server.url, { retry: { reconnectionTimeMs: 1, backoffMs: 1 } })
  expect(await take(source, 2)).toEqual(['one', 'two'])
  expect(server.requests.map(({ lastEventId }) => lastEventId)).toEqual(['', '1', '1'])
  await server.close()
})

test('a scripted fetch under the fake timers of Jest, with their defaults', async () => {
  jest.useFakeTimers()
  const fetch = scriptedFetch(script())
  const source = new EventSource('http://a.test/', { fetch, retry: {} })
  expect(await advanceUntil(take(source, 2), jest)).toEqual(['one', 'two'])
  expect((await fetch.request(3)).lastEventId).toBe('1')
  jest.useRealTimers()
})

test('a scripted fetch under the fake clock', async () => {
  const clock = installFakeClock()
  const fetch = scriptedFetch(script())
  const stream = events('http://a.test/', { fetch, retry: {} })
  await clock.until(stream.next())
  expect((await clock.until(stream.next())).value.data).toBe('two')
  stream.close()
  clock.uninstall()
})
