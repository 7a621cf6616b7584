import type { EventSourceOptions } from '@headwater/sse/client'
import { type ConformanceCase, inBrowsers, ours, outsideBrowsers } from './harness/conformance-case.ts'
import { ending, eventStream, redirect, refusal, stream } from './harness/responses.ts'
import type { Trial } from './harness/trial.ts'
import type { Watched } from './harness/watched.ts'

const CONNECTING = 0
const CLOSED = 2

/** What ours does beyond the standard, on real sockets in every runtime. Clocks and corners are the unit tests'. */
export const supersetCases: ConformanceCase[] = [
  ...onlyOurs(
    {
      name: 'sends the headers it is given',
      async run(t) {
        const served = await t.serve(ending('retry: 1\n\n'), stream())
        watch(t, served.url, { headers: { authorization: 'Bearer 1', 'x-reason': 'a test' } })
        for (const { headers } of await served.requested(2)) {
          t.deepEqual([headers.authorization, headers['x-reason']], ['Bearer 1', 'a test'], 'headers of each request')
          t.equal(headers.accept, 'text/event-stream', 'Accept')
        }
      },
    },
    {
      name: 'calls an async headers function before each attempt, with the attempt and the last event ID',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: a\ndata\n\n'), ending('id: b\ndata\n\n'), stream())
        watch(t, served.url, {
          headers: async ({ attempt, lastEventId }) => {
            await undefined
            return { authorization: `Bearer ${attempt} ${lastEventId}` }
          },
        })
        const requests = await served.requested(3)
        t.deepEqual(
          requests.map(({ headers }) => headers.authorization?.trim()),
          ['Bearer 1', 'Bearer 2 a', 'Bearer 3 b'],
          'Authorization of each request',
        )
      },
    },
    {
      name: 'sends a body by POST and reads the events of the answer',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\n'))
        const body = JSON.stringify({ prompt: 'é' })
        const source = watch(t, served.url, { body, headers: { 'content-type': 'application/json' } })
        await source.next('open')
        t.equal((await source.next('message')).data, '1', 'data')
        const [request] = await served.requested(1)
        t.deepEqual(
          [request!.method, request!.body, request!.headers['content-type']],
          ['POST', body, 'application/json'],
          'method, body and content type',
        )
      },
    },
    {
      name: 'does not repeat a POST when the response ends: it is complete',
      async run(t) {
        const served = await t.serve(ending('retry: 1\ndata: 1\n\n'), stream())
        const source = watch(t, served.url, { method: 'POST' })
        const error = await source.nextAfterOthers('error')
        t.equal(error.readyState, CLOSED, 'readyState in the error event')
        t.equal(errorOf(error.event).code, 'STREAM_COMPLETE', 'code')
        await t.whileAnotherReconnects()
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    },
    {
      name: 'repeats a POST, body and all, when a retry policy says so',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: 1\ndata\n\n'), stream())
        watch(t, served.url, { body: 'again', retry: { backoffMs: 0 } })
        const requests = await served.requested(2)
        t.deepEqual(
          requests.map(({ method, body, headers }) => [method, body, headers['last-event-id']]),
          [
            ['POST', 'again', undefined],
            ['POST', 'again', '1'],
          ],
          'method, body and Last-Event-ID of each request',
        )
      },
    },
    {
      name: 'tries again after the statuses of its retry policy, and says in the error event that it will',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: 1\ndata\n\n'), refusal(503), refusal(429), stream())
        const source = watch(t, served.url, { retry: { backoffMs: 0 } })
        await source.nextAfterOthers('error')
        for (const status of [503, 429]) {
          const { event, readyState } = await source.next('error')
          t.deepEqual(
            [errorOf(event).status, errorOf(event).willRetry, readyState],
            [status, true, CONNECTING],
            'error',
          )
        }
        await source.next('open')
        t.equal((await served.requested(4))[3]!.headers['last-event-id'], '1', 'Last-Event-ID of the last request')
      },
    },
    {
      name: 'gives up on a status that is not in its retry policy',
      async run(t) {
        const served = await t.serve(ending('retry: 1\n\n'), refusal(503), stream())
        const source = watch(t, served.url, { retry: { backoffMs: 0, statuses: [502] } })
        await source.nextAfterOthers('error')
        t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the second error event')
      },
    },
    {
      name: 'gives up after the most retries that its policy allows',
      async run(t) {
        const served = await t.serve(ending('retry: 1\n\n'), refusal(503), refusal(503), refusal(503), stream())
        const source = watch(t, served.url, { retry: { backoffMs: 0, maxRetries: 2 } })
        await source.nextAfterOthers('open')
        const states: number[] = []
        do states.push((await source.next('error')).readyState)
        while (states.at(-1) !== CLOSED)
        t.deepEqual(states, [CONNECTING, CONNECTING, CLOSED], 'readyState in each error event')
        t.equal((await served.requested(3)).length, 3, 'requests')
      },
    },
    {
      name: 'waits as long as Retry-After says where that is longer',
      async run(t) {
        const served = await t.serve(ending('retry: 1\n\n'), refusal(503, ['retry-after', '120']), stream())
        const source = watch(t, served.url, { retry: { backoffMs: 0 } })
        await source.nextAfterOthers('error')
        const { retryDelayMs, status } = errorOf((await source.next('error')).event)
        t.deepEqual([status, retryDelayMs], [503, 120_000], 'status and retryDelayMs')
        await t.whileAnotherReconnects(2)
        t.equal((await served.requested(2)).length, 2, 'requests')
      },
    },
    {
      name: 'makes one request and no more with retry: false',
      async run(t) {
        const served = await t.serve(ending('retry: 1\ndata: 1\n\n'), stream())
        const source = watch(t, served.url, { retry: false })
        t.equal((await source.nextAfterOthers('error')).readyState, CLOSED, 'readyState in the error event')
        await t.whileAnotherReconnects()
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    },
    {
      name: 'drops a connection on which no byte comes for idleTimeoutMs, and resumes',
      async run(t) {
        // On a slow machine the first connections may be dropped before their first byte.
        const response = stream('retry: 1\nid: 1\ndata: 1\n\n')
        const served = await t.serveScript({ responses: [response], thenAgain: true })
        const source = watch(t, served.url, { idleTimeoutMs: 1000 })
        await source.nextAfterOthers('message')
        const error = await source.nextAfterOthers('error')
        t.deepEqual([error.readyState, errorOf(error.event).code], [CONNECTING, 'IDLE_TIMEOUT'], 'readyState and code')
        await served.left(0)
        const { length } = await served.requested(1)
        const next = (await served.requested(length + 1))[length]!
        t.equal(next.headers['last-event-id'], '1', 'Last-Event-ID of the next request')
      },
    },
    {
      name: 'reconnects at once, whatever the reconnection time, when its reconnectOn says so',
      async run(t) {
        const served = await t.serve(stream('retry: 600000\nid: 1\ndata: 1\n\n'), stream())
        let reconnect: () => void = () => {}
        const source = watch(t, served.url, {
          reconnectOn: (now) => {
            reconnect = now
          },
        })
        await source.nextAfterOthers('message')
        reconnect()
        const error = await source.next('error')
        t.deepEqual([error.readyState, errorOf(error.event).code], [CONNECTING, 'RECONNECT'], 'readyState and code')
        await served.left(0)
        t.equal((await served.requested(2))[1]!.headers['last-event-id'], '1', 'Last-Event-ID of the second request')
      },
    },
    {
      name: 'fails for good on an event beyond maxEventBytes, after the events before it',
      async run(t) {
        const served = await t.serve(
          stream('retry: 1\ndata: 1\n\n', `data: ${'x'.repeat(2000)}\n\ndata: 3\n\n`),
          stream(),
        )
        const source = watch(t, served.url, { maxEventBytes: 1000 })
        await source.next('open')
        await source.next('message')
        const error = await source.next('error')
        t.deepEqual([error.readyState, errorOf(error.event).code], [CLOSED, 'EVENT_TOO_LARGE'], 'readyState and code')
        await t.whileAnotherReconnects()
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    },
    {
      name: 'is closed by its signal, without an event, and the server sees the connection closed',
      async run(t) {
        const served = await t.serve(stream('retry: 1\ndata: 1\n\n'), stream())
        const controller = new AbortController()
        const source = watch(t, served.url, { signal: controller.signal })
        await source.next('open')
        await source.next('message')
        controller.abort()
        t.equal(source.readyState, CLOSED, 'readyState')
        await served.left(0)
        await t.whileAnotherReconnects()
        t.deepEqual(source.types(), ['open', 'message'], 'events')
      },
    },
    {
      name: 'never connects with a signal that is aborted already',
      async run(t) {
        const served = await t.serve(stream())
        const source = watch(t, served.url, { signal: AbortSignal.abort() })
        t.equal(source.readyState, CLOSED, 'readyState')
        await t.whileAnotherReconnects()
        t.deepEqual(source.types(), [], 'events')
        t.equal((await served.requested(0)).length, 0, 'requests')
      },
    },
    {
      name: 'resumes from a saved last event ID on the first request',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\n'))
        const source = watch(t, served.url, { lastEventId: 'saved é' })
        await source.next('open')
        t.equal((await source.next('message')).lastEventId, 'saved é', 'lastEventId of an event without its own')
        t.equal(
          (await served.requested(1))[0]!.headers['last-event-id'],
          'saved \u00c3\u00a9',
          'Last-Event-ID, as bytes',
        )
      },
    },
    {
      name: 'says in the error event what was refused: status, headers and the beginning of the body',
      async run(t) {
        const served = await t.serve({
          status: 403,
          headers: [
            ['content-type', 'application/json'],
            ['x-reason', 'expired'],
          ],
          body: [{ write: '{"error":"token expired"}' }, { finish: 'end' }],
        })
        const { code, status, headers, body, willRetry } = errorOf((await watch(t, served.url).next('error')).event)
        t.deepEqual(
          { code, status, reason: headers?.get('x-reason'), body, willRetry },
          {
            code: 'UNEXPECTED_RESPONSE',
            status: 403,
            reason: 'expired',
            body: '{"error":"token expired"}',
            willRetry: false,
          },
          'error event',
        )
      },
    },
    {
      name: 'says in the error event that the connection was lost, and that it will retry when',
      async run(t) {
        const served = await t.serve(ending('retry: 7\n\n'), stream())
        const { code, willRetry, retryDelayMs } = errorOf((await watch(t, served.url).nextAfterOthers('error')).event)
        t.deepEqual(
          { code, willRetry, retryDelayMs },
          { code: 'STREAM_ENDED', willRetry: true, retryDelayMs: 7 },
          'error',
        )
      },
    },
    {
      name: 'connects through the fetch it is given',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\n'))
        const asked: string[] = []
        const source = watch(t, 'http://elsewhere.test/stream', {
          fetch: (url, init) => {
            asked.push(url)
            return fetch(served.url, init)
          },
        })
        await source.next('open')
        t.equal((await source.next('message')).data, '1', 'data')
        t.deepEqual(asked, ['http://elsewhere.test/stream'], 'URLs it was asked for')
      },
    },
    {
      name: 'reconnects without an id that no header can carry, and with the next one that can',
      async run(t) {
        const ids = ['\u0001', '\b', '\v', '\f', '\u000e', '\u001f', '\u007f']
        const served = await t.serve(
          ...ids.map((id) => ending(`retry: 1\nid: a${id}\ndata: 1\n\n`)),
          ending('id: b\tc\ndata: 1\n\n'),
          stream(),
        )
        const source = watch(t, served.url)
        await source.next('open')
        t.equal((await source.next('message')).lastEventId, 'a\u0001', 'lastEventId')
        const requests = await served.requested(ids.length + 2)
        t.deepEqual(
          requests.map(({ headers }) => headers['last-event-id'] ?? ''),
          ['', ...ids.map(() => ''), 'b\tc'],
          'Last-Event-ID of each request',
        )
      },
    },
    {
      name: 'fails for good on a header that no server takes',
      async run(t) {
        const served = await t.serve(stream())
        const source = watch(t, served.url, { headers: () => ({ 'x-a': '\u0001' }), retry: {} })
        const { event, readyState } = await source.next('error')
        t.deepEqual([errorOf(event).code, readyState], ['INVALID_REQUEST', CLOSED], 'error')
      },
    },
    {
      name: 'asks for the given URL again, not for a redirect’s, of a fetch that may add a token',
      async run(t) {
        const served = await t.serve(redirect(307, '$cross/final'), ending('retry: 1\ndata: 1\n\n'), stream())
        const asked: string[] = []
        watch(t, served.url, {
          fetch: (url, init) => {
            asked.push(url)
            return fetch(url, init)
          },
        })
        await served.requested(3)
        t.deepEqual(asked, [served.url, served.url], 'URLs asked for')
      },
    },
    {
      name: 'sends what a custom fetch adds to a copy of its headers, and Accept and Last-Event-ID too',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: é€\ndata\n\n'), stream())
        watch(t, served.url, {
          fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, 'x-reason': 'a test' } }),
        })
        const { headers } = (await served.requested(2))[1]!
        t.deepEqual(
          [headers['x-reason'], headers.accept, headers['last-event-id']],
          ['a test', 'text/event-stream', '\u00c3\u00a9\u00e2\u0082\u00ac'],
          'headers of the second request',
        )
      },
    },
    {
      name: 'shows comments to onComment and events of every type to onEvent',
      async run(t) {
        const served = await t.serve(stream(': one\n\nevent: a\ndata: 1\n\n:two\ndata: 2\n\nevent: done\ndata: .\n\n'))
        const comments: string[] = []
        const events: string[] = []
        const done = new Promise<void>((resolve) => {
          watch(t, served.url, {
            onComment: (comment) => comments.push(comment),
            onEvent: ({ type, data }) => {
              events.push(`${type} ${data}`)
              if (type === 'done') resolve()
            },
          })
        })
        await done
        t.deepEqual(comments, ['one', 'two'], 'comments')
        t.deepEqual(events, ['a 1', 'message 2', 'done .'], 'events')
      },
    },
    {
      name: 'calls onComment after the events before the comment, though they come in one piece',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\ndata: 2\n\n: all so far\ndata: 3\n\n'))
        const order: string[] = []
        const source = watch(t, served.url, { onComment: (comment) => order.push(comment) })
        source.source.addEventListener('message', (event) => order.push((event as MessageEvent).data))
        await source.next('open')
        for (let count = 0; count < 3; count++) await source.next('message')
        t.deepEqual(order, ['1', '2', 'all so far', '3'], 'order')
      },
    },
    {
      name: 'asks for a URL of its own at each attempt, and shows the response at open',
      async run(t) {
        const opened: number[] = []
        const served = await t.serve(ending('retry: 1\nid: 7\ndata\n\n'), stream())
        const source = watch(t, served.url, {
          url: async ({ attempt, lastEventId }) => `?attempt=${attempt}&after=${lastEventId}`,
          onOpen: ({ status }) => opened.push(status),
        })
        const requests = await served.requested(2)
        t.deepEqual(
          requests.map(({ path }) => path),
          ['/stream?attempt=1&after=', '/stream?attempt=2&after=7'],
          'paths',
        )
        await source.nextAfterOthers('error')
        await source.next('open')
        t.deepEqual([source.source.url, opened], [served.url, [200, 200]], 'url, and statuses at open')
      },
    },
    {
      name: 'lets decide() of its retry policy retry what the policy would not, and give up what it would retry',
      async run(t) {
        const served = await t.serve(refusal(404), ending('data: 1\n\n'), stream())
        const source = watch(t, served.url, {
          retry: { backoffMs: 0, reconnectionTimeMs: 1, decide: ({ status }) => status === 404 },
        })
        t.deepEqual(errorOf((await source.next('error')).event).willRetry, true, 'willRetry after 404')
        t.equal((await source.nextAfterOthers('error')).readyState, CLOSED, 'readyState after the end')
      },
    },
    {
      name: 'reads a stream that is given it, by fromReadableStream(), to its end, and does not reconnect',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: 7\ndata: 1\n\n'), stream())
        const source = t.ours.EventSource.fromReadableStream((await fetch(served.url)).body!)
        const dispatched: unknown[] = []
        source.onopen = () => dispatched.push('open')
        source.onmessage = ({ data, origin }) => dispatched.push([data, origin, source.lastEventId])
        await new Promise((resolve) => {
          source.onerror = resolve
        })
        t.deepEqual(dispatched, ['open', ['1', 'null', '7']], 'what it dispatches')
        t.deepEqual(
          [source.url, source.readyState, source.reconnectionTime],
          ['about:event-stream', CLOSED, 1],
          'url, readyState and reconnectionTime',
        )
        await t.whileAnotherReconnects()
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    },
    {
      name: 'iterates over events() across reconnects, with type, data and last event ID, and ends on 204',
      async run(t) {
        const served = await t.serve(
          ending('retry: 1\ndata: 1\nid: a\n\nevent: tick\ndata: 2\n\n'),
          ending('data: 3\n\n'),
        )
        const seen: unknown[] = []
        for await (const { type, data, lastEventId } of t.ours.events(served.url)) seen.push([type, data, lastEventId])
        t.deepEqual(
          seen,
          [
            ['message', '1', 'a'],
            ['tick', '2', 'a'],
            ['message', '3', 'a'],
          ],
          'events',
        )
        const ids = (await served.requested(3)).map(({ headers }) => headers['last-event-id'])
        t.deepEqual(ids, [undefined, 'a', 'a'], 'Last-Event-ID of each request')
      },
    },
    {
      name: 'closes the connection when a loop over events() is left, and resumes from the id it had come to',
      async run(t) {
        const served = await t.serve(stream('data: 1\nid: a\n\ndata: 2\nid: b\n\n'), stream('data: 3\n\n'))
        const first = t.ours.events(served.url)
        for await (const { data } of first) if (data === '1') break
        await served.left(0)
        t.equal(first.lastEventId, 'a', 'lastEventId after the loop')
        for await (const { data } of t.ours.events(served.url, { lastEventId: first.lastEventId })) {
          t.equal(data, '3', 'data after resuming')
          break
        }
        t.equal((await served.requested(2))[1]!.headers['last-event-id'], 'a', 'Last-Event-ID of the second request')
      },
    },
    {
      name: 'throws a ConnectionError out of the loop over events() when the server refuses',
      async run(t) {
        const served = await t.serve({ ...refusal(401, eventStream), body: [{ write: 'who?' }, { finish: 'end' }] })
        let thrown: unknown
        try {
          await t.ours.events(served.url).next()
        } catch (error) {
          thrown = error
        }
        t.equal(thrown instanceof t.ours.ConnectionError, true, 'is a ConnectionError')
        const { code, status, body } = thrown as InstanceType<Trial['ours']['ConnectionError']>
        t.deepEqual({ code, status, body }, { code: 'UNEXPECTED_RESPONSE', status: 401, body: 'who?' }, 'error')
      },
    },
    {
      name: 'throws the signal’s reason out of the loop over events()',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\n'))
        const controller = new AbortController()
        const reason = new RangeError('enough')
        let thrown: unknown
        try {
          for await (const _ of t.ours.events(served.url, { signal: controller.signal })) controller.abort(reason)
        } catch (error) {
          thrown = error
        }
        t.equal(thrown, reason, 'thrown')
        await served.left(0)
      },
    },
    {
      name: 'parses data by event type in events(), and reads OpenAI-style answers to a POST to their end',
      async run(t) {
        const served = await t.serve(
          ending('data: {"delta":"Hel"}\n\ndata: {"delta":"lo"}\n\nevent: end\ndata: now\n\n'),
        )
        const answer = t.ours.events<{ message: { delta: string }; end: string }>(served.url, {
          body: '{}',
          parse: { message: JSON.parse },
        })
        let text = ''
        for await (const event of answer) text += event.type === 'message' ? event.data.delta : ` ${event.data}`
        t.equal(text, 'Hello now', 'text')
      },
    },
  ),
  {
    name: 'reconnects at once, with pageReturn, when the browser says that it is online again',
    line: 'superset',
    appliesTo: (runtime) => ours(runtime) && inBrowsers(runtime),
    async run(t) {
      const served = await t.serve(ending('retry: 600000\nid: 1\ndata: 1\n\n'), stream())
      const source = watch(t, served.url, { reconnectOn: t.ours.pageReturn })
      await source.nextAfterOthers('error')
      globalThis.dispatchEvent(new Event('online'))
      await source.next('open')
      t.equal((await served.requested(2))[1]!.headers['last-event-id'], '1', 'Last-Event-ID of the second request')
    },
  },
  {
    name: 'fails for good on a body that was read before',
    line: 'superset',
    // Firefox sends the text "[object ReadableStream]".
    appliesTo: (runtime) => ours(runtime) && outsideBrowsers(runtime),
    async run(t) {
      const body = new Response('x').body!
      await body.cancel()
      const served = await t.serve(stream())
      const { event, readyState } = await watch(t, served.url, { body: () => body, retry: {} }).next('error')
      t.deepEqual([errorOf(event).code, readyState], ['INVALID_REQUEST', CLOSED], 'error')
    },
  },
  {
    name: 'sends a stream as the body, whole, at each attempt',
    line: 'superset',
    // Chromium streams a body over HTTP/2 only, Firefox not at all.
    appliesTo: (runtime) => ours(runtime) && outsideBrowsers(runtime),
    async run(t) {
      const served = await t.serve(ending('retry: 1\n\n'), stream())
      watch(t, served.url, { body: () => new Blob(['a', ' stream']).stream(), retry: { backoffMs: 0 } })
      t.deepEqual(
        (await served.requested(2)).map(({ body }) => body),
        ['a stream', 'a stream'],
        'bodies',
      )
    },
  },
  {
    name: 'holds the server back while the consumer of events() is busy',
    line: 'superset',
    // Browsers take a fetched body without end: 256 MiB, measured, of one that nobody read.
    appliesTo: (runtime) => ours(runtime) && outsideBrowsers(runtime),
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n', { flood: 64 * 1024 * 1024 }))
      const events = t.ours.events(served.url)
      t.atEnd(() => events.close())
      await events.next()
      await t.whileAnotherReconnects(3)
      t.equal(await served.flooded(0), false, 'the server got rid of 64 MiB meanwhile')
    },
  },
]

function onlyOurs(...cases: Omit<ConformanceCase, 'line' | 'appliesTo'>[]): ConformanceCase[] {
  return cases.map((conformanceCase) => ({ ...conformanceCase, line: 'superset', appliesTo: ours }))
}

function watch(t: Trial, url: string, options: EventSourceOptions = {}): Watched {
  return t.watch(url, options as EventSourceInit)
}

type OurErrorEvent = InstanceType<Trial['ours']['ConnectionErrorEvent']>

function errorOf(event: Event): OurErrorEvent {
  return event as OurErrorEvent
}
