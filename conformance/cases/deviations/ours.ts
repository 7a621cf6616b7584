import { type Deviations, inBrowsers, ours as isOurs } from '../harness/conformance-case.ts'
import { fromEach, opensAtTheFirstByte } from '../harness/deviation-from.ts'
import { redirect, stream } from '../harness/responses.ts'

/** What a script cannot do, each for a reason in its platform. */
export const ours: Deviations[] = [
  {
    who: 'ours in a browser',
    isOf: (runtime) => isOurs(runtime) && inBrowsers(runtime),
    from: {
      ...fromEach(
        [
          'without Access-Control-Allow-Origin',
          'when Access-Control-Allow-Origin names another origin',
          'with credentials on Access-Control-Allow-Origin: *',
          'with credentials without Access-Control-Allow-Credentials',
        ].map((how) => `is refused across origins ${how}: error event, state CLOSED`),
        {
          does: 'cannot tell a refusal by CORS from a network failure, and keeps trying',
          fails: 'readyState in the error event: expected 2, got 0',
        },
      ),
      'reconnects across origins with Last-Event-ID, without a preflight': {
        does: 'asks by a preflight whether it may send Last-Event-ID across origins, as fetch must',
        fails: 'methods: expected ["GET","GET"], got ["GET","OPTIONS","GET"]',
      },
      'reconnects across origins with Last-Event-ID to a server that refuses preflights': {
        does: 'does not get through to it, and keeps trying',
        fails: 'next event: expected "open", got "error" at readyState 0',
      },
      'dispatches events that say isTrusted': {
        does: 'dispatches untrusted events, as any script must',
        fails: 'got [false,false]',
      },
    },
  },
  {
    who: 'ours in Firefox',
    isOf: ({ engine, implementation }) => implementation === 'ours' && engine === 'Firefox',
    from: {
      'opens as soon as the headers are there, before the first byte of the body': {
        does: 'opens at the first byte of the body, when fetch there tells of the response',
        run: opensAtTheFirstByte,
      },
      'closes the connection on close() after a redirect too': {
        does: 'may leave the connection open until garbage is collected, as an aborted fetch there does after a redirect; nothing it brings is dispatched',
        async run(t) {
          const served = await t.serve(
            redirect(307, '$same/final'),
            stream('data: 1\n\n', { wait: 'closed' }, 'data: 2\n\n'),
          )
          const source = t.watch(served.url)
          await source.nextAfterOthers('message')
          source.source.close()
          await served.signal('closed')
          await t.whileAnotherReconnects(1)
          t.deepEqual(source.types(), ['open', 'message'], 'events')
        },
      },
      'dispatches no message when the open handler calls close()': {
        does: 'may leave the connection open until garbage is collected, as a fetch there that is aborted when its response begins; seen once',
        async run(t) {
          const served = await t.serve(stream('retry: 1\ndata: 1\n\n'))
          const prepare = (source: EventSource) => source.addEventListener('open', () => source.close())
          const source = t.watch(served.url, { prepare })
          await source.next('open')
          await t.whileAnotherReconnects()
          t.deepEqual(source.types(), ['open'], 'events')
          t.equal(source.readyState, 2, 'readyState')
        },
      },
    },
  },
  {
    who: 'ours in WebKit',
    isOf: ({ engine, implementation }) => implementation === 'ours' && engine === 'WebKit',
    from: {
      'sends a Last-Event-ID beyond ASCII as UTF-8 bytes': {
        does: 'sends each byte of such an ID as a character in UTF-8, as fetch there does with every header',
        fails: 'got "\\u00c3\\u0083\\u00c2\\u00a9\\u00c3\\u00a2',
      },
      'resumes from a saved last event ID on the first request': {
        does: 'sends each byte of an ID beyond ASCII as a character in UTF-8, as fetch there does with every header',
        fails: 'got "saved \\u00c3\\u0083\\u00c2\\u00a9"',
      },
      'sends what a custom fetch adds to a copy of its headers, and Accept and Last-Event-ID too': {
        does: 'sends them, but each byte of an ID beyond ASCII as a character in UTF-8, as fetch there does with every header',
        fails: 'got ["a test","text/event-stream","\\u00c3\\u0083\\u00c2\\u00a9',
      },
    },
  },
  {
    who: 'ours in Bun',
    isOf: ({ engine, implementation }) => implementation === 'ours' && engine === 'Bun',
    from: {
      'asks caches on the way for a fresh response: Cache-Control: no-cache': {
        does: 'asks nothing of caches, as fetch there does not',
        fails: 'Cache-Control: expected "no-cache", got undefined',
      },
      'dispatches events that say isTrusted': {
        does: 'dispatches untrusted events, as any script must',
        fails: 'got [false,false]',
      },
    },
  },
  {
    who: 'ours in workerd',
    isOf: ({ engine, implementation }) => implementation === 'ours' && engine === 'workerd',
    from: {
      'dispatches what a script dispatches, in any state': {
        does: 'calls a handler twice for an event that a script dispatches itself: workerd finds `on…` on any event target',
        fails: 'calls: expected ["synthetic"], got ["synthetic","synthetic"]',
      },
    },
  },
  {
    who: 'ours in Deno',
    isOf: ({ engine, implementation }) => implementation === 'ours' && engine === 'Deno',
    from: {
      'asks caches on the way for a fresh response: Cache-Control: no-cache': {
        does: 'asks nothing of caches, as fetch there does not',
        fails: 'Cache-Control: expected "no-cache", got undefined',
      },
    },
  },
]
