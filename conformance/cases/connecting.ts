import { type ConformanceCase, inBrowsers, inPages, outsideBrowsers } from './harness/conformance-case.ts'
import { crossOrigin, ending, eventStream, redirect, refusal, stream } from './harness/responses.ts'

const CONNECTING = 0
const CLOSED = 2

/** The numbered lines 8 to 11: requests, what opens, what reconnects, what close() stops. */
export const connectingCases: ConformanceCase[] = [
  {
    name: 'asks with Accept: text/event-stream and without Last-Event-ID',
    line: '8',
    async run(t) {
      const served = await t.serve(stream())
      await t.watch(served.url).next('open')
      const [request] = await served.requested(1)
      t.equal(request!.headers.accept, 'text/event-stream', 'Accept')
      t.equal(request!.headers['last-event-id'], undefined, 'Last-Event-ID')
    },
  },
  {
    name: 'asks caches on the way for a fresh response: Cache-Control: no-cache',
    line: '8',
    async run(t) {
      const served = await t.serve(stream())
      await t.watch(served.url).next('open')
      t.equal((await served.requested(1))[0]!.headers['cache-control'], 'no-cache', 'Cache-Control')
    },
  },
  {
    name: 'is never answered from the HTTP cache',
    line: '8',
    async run(t) {
      const cacheable = {
        ...ending('retry: 1\n\n'),
        headers: [...crossOrigin, ['cache-control', 'max-age=3600'] as [string, string]],
      }
      const served = await t.serve(cacheable, cacheable, cacheable)
      t.watch(served.url)
      await served.requested(3)
    },
  },
  {
    name: 'sends a Last-Event-ID beyond ASCII as UTF-8 bytes',
    line: '8',
    async run(t) {
      const served = await t.serve(ending('retry: 1\nid: é€𝄞\ndata\n\n'), stream())
      t.watch(served.url)
      const sent = (await served.requested(2))[1]!.headers['last-event-id']
      t.equal(sent, '\u00c3\u00a9\u00e2\u0082\u00ac\u00f0\u009d\u0084\u009e', 'Last-Event-ID, one character per byte')
    },
  },
  {
    name: 'converts the URL as a USVString: a lone surrogate becomes U+FFFD',
    line: '8',
    async run(t) {
      const served = await t.serve(stream())
      const source = t.watch(`${served.url}?q=\uD800`)
      t.equal(source.source.url, `${served.url}?q=%EF%BF%BD`, 'url')
      t.equal((await served.requested(1))[0]!.path, '/stream?q=%EF%BF%BD', 'path asked for')
    },
  },
  {
    name: 'takes a URL object, and anything with a toString',
    line: '8',
    async run(t) {
      const served = await t.serve(stream(), stream())
      await t.watch(new URL(served.url)).next('open')
      const source = t.watch({ toString: () => served.url } as unknown as string)
      await source.next('open')
      t.equal(source.source.url, served.url, 'url')
    },
  },
  {
    name: 'keeps the fragment in `url` and does not send it',
    line: '8',
    async run(t) {
      const served = await t.serve(stream())
      const source = t.watch(`${served.url}?a=b#c`)
      t.equal(source.source.url, `${served.url}?a=b#c`, 'url')
      t.equal((await served.requested(1))[0]!.path, '/stream?a=b', 'path asked for')
    },
  },
  {
    name: 'resolves a relative URL against the location of the page or worker',
    line: '8',
    appliesTo: inBrowsers,
    async run(t) {
      const served = await t.serve(stream())
      const source = t.watch(`/s/${served.token}/stream`)
      t.equal(source.source.url, served.url, 'url')
      await source.next('open')
    },
  },
  {
    name: 'resolves a relative URL against the document’s base URL',
    line: '8',
    appliesTo: inPages,
    async run(t) {
      const served = await t.serve(stream())
      const base = document.createElement('base')
      base.href = `${t.origins.same}/s/${served.token}/`
      document.head.append(base)
      try {
        t.equal(t.watch('stream').source.url, served.url, 'url')
      } finally {
        base.remove()
      }
    },
  },
  {
    name: 'throws a SyntaxError for a relative URL where there is nothing to resolve it against',
    line: '8',
    appliesTo: outsideBrowsers,
    run: (t) => t.throws(() => new t.EventSource('/stream'), 'SyntaxError', "new EventSource('/stream')"),
  },
  {
    name: 'throws a SyntaxError, a DOMException, for a URL that does not parse',
    line: '8',
    run(t) {
      t.throws(() => new t.EventSource('http://:80:80/'), 'SyntaxError', "new EventSource('http://:80:80/')")
      try {
        new t.EventSource('http://[')
      } catch (error) {
        t.equal(error instanceof DOMException, true, 'error is a DOMException')
      }
    },
  },
  ...['x-unknown:nothing', 'ftp://127.0.0.1/stream', 'mailto:nobody@example.com'].map(
    (url): ConformanceCase => ({
      name: `fails for good on the URL ${url}, by an event and not by throwing`,
      line: '8',
      async run(t) {
        const source = t.watch(url)
        t.equal(source.readyState, CONNECTING, 'readyState after construction')
        t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
      },
    }),
  ),
  ...[
    'text/event-stream;charset=x',
    'text/event-stream; charset=utf-8; a=b',
    'TEXT/Event-Stream',
    ' text/event-stream ;',
    'text/event-stream;"bad parameter',
    'text/html, text/event-stream',
    'text/event-stream; a="b,c"',
    'text/event-stream; x="a, text/html"',
    'text/event-stream, */*',
    'text/event-stream,',
  ].map(
    (type): ConformanceCase => ({
      name: `opens on Content-Type: ${type}`,
      line: '9',
      async run(t) {
        const served = await t.serve({ headers: [['content-type', type]], body: [{ write: ':\n' }] })
        await t.watch(served.url).next('open')
      },
    }),
  ),
  ...[
    'text/event-streams',
    'text/event-stream, text/html',
    'text/event-stream+xml',
    'text/event',
    'x-text/event-stream',
    'application/x-dom-event-stream',
    'event-stream',
    'text/event-stream foo',
    'text/html; x="a, text/event-stream"',
    '',
  ].map(
    (type): ConformanceCase => ({
      name: `does not open on Content-Type: ${type || '(empty)'}`,
      line: '9',
      async run(t) {
        const served = await t.serve({
          headers: [['content-type', type]],
          body: [{ write: 'data: no\n\n' }, { finish: 'end' }],
        })
        const source = t.watch(served.url)
        t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
      },
    }),
  ),
  {
    name: 'takes the last of several Content-Type headers',
    line: '9',
    async run(t) {
      const served = await t.serve({ headers: [['content-type', 'text/html'], eventStream], body: [{ write: ':\n' }] })
      await t.watch(served.url).next('open')
    },
  },
  ...[301, 302, 303, 307, 308].map(
    (status): ConformanceCase => ({
      name: `follows a ${status} redirect: \`url\` stays as constructed, readyState CONNECTING until it opens`,
      line: '9',
      async run(t) {
        const served = await t.serve(redirect(status, '$same/final'), {
          ...stream('data: 1\n\n'),
          headersAfter: 'asked',
        })
        const source = t.watch(served.url)
        const requests = await served.requested(2)
        t.equal(source.readyState, CONNECTING, 'readyState before the final answer')
        await served.signal('asked')
        await source.next('open')
        t.equal((await source.next('message')).data, '1', 'data')
        t.equal(source.source.url, served.url, 'url')
        t.deepEqual(
          requests.map(({ method, path }) => [method, path]),
          [
            ['GET', '/stream'],
            ['GET', '/final'],
          ],
          'requests',
        )
      },
    }),
  ),
  ...[301, 302, 303, 307, 308].map(
    (status): ConformanceCase => ({
      name: `reconnects to the final URL after a ${status} redirect, with the last event ID`,
      line: '10',
      async run(t) {
        const served = await t.serve(redirect(status, '$same/final'), ending('retry: 1\nid: 1\ndata: a\n\n'), stream())
        const source = t.watch(served.url)
        const requests = await served.requested(3)
        t.deepEqual(
          requests.map(({ path, headers }) => [path, headers['last-event-id']]),
          [
            ['/stream', undefined],
            ['/final', undefined],
            ['/final', '1'],
          ],
          'path and Last-Event-ID of each request',
        )
        t.equal(source.source.url, served.url, 'url')
      },
    }),
  ),
  {
    name: 'keeps the last event ID through a redirect of the reconnect',
    line: '10',
    async run(t) {
      const served = await t.serve(ending('retry: 1\nid: 1\ndata: a\n\n'), redirect(302, '$same/final'), stream())
      t.watch(served.url)
      const requests = await served.requested(3)
      t.deepEqual(
        requests.map(({ path, headers }) => [path, headers['last-event-id']]),
        [
          ['/stream', undefined],
          ['/stream', '1'],
          ['/final', '1'],
        ],
        'path and Last-Event-ID of each request',
      )
    },
  },
  {
    name: 'closes the connection on close() after a redirect too',
    line: '11',
    async run(t) {
      const served = await t.serve(redirect(307, '$same/final'), stream('data: 1\n\n'))
      const source = t.watch(served.url)
      await source.nextAfterOthers('message')
      source.source.close()
      await served.left(1)
    },
  },
  {
    name: 'gives events the origin of the final URL after a redirect',
    line: '10',
    async run(t) {
      const served = await t.serve(redirect(307, '$cross/final'), stream('data: 1\n\n'))
      const source = t.watch(served.url)
      await source.next('open')
      t.equal((await source.next('message')).origin, t.origins.cross, 'origin')
    },
  },
  {
    name: 'gives events the origin of the URL',
    line: '10',
    async run(t) {
      const served = await t.serve(stream('event: a\ndata: 1\n\n'))
      const source = t.watch(served.url, { types: ['a'] })
      await source.next('open')
      t.equal((await source.next('a')).origin, t.origins.same, 'origin')
    },
  },
  {
    name: 'fails for good on a redirect without a Location',
    line: '9',
    async run(t) {
      const served = await t.serve({
        status: 302,
        headers: [eventStream],
        body: [{ write: 'data: no\n\n' }, { finish: 'end' }],
      })
      const source = t.watch(served.url)
      t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
    },
  },
  {
    name: 'fails for good when a redirect ends in a status that does not open',
    line: '9',
    async run(t) {
      const served = await t.serve(redirect(302, '$same/final'), refusal(404))
      const source = t.watch(served.url)
      t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
    },
  },
  {
    name: 'reconnects when the connection is closed in the middle of the body',
    line: '10',
    async run(t) {
      const served = await t.serve(
        stream('retry: 1\nid: 1\ndata: a\n\n', { wait: 'seen' }, { finish: 'break' }),
        stream('data: b\n\n'),
      )
      const source = t.watch(served.url)
      await source.next('open')
      await source.next('message')
      await served.signal('seen')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the error event')
      await source.next('open')
      t.equal((await source.next('message')).lastEventId, '1', 'lastEventId after the reconnect')
    },
  },
  {
    name: 'reconnects when the connection is reset',
    line: '10',
    async run(t) {
      const served = await t.serve(
        stream('retry: 1\nid: 1\ndata: a\n\n', { wait: 'seen' }, { finish: 'reset' }),
        stream('data: b\n\n'),
      )
      const source = t.watch(served.url)
      await source.next('open')
      await source.next('message')
      await served.signal('seen')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the error event')
      await source.next('open')
      t.equal((await source.next('message')).lastEventId, '1', 'lastEventId after the reconnect')
    },
  },
  {
    name: 'goes on trying when a reconnect is dropped before it is answered',
    line: '10',
    async run(t) {
      const served = await t.serve(
        ending('retry: 1\nid: 1\ndata: a\n\n'),
        { refuse: true },
        { refuse: true },
        stream('data: b\n\n'),
      )
      const source = t.watch(served.url)
      await source.nextAfterOthers('message')
      // Some hosts repeat a request by themselves whose kept-alive connection was closed, so there may be fewer errors.
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the first error event')
      await source.nextAfterOthers('open', ({ readyState }) => {
        t.equal(readyState, CONNECTING, 'readyState in a further error event')
      })
      t.equal((await source.next('message')).data, 'b', 'data after the reconnect')
      const ids = (await served.requested(4)).map(({ headers }) => headers['last-event-id'])
      t.deepEqual(ids, [undefined, '1', '1', '1'], 'Last-Event-ID of each request')
    },
  },
  {
    name: 'stops the later events of the same chunk when a handler calls close()',
    line: '11',
    async run(t) {
      const served = await t.serve(stream('retry: 1\ndata: 1\n\ndata: 2\n\nevent: a\ndata: 3\n\n'))
      const prepare = (source: EventSource) => source.addEventListener('message', () => source.close())
      const source = t.watch(served.url, { types: ['a'], prepare })
      await source.next('open')
      await source.next('message')
      t.equal(source.readyState, CLOSED, 'readyState')
      await served.left(0)
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), ['open', 'message'], 'events')
    },
  },
  {
    name: 'still gives the event to the other listeners of the dispatch in which close() was called',
    line: '11',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\ndata: 2\n\n'))
      const source = new t.EventSource(served.url)
      t.atEnd(() => source.close())
      const called: string[] = []
      await new Promise<void>((resolve) => {
        source.addEventListener('message', ({ data }) => {
          called.push(`first ${data}`)
          source.close()
        })
        source.addEventListener('message', ({ data }) => {
          called.push(`second ${data}`)
          resolve()
        })
      })
      await t.whileAnotherReconnects(1)
      t.deepEqual(called, ['first 1', 'second 1'], 'calls')
    },
  },
  {
    name: 'dispatches no message when the open handler calls close()',
    line: '11',
    async run(t) {
      const served = await t.serve(stream('retry: 1\ndata: 1\n\n'))
      const prepare = (source: EventSource) => source.addEventListener('open', () => source.close())
      const source = t.watch(served.url, { prepare })
      await source.next('open')
      await served.left(0)
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), ['open'], 'events')
      t.equal(source.readyState, CLOSED, 'readyState')
    },
  },
  {
    name: 'does not reconnect when the error handler calls close()',
    line: '11',
    async run(t) {
      const served = await t.serve(ending('retry: 1\n\n'), stream())
      const prepare = (source: EventSource) => source.addEventListener('error', () => source.close())
      const source = t.watch(served.url, { prepare })
      await source.nextAfterOthers('error')
      t.equal(source.readyState, CLOSED, 'readyState')
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), ['open', 'error'], 'events')
      t.equal((await served.requested(1)).length, 1, 'requests')
    },
  },
  {
    name: 'does not reconnect when close() is called while it waits',
    line: '11',
    async run(t) {
      const served = await t.serve(ending('retry: 600000\n\n'), stream())
      const source = t.watch(served.url)
      await source.nextAfterOthers('error')
      source.source.close()
      t.equal(source.readyState, CLOSED, 'readyState')
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), ['open', 'error'], 'events')
    },
  },
  {
    name: 'does not open when close() is called before the answer, and fires nothing',
    line: '11',
    async run(t) {
      const served = await t.serve({ ...stream('data: 1\n\n'), headersAfter: 'closed' })
      const source = t.watch(served.url)
      await served.requested(1)
      source.source.close()
      t.equal(source.readyState, CLOSED, 'readyState')
      await served.left(0)
      await served.signal('closed')
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), [], 'events')
    },
  },
  {
    name: 'sends no request when close() follows construction at once, or fires nothing if it had been sent',
    line: '11',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n'), stream('data: 1\n\n'))
      const source = t.watch(served.url)
      source.source.close()
      source.source.close()
      t.equal(source.readyState, CLOSED, 'readyState')
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), [], 'events')
    },
  },
]
