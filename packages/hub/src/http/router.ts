import type { CloseReason, SessionOptions } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import { withTimeout } from '../base/with-timeout.ts'
import type { HubCore } from '../hub/hub-core.ts'
import type { Subscription } from '../hub/subscription-options.ts'
import type { Telemetry } from '../hub/telemetry.ts'
import type { Matcher } from '../matching/matcher.ts'
import type { Observatory } from '../observe/observatory.ts'
import type { Streams } from '../streams/streams.ts'
import { type Authorizer, authorizerFrom } from './access/authorizer.ts'
import { beforeProxy, ClientAddresses, isLoopbackHost } from './access/client-address.ts'
import type { ClientCounts } from './access/client-counts.ts'
import { ClientQuotas } from './access/client-quotas.ts'
import { Cors } from './access/cors.ts'
import { type Limits, withDefaultLimits } from './access/limits.ts'
import { assertOneHost } from './access/one-host.ts'
import type { Authorize } from './access/permission.ts'
import { PublicUrls } from './access/public-urls.ts'
import type { TokenAuthorizer } from './access/token-authorizer.ts'
import { TokenRefusal } from './access/token-refusal.ts'
import type { BuiltPage } from './built-page.ts'
import { type HubRequest, type HubResponse, type HubResponseHeaders, noSniff, pathOf } from './message/http-message.ts'
import { problemResponse, ruleFor } from './message/problem.ts'
import type { Metrics } from './metrics.ts'
import { observeRoute } from './observe/observe.ts'
import { trimRoute } from './observe/trim.ts'
import { documentsPart, openApiDocument } from './openapi/openapi.ts'
import { publish } from './publish/publish.ts'
import type { PublishContext } from './publish/publish-context.ts'
import { replicationRoute } from './replicate/replicate.ts'
import { requestSpan } from './request-span.ts'
import { type Route, type RouteName, routesOf } from './routes.ts'
import { streamsRoute } from './streams/streams-route.ts'
import { BrowserStreams } from './subscribe/browser-streams.ts'
import { shownEventId } from './subscribe/shown-event-id.ts'
import { answerLastEventId, type SelectorRules, type SubscribeRules, subscribe } from './subscribe/subscribe.ts'
import { answerSubscriptions } from './subscribe/subscriptions.ts'

export interface HandlerOptions {
  /**
   * Other origins whose pages may subscribe and publish, such as `https://example.com`, or `*` for
   * all. Default: none, and the hub sends no CORS headers.
   */
  readonly corsOrigins?: readonly string[] | undefined
  /**
   * Answers only requests for a loopback name of this machine. Default: false. A hub that anyone on
   * this machine may use must not be open to a page from elsewhere whose host name was made to
   * point here (DNS rebinding).
   */
  readonly loopbackHostsOnly?: boolean | undefined
  /**
   * Decides what each request is allowed to do. Default: anyone may publish to every topic and
   * receive every public event, and nobody receives private ones.
   */
  readonly authorize?: Authorize | undefined
  /**
   * Authorizes clients by their tokens instead of `authorize`, as the Mercure protocol specifies.
   */
  readonly tokens?: TokenAuthorizer | undefined
  /**
   * What the hub accepts from its clients. Limits left out have their defaults. Read again for each
   * request.
   */
  readonly limits?: Readonly<Partial<Limits>> | undefined
  /**
   * Where clients are counted, for the limits on them. Default: in a count of its own. Threads that
   * serve one hub share one.
   */
  readonly counts?: ClientCounts | undefined
  /**
   * Addresses, or ranges such as 10.0.0.0/8, of proxies in front, whose `X-Forwarded-For` says
   * where a request comes from. Default: none.
   */
  readonly trustedProxies?: readonly string[] | undefined
  /**
   * The URLs by which clients know the hub, such as `https://hub.example.com`. Requests for another
   * host are answered with 421, except for health and metrics. Behind `trustedProxies`, their
   * `X-Forwarded-Host` and `X-Forwarded-Proto` count. Default: any host.
   */
  readonly publicUrls?: readonly string[] | undefined
  /**
   * Whether to compress event streams with gzip for clients that accept it. Events are compressed
   * once for all of them; pieces below 1 KiB and streams with private events are not compressed.
   * Default: true.
   */
  readonly compression?: boolean | undefined
  /**
   * Whether to answer `/healthz` and `/readyz`. Default: true for a hub that listens on its own port;
   * false for `hub.handler` and `hub.fetch`, because those paths are the application's.
   */
  readonly health?: boolean | undefined
  /** Serves these metrics at `/metrics`. Default: none. */
  readonly metrics?: Metrics | undefined
  /**
   * An AsyncAPI document of the topics, such as `asyncApiDocument` makes. Served below the hub's path, at
   * `headwater/v1/asyncapi.json`. Default: none.
   */
  readonly asyncApi?: object | undefined
  /** Makes a span for each request to publish. Default: none. */
  readonly telemetry?: Telemetry | undefined
  /** The page at `/`. Default: none. */
  readonly dashboard?: BuiltPage | undefined
  /** Keeps what operators look at, and serves it. Default: none. */
  readonly observatory?: Observatory | undefined
  /**
   * Lets everyone who reaches the hub look at the whole of it: figures, subscribers and their
   * addresses, topics, and the history without the data of private events. Default: false, and only
   * those whom `authorize` or a token grants `observe`.
   */
  readonly isOpenToObservers?: boolean | undefined
  /** Serves these streams. Default: none. */
  readonly streams?: Streams | undefined
  /**
   * Lets everyone who reaches the hub trim its history, if it keeps what operators look at. Default:
   * false, and only those whom `authorize` or a token grants `trim`.
   */
  readonly isOpenToTrimming?: boolean | undefined
  /** Options of every subscriber's session. */
  readonly session?: SessionOptions | undefined
  /**
   * Ends requests that publish a stream when it aborts, after what was read. Sessions end with the
   * hub. Default: none.
   */
  readonly closing?: AbortSignal | undefined
  /** Called with errors that are not the client's fault. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
  /**
   * Called with what was refused because of a limit, the host or the origin, which an operator may
   * have to change. Default: not reported. The `TokenAuthorizer` reports refused tokens itself.
   */
  readonly onRefused?: ((refusal: HubError, request: RequestSummary) => void) | undefined
  /**
   * Called when the hub answers a page of another origin that `corsOrigins` does not name: the
   * page's browser keeps the answer from it. Default: not reported.
   */
  readonly onForeignPage?: ((origin: string, request: RequestSummary) => void) | undefined
  /**
   * Called when a browser has its sixth event stream open over HTTP/1.1, so that the hub cannot hear
   * of a seventh: browsers open six connections to a host. With the client's address. Default: not
   * reported.
   */
  readonly onBrowserFull?: ((address: string) => void) | undefined
  /**
   * Called when somebody has trimmed the history over HTTP, with the newest position that is gone.
   * Default: not reported.
   */
  readonly onTrimmed?: ((through: number, request: RequestSummary) => void) | undefined
  /**
   * Called for each answered request with the status; for an event stream, when it begins. Default:
   * not reported.
   */
  readonly onAnswered?: ((status: number, request: RequestSummary) => void) | undefined
  /**
   * Called when an event stream ends, with the reason and the client's address. Default: not
   * reported.
   */
  readonly onStreamEnded?: ((reason: CloseReason, address: string) => void) | undefined
}

/** What may be reported about a request: nothing that belongs only to its client. */
export interface RequestSummary {
  readonly method: string
  /** What the request was for. */
  readonly route: RouteName
  readonly address: string
  /**
   * For an event stream, what its client said it has: an ID of the hub's, `earliest` or `-N` as sent;
   * of a publisher's ID the length and a digest. `undefined` for nothing.
   */
  readonly lastEventId?: string | undefined
}

export interface Router {
  /** Whether the hub has a route at a request's path. */
  has(request: Pick<HubRequest, 'url'>): boolean
  /** Answers a request. Never rejects: errors become answers too. */
  answer(request: HubRequest): Promise<HubResponse>
}

/** How long the store may take to report that it is ready, in milliseconds. */
const readyTimeoutMs = 5000

/** The one place that answers requests: it finds their route, and turns errors into responses. */
export function createRouter(hub: HubCore, options: HandlerOptions = {}): Router {
  const {
    loopbackHostsOnly = false,
    health = true,
    compression = true,
    dashboard,
    observatory,
    streams,
    isOpenToObservers: isOpen = false,
    isOpenToTrimming = false,
    metrics,
    closing,
    onError = console.error,
  } = options
  const { telemetry, tokens, onRefused, onForeignPage, onBrowserFull, onAnswered, onStreamEnded, onTrimmed } = options
  const authorizer = chooseAuthorizer(options, hub.path)
  const cors = new Cors(options.corsOrigins ?? [])
  const limits: Readonly<Limits> = withDefaultLimits(options.limits)
  const addresses = new ClientAddresses(options.trustedProxies)
  const publicUrls = new PublicUrls(options.publicUrls ?? [])
  const browsers = new BrowserStreams()
  const quotas = new ClientQuotas(limits, options.counts)
  const publishing: PublishContext = { hub, authorizer, cors, quotas, addresses, limits, closing, onError }
  const { subscriptions } = hub
  const routes: readonly Route[] = routesOf({
    path: hub.path,
    publish: (request, span) => publish(request, publishing, span),
    subscribe: answerSubscriber,
    last: async (request) =>
      answerLastEventId(hub, request, await authorizer.authorizeSubscriber(request), selectorRules()),
    preflight: (methods) => (request) => {
      cors.assertMayAsk(request)
      return {
        status: 204,
        headers: {
          allow: methods,
          'accept-query': 'application/x-www-form-urlencoded',
          ...cors.preflightHeadersFor(request.header('origin'), methods),
        },
        body: '',
      }
    },
    health: health ? () => textResponse('ok\n') : undefined,
    ready: health ? () => answerReady(hub) : undefined,
    metrics: metrics && (async () => textResponse(await metrics.toText(), metrics.contentType)),
    replication: replicationRoute({ hub, streams, authorizer, onError }),
    streams:
      streams &&
      streamsRoute({
        streams,
        authorizer,
        cors,
        quotas,
        addresses,
        limits,
        closing,
        onReaderLeft: (onStreamEnded || observatory) && reportEnd,
        onError,
      }),
    documents: documentsPart(
      hub.path,
      health,
      () =>
        openApiDocument(routes, {
          path: hub.path,
          isCompat: authorizer.isCompat,
          tokenCookie: tokens?.cookieName,
          servers: (options.publicUrls ?? []).map((url) => new URL(url).origin),
        }),
      options.asyncApi,
    ),
    observe: observatory && observeRoute({ hub, observatory, authorizer, isOpen, selectorRules }),
    trim:
      observatory &&
      trimRoute({
        hub,
        authorizer,
        isOpen: isOpenToTrimming,
        onTrimmed(through, request) {
          observatory.note('trimmed', `The history was trimmed up to position ${through}.`, {
            address: addresses.nameOf(request),
          })
          onTrimmed?.(through, summaryOf(request, 'observe'))
        },
      }),
    subscriptions: subscriptions && {
      isAt: (path) => subscriptions.paths.has(path),
      answer: (request) => answerSubscriptions(subscriptions, request, authorizer),
    },
    metadata: tokens && {
      isAt: (path) => tokens.hasMetadataAt(path),
      answer: (request) => tokens.answerMetadata(request, { hasSubscriptions: subscriptions !== undefined }),
    },
    page: dashboard && {
      isAt: (path) => dashboard.has(path),
      answer: (request) => dashboard.answer(pathOf(request), request.header),
    },
    hasPublishers: () => authorizer.hasPublishers,
  })

  const whereElse = `The hub is at ${hub.path}${dashboard ? ', its page at /' : ''}${health ? ', its health at /healthz and /readyz' : ''}.`

  return {
    has: (request) => routeAt(pathOf(request)) !== undefined,
    async answer(sent) {
      const proxied = addresses.isForwarded(sent) ? beforeProxy(sent) : undefined
      const request = proxied?.request ?? sent
      const route = routeAt(pathOf(request))
      const method = route?.methods.get(request.method)
      const name = method?.name ?? route?.name ?? 'none'
      let response: HubResponse
      let spanError: unknown
      const span = telemetry && name === 'publish' ? requestSpan(telemetry, request, hub.path) : undefined
      try {
        assertOneHost(sent)
        if (loopbackHostsOnly) assertLoopbackHost(request)
        if (!route?.isForOperators) publicUrls.assertKnown(request, proxied?.scheme)
        response = method ? await method.answer(request, span) : noSuchMethod(request, route, whereElse)
        if (onForeignPage && route?.isForPages) reportForeignPage(request, name)
      } catch (error) {
        response = refuse(error, request, name)
        if (span && response.status >= 500) spanError = error
      }
      if (span) {
        span.set({ 'http.response.status_code': response.status })
        span.end(spanError)
      }
      metrics?.countRequest(name, response.status)
      if (observatory && response.status >= 400 && name !== 'none' && name !== 'page') {
        if (response.status >= 500) observatory.countFailure()
        else observatory.countRefusal()
      }
      onAnswered?.(response.status, summaryOf(request, name, response))
      return withHeaders(response, commonHeaders(request, route))
    },
  }

  function reportForeignPage(request: HubRequest, name: RouteName): void {
    // A preflight is refused.
    const origin = name === 'preflight' ? undefined : cors.foreignOrigin(request)
    if (origin !== undefined) onForeignPage?.(origin, summaryOf(request, name))
  }

  async function answerSubscriber(request: HubRequest): Promise<HubResponse> {
    const permission = await authorizer.authorizeSubscriber(request)
    const address = addresses.of(request)
    const leave = quotas.subscribe({ address, holder: permission.holder })
    const rules: SubscribeRules = {
      ...selectorRules(),
      isCompressing: compression,
      onError,
      onSelected: (matchers) => hub.subscriptions && quotas.tellOfSubscription(address, matchers),
      onOpened:
        observatory &&
        ((subscription, matchers) => {
          opened = { subscription, matchers }
        }),
    }
    let opened: { readonly subscription: Subscription; readonly matchers: readonly Matcher[] } | undefined
    // Read now, because nothing of a request is kept as long as its stream.
    const name = (onStreamEnded || observatory) && addresses.nameOf(request)
    try {
      const response = await subscribe(hub, request, permission, rules)
      const { eventStream } = response
      const browser = onBrowserFull && browserStream(request)
      let strike = () => {}
      const end = () => {
        leave()
        strike()
        browser?.end()
      }
      return {
        ...response,
        eventStream: {
          ...eventStream,
          deliverTo(session) {
            session.closed.then((reason) => {
              end()
              if (name !== undefined) reportEnd(reason, name)
            })
            eventStream.deliverTo(session)
            if (observatory && opened && name !== undefined && session.isOpen) {
              const { matchers, subscription } = opened
              strike = observatory.subscribers.add({
                matchers,
                address: name,
                holder: permission.holder,
                since: Date.now(),
                lastEventId: shownEventId(eventStream.lastEventId),
                progress: subscription.progress,
              })
            }
          },
          abandon: end,
        },
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  function reportEnd(reason: CloseReason, address: string): void {
    onStreamEnded?.(reason, address)
    if (reason !== 'too-slow' && reason !== 'stalled') return
    observatory?.note('slow', `A subscriber did not read what it was sent, and was cut off (${reason}).`, { address })
  }

  function browserStream(request: HubRequest) {
    const address = addresses.nameOf(request)
    const stream = browsers.begin(request, address)
    if (stream.isLast) onBrowserFull?.(address)
    return stream
  }

  /** Created for each request: the rules may have been reloaded. */
  function selectorRules(): SelectorRules {
    return { limits, isCompat: authorizer.isCompat, hubUrl: authorizer.hubUrl }
  }

  function refuse(error: unknown, request: HubRequest, name: RouteName): HubResponse {
    const known = error instanceof HubError ? error : undefined
    const { logged, status } = ruleFor(error)
    if (observatory && known && status < 500) {
      observatory.note('refused', `A ${request.method} (${name}) was refused: ${known.message}`, {
        address: addresses.nameOf(request),
        code: known.code,
      })
    }
    if (logged === 'failure') onError(error)
    else if (logged === 'refusal' && known) onRefused?.(known, summaryOf(request, name))
    return problemResponse(known, { 'www-authenticate': known instanceof TokenRefusal ? known.challenge : undefined })
  }

  /**
   * The headers of every response, including refusals, so that a page can read why. A preflight has
   * its own CORS headers.
   */
  function commonHeaders(request: HubRequest, route: Route | undefined): HubResponseHeaders {
    if (!route?.isForPages || request.method === 'OPTIONS') return noSniff
    const headers = cors.headersFor(request.header('origin'))
    return Object.isFrozen(headers) ? noSniff : { ...noSniff, ...headers }
  }

  function summaryOf(request: HubRequest, route: RouteName, response?: HubResponse): RequestSummary {
    const lastEventId = response?.eventStream && shownEventId(response.eventStream.lastEventId)
    return { method: request.method, route, address: addresses.nameOf(request), lastEventId }
  }

  function routeAt(path: string): Route | undefined {
    for (const route of routes) if (route.isAt(path)) return route
    return undefined
  }
}

function withHeaders(response: HubResponse, common: HubResponseHeaders): HubResponse {
  const { headers } = response
  // Constant headers already include these.
  if (common === noSniff && Object.isFrozen(headers)) return response
  return { ...response, headers: { ...common, ...headers } }
}

function chooseAuthorizer({ authorize, tokens }: HandlerOptions, path: string): Authorizer {
  if (!tokens) return authorizerFrom(path, authorize)
  if (!authorize) return tokens
  throw new HubError('INVALID_OPTION', 'authorize and tokens both decide who may do what. Set only one of them.')
}

async function answerReady(hub: HubCore): Promise<HubResponse> {
  const ready = hub.check().then(() => true)
  if (await withTimeout(readyTimeoutMs, ready, false)) return textResponse(`ready\n${await upstreamText(hub)}`)
  throw new HubError('STORE_FAILED', `The store did not answer within ${readyTimeoutMs / 1000} s.`)
}

/** Says how far a hub at the edge is behind: it serves subscribers all the same. */
async function upstreamText(hub: HubCore): Promise<string> {
  const status = await hub.upstream()
  if (!status) return ''
  const { isConnected, behind, silentMs } = status
  const seconds = (silentMs / 1000).toFixed(1)
  if (behind === undefined) return `upstream lost, not reached since the start ${seconds} s ago: serving the copy\n`
  return `upstream ${isConnected ? 'connected' : 'lost'}, ${behind} positions behind, last heard of ${seconds} s ago\n`
}

function noSuchMethod(request: HubRequest, route: Route | undefined, whereElse: string): HubResponse {
  const path = pathOf(request)
  if (!route) {
    return {
      status: 404,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: `There is nothing at ${path}.\n${whereElse}\n`,
    }
  }
  const allow = [...route.methods.keys()].join(', ')
  const refusal = new HubError('METHOD_NOT_ALLOWED', `${path} does not allow ${request.method}. It allows ${allow}.`)
  return problemResponse(refusal, { allow })
}

function assertLoopbackHost(request: HubRequest): void {
  const host = request.header('host') ?? ''
  if (isLoopbackHost(host)) return
  throw new HubError(
    'HOST_NOT_ALLOWED',
    `This hub runs with --dev and answers only to loopback names such as localhost and 127.0.0.1, not to ${JSON.stringify(host)}.`,
  )
}

function textResponse(body: string, contentType = 'text/plain; charset=utf-8'): HubResponse {
  return { status: 200, headers: { 'content-type': contentType, 'cache-control': 'no-store' }, body }
}
