import type { SessionOptions } from '@headwater/sse/server'
import { HubError } from '../errors.ts'
import type { PublishInit } from '../event-rules.ts'
import type { Hub } from '../hub.ts'
import { everyTopic } from '../topic-matcher.ts'
import { Cors } from './cors.ts'
import type { Dashboard } from './dashboard.ts'
import { type Answer, type AnswerHeaders, type HubRequest, pathOf } from './exchange.ts'
import { isLoopbackHost } from './loopback.ts'
import { type Authorize, assertMayPublish, type Permission, permissionOf } from './permission.ts'
import { problemAnswer } from './problem.ts'
import { publish } from './publish.ts'
import { hubPath, isReservedTopic } from './reserved-topics.ts'
import { answerLastEventId, subscribe } from './subscribe.ts'

export interface HandlerOptions {
  /**
   * Other origins whose pages may subscribe and publish, as `https://example.com`, or `*` for all. Default: none, and no CORS
   * headers are sent.
   */
  readonly corsOrigins?: readonly string[] | undefined
  /**
   * Answers only requests addressed to this machine by a loopback name. Default: false. What anyone here may use must not be
   * open to a page from elsewhere whose host name was made to point here (DNS rebinding).
   */
  readonly loopbackHostsOnly?: boolean | undefined
  /**
   * Decides what each request is allowed. Default: everybody may publish on every topic and have every public event, and nobody
   * private ones.
   */
  readonly authorize?: Authorize | undefined
  /** The page at `/`. Default: none. */
  readonly dashboard?: Dashboard | undefined
  /** Options of every subscriber's session. */
  readonly session?: SessionOptions | undefined
  /** Aborting it ends requests that publish a stream, after what was read. Sessions end with the hub. Default: none. */
  readonly closing?: AbortSignal | undefined
  /** Gets what a request failed of that was not the client's fault. Default: it goes to `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** Answers a request. Never rejects: what goes wrong is an answer too. */
export type Router = (request: HubRequest) => Promise<Answer>

type Route = (request: HubRequest) => Answer | Promise<Answer>
type Routes = Readonly<Record<string, Route>>

/** The one place that says what is answered where: the Mercure protocol, health, and the page. */
export function createRouter(hub: Hub, options: HandlerOptions = {}): Router {
  const { loopbackHostsOnly = false, dashboard, closing, onError = console.error } = options
  const { authorize = () => anyone } = options
  const cors = new Cors(options.corsOrigins ?? [])
  const subscribeRoute: Route = async (request) => subscribe(hub, request, await permissionOf(request, authorize))
  const lastEventIdRoute: Route = async (request) =>
    answerLastEventId(hub, request, await permissionOf(request, authorize))

  const hubRoutes: Routes = {
    GET: subscribeRoute,
    HEAD: subscribeRoute,
    QUERY: subscribeRoute,
    POST: async (request) => {
      assertPublishOrigin(request, cors)
      const permission = await permissionOf(request, authorize)
      const admit = (event: PublishInit) => {
        assertNotReserved(event)
        assertMayPublish(permission, event)
      }
      return await publish(request, { hub, admit, closing, onError })
    },
    OPTIONS: (request) => preflight(request, hubRoutes),
  }
  const lastEventIdRoutes: Routes = {
    GET: lastEventIdRoute,
    HEAD: lastEventIdRoute,
    QUERY: lastEventIdRoute,
    OPTIONS: (request) => preflight(request, lastEventIdRoutes),
  }
  const healthRoutes: Routes = { GET: answerHealth, HEAD: answerHealth }
  const answerPage: Route = (request) => dashboard!.answer(pathOf(request), request.header('if-none-match'))
  const pageRoutes: Routes = { GET: answerPage, HEAD: answerPage }

  return async function answer(request) {
    let common: AnswerHeaders = { 'x-content-type-options': 'nosniff' }
    const routes = routesOf(pathOf(request))
    // Also on refusals, so that a page can read why. A preflight has its own.
    if (routes?.OPTIONS && request.method !== 'OPTIONS')
      common = { ...common, ...cors.headersFor(request.header('origin')) }
    try {
      if (loopbackHostsOnly) assertLoopbackHost(request)
      return withHeaders(await dispatch(request, routes), common)
    } catch (error) {
      const known = error instanceof HubError ? error : undefined
      // What the client did wrong is told to the client. What the store does wrong, the operator has to know as well.
      if (!known || known.code.startsWith('STORE_')) onError(error)
      return withHeaders(problemAnswer(known), common)
    }
  }

  function preflight(request: HubRequest, routes: Routes): Answer {
    const methods = methodsOf(routes)
    return {
      status: 204,
      headers: {
        allow: methods,
        'accept-query': 'application/x-www-form-urlencoded',
        ...cors.preflightHeadersFor(request.header('origin'), methods),
      },
    }
  }

  function routesOf(path: string): Routes | undefined {
    if (path === hubPath) return hubRoutes
    if (path === `${hubPath}/last`) return lastEventIdRoutes
    if (path === '/healthz') return healthRoutes
    return dashboard?.has(path) ? pageRoutes : undefined
  }
}

const anyone: Permission = { publish: [everyTopic] }

async function dispatch(request: HubRequest, routes: Routes | undefined): Promise<Answer> {
  const path = pathOf(request)
  if (!routes) return notFound(path)
  const route = Object.hasOwn(routes, request.method) ? routes[request.method] : undefined
  if (route) return await route(request)
  const allow = methodsOf(routes)
  const refusal = new HubError('METHOD_NOT_ALLOWED', `${path} has no ${request.method}. It has ${allow}.`)
  return withHeaders(problemAnswer(refusal), { allow })
}

function withHeaders(answer: Answer, headers: AnswerHeaders): Answer {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function methodsOf(routes: Routes): string {
  return Object.keys(routes).join(', ')
}

function assertLoopbackHost(request: HubRequest): void {
  const host = request.header('host') ?? ''
  if (isLoopbackHost(host)) return
  throw new HubError(
    'HOST_NOT_ALLOWED',
    `This hub runs with --dev and answers only to loopback names such as localhost and 127.0.0.1, not to ${JSON.stringify(host)}.`,
  )
}

/**
 * A form POST needs no preflight, so any page that somebody opens on this machine could send one. A browser says whose page it
 * is; whatever is no browser sends neither header.
 */
function assertPublishOrigin(request: HubRequest, cors: Cors): void {
  const origin = request.header('origin')
  if (origin === undefined || cors.allows(origin)) return
  if (request.header('sec-fetch-site') === 'same-origin') return
  if (URL.canParse(origin) && new URL(origin).host === request.header('host')) return
  throw new HubError(
    'ORIGIN_NOT_ALLOWED',
    `Pages of ${origin} may not publish here. Allow them with --cors-origins ${origin === 'null' ? '*' : origin}.`,
  )
}

function assertNotReserved({ topic }: PublishInit): void {
  for (const each of Array.isArray(topic) ? topic : [topic]) {
    if (typeof each !== 'string' || !isReservedTopic(each)) continue
    const why = each === '' ? 'is empty, which' : `${JSON.stringify(each)}`
    throw new HubError(
      'INVALID_TOPIC',
      `The topic ${why} names the hub itself (${hubPath} and all below it). Choose another.`,
    )
  }
}

function answerHealth(): Answer {
  return { headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: 'ok\n' }
}

function notFound(path: string): Answer {
  return {
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `There is nothing at ${path}.\nThe hub is at ${hubPath}, its page at /, its health at /healthz.\n`,
  }
}
