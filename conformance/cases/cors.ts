import { type ConformanceCase, inBrowsers } from './harness/conformance-case.ts'
import { eventStream, stream } from './harness/responses.ts'
import type { ScriptedResponse } from './harness/script.ts'

const CLOSED = 2

const forAnyOrigin: [string, string] = ['access-control-allow-origin', '*']
const forThisOrigin: [string, string] = ['access-control-allow-origin', '$origin']
const forAnotherOrigin: [string, string] = ['access-control-allow-origin', 'http://other.example']
const withCredentials: [string, string] = ['access-control-allow-credentials', 'true']
const cookie: [string, string] = ['set-cookie', 'seen=$token; Path=/s/$token']

/** Ground 3: cross-origin use follows CORS. Two origins; only browsers have one of their own. */
export const corsCases: ConformanceCase[] = [
  ...onlyInBrowsers(
    {
      name: 'sends cookies to its own origin, without any option',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(answering([cookie], 'retry: 1\n\n', { finish: 'end' }), stream())
        t.watch(served.url)
        const requests = await served.requested(2)
        t.deepEqual(requests.map(cookieOf), [undefined, `seen=${served.token}`], 'Cookie of each request')
      },
    },
    {
      name: 'opens across origins on Access-Control-Allow-Origin: *, and says where it comes from, without a preflight',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(answering([forAnyOrigin], 'data: 1\n\n'))
        const source = t.watch(served.crossUrl)
        await source.next('open')
        const message = await source.next('message')
        t.equal(message.origin, t.origins.cross, 'origin of the event')
        const requests = await served.allRequests()
        t.deepEqual(
          requests.map(({ method }) => method),
          ['GET'],
          'methods',
        )
        t.equal(requests[0]!.headers.origin, t.origins.same, 'Origin header')
      },
    },
    {
      name: 'opens across origins on Access-Control-Allow-Origin with its own origin',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(answering([forThisOrigin]))
        await t.watch(served.crossUrl).next('open')
      },
    },
    {
      name: 'opens across sites',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(answering([forThisOrigin], 'data: 1\n\n'))
        const source = t.watch(served.crossUrl.replace(t.origins.cross, t.origins.elsewhere))
        await source.next('open')
        t.equal((await source.next('message')).origin, t.origins.elsewhere, 'origin of the event')
      },
    },
    {
      name: 'takes and sends no cookies across origins without credentials',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(
          answering([forAnyOrigin, cookie], 'retry: 1\n\n', { finish: 'end' }),
          answering([forAnyOrigin]),
        )
        t.watch(served.crossUrl)
        t.deepEqual((await served.requested(2)).map(cookieOf), [undefined, undefined], 'Cookie of each request')
      },
    },
    {
      name: 'takes and sends cookies across origins with credentials',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(
          answering([forThisOrigin, withCredentials, cookie], 'retry: 1\n\n', { finish: 'end' }),
          answering([forThisOrigin, withCredentials]),
        )
        t.watch(served.crossUrl, { withCredentials: true })
        const requests = await served.requested(2)
        t.deepEqual(requests.map(cookieOf), [undefined, `seen=${served.token}`], 'Cookie of each request')
      },
    },
    refusedByCors('without Access-Control-Allow-Origin', [], false),
    refusedByCors('when Access-Control-Allow-Origin names another origin', [forAnotherOrigin], false),
    refusedByCors('with credentials on Access-Control-Allow-Origin: *', [forAnyOrigin, withCredentials], true),
    refusedByCors('with credentials without Access-Control-Allow-Credentials', [forThisOrigin], true),
    {
      name: 'reconnects across origins with Last-Event-ID, without a preflight',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(
          answering([forAnyOrigin], 'retry: 1\nid: 1\ndata\n\n', { finish: 'end' }),
          answering([forAnyOrigin]),
        )
        t.watch(served.crossUrl)
        t.equal((await served.requested(2))[1]!.headers['last-event-id'], '1', 'Last-Event-ID')
        const methods = (await served.allRequests()).map(({ method }) => method)
        t.deepEqual(methods, ['GET', 'GET'], 'methods')
      },
    },
    {
      name: 'reconnects across origins with Last-Event-ID to a server that refuses preflights',
      line: 'ground 3',
      async run(t) {
        const served = await t.serveScript({
          preflight: 'refuse',
          responses: [
            answering([forAnyOrigin], 'retry: 1\nid: 1\ndata\n\n', { finish: 'end' }),
            answering([forAnyOrigin]),
          ],
        })
        const source = t.watch(served.crossUrl)
        await source.nextAfterOthers('error')
        await source.next('open')
      },
    },
    {
      name: 'follows a redirect to another origin that allows it',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(
          { status: 307, headers: [['location', '$cross/final']] },
          answering([forAnyOrigin]),
        )
        const source = t.watch(served.url)
        await source.next('open')
        t.equal((await served.requested(2))[1]!.headers.origin, t.origins.same, 'Origin header of the second request')
      },
    },
    {
      name: 'does not open when a redirect leads to another origin that does not allow it',
      line: 'ground 3',
      async run(t) {
        const served = await t.serve(
          { status: 307, headers: [['location', '$cross/final']] },
          answering([], 'data: no\n\n'),
        )
        const source = t.watch(served.url)
        await source.next('error')
        await t.whileAnotherReconnects(1)
        t.equal(source.types().includes('open'), false, 'opened')
      },
    },
  ),
]

function onlyInBrowsers(...cases: ConformanceCase[]): ConformanceCase[] {
  return cases.map((conformanceCase) => ({ ...conformanceCase, appliesTo: inBrowsers }))
}

/**
 * A refusal by CORS is a network error. The standard lets the user agent give up on one where it knows that trying
 * again is futile: browsers know, whoever calls fetch is told nothing.
 */
function refusedByCors(how: string, headers: [string, string][], withCredentials: boolean): ConformanceCase {
  return {
    name: `is refused across origins ${how}: error event, state CLOSED`,
    line: 'ground 3',
    async run(t) {
      const served = await t.serve(answering(headers, 'retry: 1\ndata: no\n\n'))
      const source = t.watch(served.crossUrl, { withCredentials })
      t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
    },
  }
}

function answering(headers: [string, string][], ...body: Parameters<typeof stream>): ScriptedResponse {
  return { ...stream(...body), headers: [eventStream, ...headers] }
}

function cookieOf({ headers }: { headers: Record<string, string> }): string | undefined {
  return headers.cookie
}
