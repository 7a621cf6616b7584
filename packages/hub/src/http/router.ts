import type { CloseReason, SessionOptions } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import { hubPath } from '../base/hub-path.ts'
import { within } from '../base/with-timeout.ts'
import type { HubCore } from '../hub/hub-core.ts'
import type { PublishInit } from '../hub/publish-init.ts'
import { isReservedTopic } from '../hub/reserved-topics.ts'
import { type Authorizer, authorizerFrom } from './access/authorizer.ts'
import { ClientAddresses, isLoopbackHost } from './access/client-address.ts'
import type { ClientCounts } from './access/client-counts.ts'
import { ClientQuotas } from './access/client-quotas.ts'
import { Cors } from './access/cors.ts'
import { type Limits, withDefaultLimits } from './access/limits.ts'
import type { Authorize } from './access/permission.ts'
import { beforeProxy, PublicUrls } from './access/public-urls.ts'
import type { TokenAuthorizer } from './access/token-authorizer.ts'
import { TokenRefusal } from './access/token-refusal.ts'
import type { Dashboard } from './dashboard.ts'
import { type HubRequest, type HubResponse, type HubResponseHeaders, pathOf } from './message/http-message.ts'
import { problemResponse } from './message/problem.ts'
import type { Metrics } from './metrics.ts'
import { publish } from './publish/publish.ts'
import { answerLastEventId, subscribe } from './subscribe/subscribe.ts'
import { answerSubscriptions, isSubscriptionsPath } from './subscribe/subscriptions.ts'

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
  /** In place of `authorize`: lets in whoever has a token for it, as the Mercure protocol says. */
  readonly tokens?: TokenAuthorizer | undefined
  /** What the hub takes from its clients; those left out have their default. Read anew for each request. */
  readonly limits?: Readonly<Partial<Limits>> | undefined
  /** Where clients are counted, for the limits on them. Default: by themselves; threads that serve one hub count together. */
  readonly counts?: ClientCounts | undefined
  /**
   * Addresses, or ranges such as 10.0.0.0/8, of proxies in front, whose `X-Forwarded-For` says where a request comes from. Default:
   * none.
   */
  readonly trustedProxies?: readonly string[] | undefined
  /**
   * The URLs by which clients know the hub, such as `https://hub.example.com`. Requests for another host are answered 421, but for health and
   * metrics. Behind `trustedProxies` their `X-Forwarded-Host` and `X-Forwarded-Proto` count. Default: any host will do.
   */
  readonly publicUrls?: readonly string[] | undefined
  /**
   * Whether event streams are compressed, by gzip, for clients that say they take it. What is published is compressed once for all of
   * them, pieces below 1 KiB and streams with private events not at all. Default: true.
   */
  readonly compression?: boolean | undefined
  /** Serves these at `/metrics`. Default: none. */
  readonly metrics?: Metrics | undefined
  /** The page at `/`. Default: none. */
  readonly dashboard?: Dashboard | undefined
  /** Options of every subscriber's session. */
  readonly session?: SessionOptions | undefined
  /** Aborting it ends requests that publish a stream, after what was read. Sessions end with the hub. Default: none. */
  readonly closing?: AbortSignal | undefined
  /** Gets what a request failed of that was not the client's fault. Default: it goes to `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
  /**
   * Gets what was refused because of a limit, the host or the origin, which an operator may have to change. Default: nobody. What tokens are
   * refused for, the `TokenAuthorizer` tells.
   */
  readonly onRefused?: ((refusal: HubError, request: RequestSummary) => void) | undefined
  /** Gets each request that was answered, with the status; an event stream when it begins. Default: nobody. */
  readonly onAnswered?: ((status: number, request: RequestSummary) => void) | undefined
  /** Gets the end of each event stream, what ended it, and its client's address. Default: nobody. */
  readonly onStreamEnded?: ((reason: CloseReason, address: string) => void) | undefined
}

/** What of a request may be told to others: nothing that is its client's alone. */
export interface RequestSummary {
  readonly method: string
  /** What it was for: `publish`, `subscribe`, `last`, `subscriptions`, `page`, `operating`, `preflight`; `none` where there is nothing. */
  readonly route: string
  readonly address: string
}

export interface Router {
  /** Whether there is anything at a request's path. */
  has(request: Pick<HubRequest, 'url'>): boolean
  /** Answers a request. Never rejects: what goes wrong is an answer too. */
  answer(request: HubRequest): Promise<HubResponse>
}

type Route = (request: HubRequest) => HubResponse | Promise<HubResponse>
type Routes = Readonly<Record<string, Route>>

/** How long the store may take to say that it is ready, in milliseconds. */
const readyTimeoutMs = 5000

/** The one place that says what is answered where: the Mercure protocol, health, and the page. */
export function createRouter(hub: HubCore, options: HandlerOptions = {}): Router {
  const {
    loopbackHostsOnly = false,
    compression = true,
    dashboard,
    metrics,
    closing,
    onError = console.error,
  } = options
  const { tokens, onRefused, onAnswered, onStreamEnded } = options
  const gate = chooseAuthorizer(options)
  const cors = new Cors(options.corsOrigins ?? [])
  const limits: Readonly<Limits> = withDefaultLimits(options.limits)
  const addresses = new ClientAddresses(options.trustedProxies)
  const publicUrls = new PublicUrls(options.publicUrls ?? [])
  const admission = new ClientQuotas(limits, options.counts)
  const rules = () => ({ limits, isCompat: gate.isCompat, hubUrl: gate.hubUrl, isCompressing: compression })
  const subscribeRoute: Route = async (request) => {
    const permission = await gate.admitSubscriber(request)
    const leave = admission.subscribe({ address: addresses.of(request), holder: permission.holder })
    // Now, for nothing of a request is kept as long as its stream.
    const name = onStreamEnded && addresses.nameOf(request)
    try {
      const { eventStream, ...answer } = await subscribe(hub, request, permission, rules())
      return {
        ...answer,
        eventStream: (session) => {
          session.closed.then((reason) => {
            leave()
            if (name !== undefined) onStreamEnded?.(reason, name)
          })
          eventStream?.(session)
        },
        abandoned: leave,
      }
    } catch (error) {
      leave()
      throw error
    }
  }
  const lastEventIdRoute: Route = async (request) =>
    answerLastEventId(hub, request, await gate.admitSubscriber(request), rules())

  const hubRoutes = {
    GET: subscribeRoute,
    HEAD: subscribeRoute,
    QUERY: subscribeRoute,
    POST: async (request: HubRequest) => {
      if (gate.trustsBrowsers) assertPublishOrigin(request, cors)
      const assertMayPublish = await gate.admitPublisher(request)
      const admit = (event: PublishInit) => {
        assertNotReserved(event)
        assertMayPublish(event)
        assertFewTopics(event, limits.maxTopics)
      }
      const address = addresses.of(request)
      const count = (events: number) => admission.publish(address, events)
      const countInTime = (events: number) => admission.publishInTime(address, events)
      return publish(request, { hub, admit, limits, count, countInTime, closing, onError })
    },
    OPTIONS: preflight,
  }
  const { POST: _, ...subscribeRoutes } = hubRoutes
  const lastEventIdRoutes: Routes = {
    GET: lastEventIdRoute,
    HEAD: lastEventIdRoute,
    QUERY: lastEventIdRoute,
    OPTIONS: preflight,
  }
  const metadataRoutes: Routes = {
    ...reading((request) => tokens!.answerMetadata(request, { hasSubscriptions: hub.subscriptions !== undefined })),
    OPTIONS: preflight,
  }
  const subscriptionsRoutes: Routes = {
    ...reading((request) => answerSubscriptions(hub.subscriptions!, request, gate)),
    OPTIONS: preflight,
  }
  const healthRoutes = reading(() => answerText('ok\n'))
  const readyRoutes = reading(async () => {
    const ready = hub.check().then(() => true)
    if (!(await within(readyTimeoutMs, ready, false))) {
      throw new HubError('STORE_FAILED', `The store gave no answer for ${readyTimeoutMs / 1000} s.`)
    }
    return answerText('ready\n')
  })
  const metricsRoutes = reading(async () => ({
    headers: { 'content-type': metrics!.contentType, 'cache-control': 'no-store' },
    body: await metrics!.toText(),
  }))
  const pageRoutes = reading((request) => dashboard!.answer(pathOf(request), request.header('if-none-match')))

  return {
    has: (request) => routesOf(pathOf(request)) !== undefined,
    async answer(sent) {
      const { request, scheme } = beforeProxy(sent, addresses)
      const routes = routesOf(pathOf(request))
      const route = nameOf(routes, request.method)
      const answer = await answerOrRefuse(request, scheme, routes, route)
      const status = answer.status ?? 200
      metrics?.countRequest(route, status)
      onAnswered?.(status, summaryOf(request, route))
      return answer
    },
  }

  async function answerOrRefuse(
    request: HubRequest,
    scheme: string | undefined,
    routes: Routes | undefined,
    route: string,
  ): Promise<HubResponse> {
    let common: HubResponseHeaders = { 'x-content-type-options': 'nosniff' }
    // Also on refusals, so that a page can read why. A preflight has its own.
    if (routes?.OPTIONS && request.method !== 'OPTIONS') {
      common = { ...common, ...cors.headersFor(request.header('origin')) }
    }
    try {
      if (loopbackHostsOnly) assertLoopbackHost(request)
      // Whoever looks after a hub calls it by its address.
      const isForOperators = routes === healthRoutes || routes === readyRoutes || routes === metricsRoutes
      if (!isForOperators) publicUrls.assertKnown(request, scheme)
      return withHeaders(await dispatch(request, routes), common)
    } catch (error) {
      const known = error instanceof HubError ? error : undefined
      // What the client did wrong is told to the client. What the store does wrong, the operator has to know as well.
      if (!known || known.code.startsWith('STORE_')) onError(error)
      else if (loggedRefusals.has(known.code)) onRefused?.(known, summaryOf(request, route))
      const challenge = known instanceof TokenRefusal ? known.challenge : undefined
      return withHeaders(problemResponse(known), { ...common, 'www-authenticate': challenge })
    }
  }

  function summaryOf(request: HubRequest, route: string): RequestSummary {
    return { method: request.method, route, address: addresses.nameOf(request) }
  }

  /** What a request is for, as it is counted. */
  function nameOf(routes: Routes | undefined, method: string): string {
    if (routes === hubRoutes || routes === subscribeRoutes)
      return method === 'POST' ? 'publish' : method === 'OPTIONS' ? 'preflight' : 'subscribe'
    if (routes === lastEventIdRoutes) return 'last'
    if (routes === subscriptionsRoutes) return 'subscriptions'
    if (routes === pageRoutes) return 'page'
    return routes ? 'operating' : 'none'
  }

  function preflight(request: HubRequest): HubResponse {
    const methods = methodsOf(routesOf(pathOf(request)) ?? {})
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
    if (path === hubPath) return gate.hasPublishers ? hubRoutes : subscribeRoutes
    if (path === `${hubPath}/last`) return lastEventIdRoutes
    if (hub.subscriptions && isSubscriptionsPath(path)) return subscriptionsRoutes
    if (path === '/healthz') return healthRoutes
    if (path === '/readyz') return readyRoutes
    if (path === '/metrics' && metrics) return metricsRoutes
    if (tokens?.hasMetadataAt(path)) return metadataRoutes
    return dashboard?.has(path) ? pageRoutes : undefined
  }
}

/** What happens because of how the hub is configured, and is not only the client's mistake. */
const loggedRefusals: ReadonlySet<HubError['code']> = new Set([
  'HUB_FULL',
  'TOO_MANY_CONNECTIONS',
  'RATE_LIMITED',
  'ORIGIN_NOT_ALLOWED',
  'HOST_NOT_ALLOWED',
])

function chooseAuthorizer({ authorize, tokens }: HandlerOptions): Authorizer {
  if (!tokens) return authorizerFrom(authorize)
  if (!authorize) return tokens
  throw new HubError('INVALID_OPTION', 'authorize and tokens both say who may do what. Give one of them.')
}

function dispatch(request: HubRequest, routes: Routes | undefined): HubResponse | Promise<HubResponse> {
  if (!routes) return notFound(pathOf(request))
  const route = Object.hasOwn(routes, request.method) ? routes[request.method] : undefined
  if (route) return route(request)
  const allow = methodsOf(routes)
  const refusal = new HubError('METHOD_NOT_ALLOWED', `${pathOf(request)} has no ${request.method}. It has ${allow}.`)
  return withHeaders(problemResponse(refusal), { allow })
}

function withHeaders(answer: HubResponse, headers: HubResponseHeaders): HubResponse {
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

function assertFewTopics({ topic }: PublishInit, maxTopics: number): void {
  if (!Array.isArray(topic) || topic.length <= maxTopics) return
  throw new HubError('TOO_LARGE', `The event has ${topic.length} topics; the most is ${maxTopics}.`)
}

/** Routes that only tell something. */
function reading(route: Route): Routes {
  return { GET: route, HEAD: route }
}

function answerText(body: string): HubResponse {
  return { headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body }
}

function notFound(path: string): HubResponse {
  return {
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `There is nothing at ${path}.\nThe hub is at ${hubPath}, its page at /, its health at /healthz and /readyz.\n`,
  }
}
