import { EventSource, events } from '@headwater/sse/client'
import { cut, scriptedFetch, stall } from '@headwater/sse/testing'

/** How handlers of msw answer from a script; the versions are the same in this. */
export function describeMsw(name, { http, HttpResponse, sse }, { setupServer }) {
  describe(name, () => {
    const mocked = setupServer()
    beforeAll(() => mocked.listen({ onUnhandledRequest: 'error' }))
    afterEach(() => mocked.resetHandlers())
    afterAll(() => mocked.close())

    test('answers from a script: http.get(url, ({ request }) => fetch(request))', async () => {
      const fetch = scriptedFetch([[{ data: 'one', id: '1' }, cut()], { status: 502 }, [{ data: 'two' }, stall()]])
      mocked.use(http.get('http://api.test/events', ({ request }) => fetch(request)))
      const data = []
      for await (const event of events('http://api.test/events', { retry: { reconnectionTimeMs: 1, backoffMs: 1 } })) {
        data.push(event.data)
        if (data.length === 2) break
      }
      expect(data).toEqual(['one', 'two'])
      expect(fetch.requests.map(({ lastEventId }) => lastEventId)).toEqual(['', '1', '1'])
      await (await fetch.connection(3)).closed
    })

    test('answers our EventSource from its own handlers: sse(), and a stream of HttpResponse', async () => {
      mocked.use(
        http.get('http://api.test/stream', () => {
          const body = new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode('data: streamed\n\n')),
          })
          return new HttpResponse(body, { headers: { 'content-type': 'text/event-stream' } })
        }),
        sse('http://api.test/sse', ({ client }) => client.send({ data: 'sent' })),
      )
      for (const [path, expected] of [
        ['stream', 'streamed'],
        ['sse', 'sent'],
      ]) {
        const source = new EventSource(`http://api.test/${path}`)
        const data = await new Promise((resolve, reject) => {
          source.onmessage = (event) => resolve(event.data)
          source.onerror = (event) => reject(new Error(event.message))
        })
        source.close()
        expect(data).toBe(expected)
      }
    })
  })
}
