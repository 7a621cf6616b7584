import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionOptions } from '@headwater/sse/server'
import { HubError } from '../errors.ts'
import type { Hub } from '../hub.ts'
import { Cors } from './cors.ts'
import type { Dashboard } from './dashboard.ts'
import { isLoopbackHost } from './loopback.ts'
import { sendProblem } from './problem.ts'
import { publish } from './publish.ts'
import { hubPath } from './reserved-topics.ts'
import { subscribe } from './subscribe.ts'

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
  /** The page at `/`. Default: none. */
  readonly dashboard?: Dashboard | undefined
  /** Options of every subscriber's session. */
  readonly session?: SessionOptions | undefined
  /** Gets what a request failed of that was not the client's fault. Default: it goes to `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** Answers one request. Resolves, never rejects, when it is answered, or when its event stream has begun. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

type Route = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>

/** Makes the function that answers HTTP requests for a hub: the Mercure protocol, health, and the page. */
export function createHandler(hub: Hub, options: HandlerOptions = {}): Handler {
  const { loopbackHostsOnly = false, dashboard, session = {}, onError = console.error } = options
  const cors = new Cors(options.corsOrigins ?? [])

  const hubRoutes: Record<string, Route> = {
    GET: (req, res) => subscribe(hub, req, res, session),
    HEAD: (req, res) => subscribe(hub, req, res, session),
    POST: (req, res) => {
      assertPublishOrigin(req, cors)
      return publish(hub, req, res)
    },
    OPTIONS: (req, res) => {
      res.statusCode = 204
      res.setHeader('allow', methodsOf(hubRoutes))
      cors.addPreflightHeaders(req, res, methodsOf(hubRoutes))
      res.end()
    },
  }
  const healthRoutes: Record<string, Route> = { GET: sendHealth, HEAD: sendHealth }
  const sendPage: Route = (req, res) => dashboard?.send(pathOf(req), req, res)
  const pageRoutes: Record<string, Route> = { GET: sendPage, HEAD: sendPage }

  return async function handle(req, res) {
    try {
      res.setHeader('x-content-type-options', 'nosniff')
      if (loopbackHostsOnly) assertLoopbackHost(req)
      const routes = routesOf(pathOf(req))
      if (!routes) {
        sendNotFound(req, res)
        return
      }
      if (routes === hubRoutes) cors.addHeaders(req, res)
      const route = Object.hasOwn(routes, req.method ?? '') ? routes[req.method ?? ''] : undefined
      if (!route) {
        res.setHeader('allow', methodsOf(routes))
        throw new HubError('METHOD_NOT_ALLOWED', `${pathOf(req)} has no ${req.method}. It has ${methodsOf(routes)}.`)
      }
      await route(req, res)
    } catch (error) {
      fail(error, res)
    }
  }

  function routesOf(path: string): Record<string, Route> | undefined {
    if (path === hubPath) return hubRoutes
    if (path === '/healthz') return healthRoutes
    return dashboard?.has(path) ? pageRoutes : undefined
  }

  function fail(error: unknown, res: ServerResponse): void {
    const known = error instanceof HubError ? error : undefined
    // What the client did wrong is told to the client. What the store does wrong, the operator has to know as well.
    if (!known || known.code.startsWith('STORE_')) onError(error)
    if (res.headersSent) res.destroy()
    else sendProblem(res, known)
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?')
  const target = query < 0 ? url : url.slice(0, query)
  // [RFC 9112, 3.2.2] A proxy may send the whole URL.
  return target.startsWith('/') || !URL.canParse(target) ? target : new URL(target).pathname
}

function methodsOf(routes: Record<string, Route>): string {
  return Object.keys(routes).join(', ')
}

function assertLoopbackHost({ headers }: IncomingMessage): void {
  if (isLoopbackHost(headers.host ?? '')) return
  throw new HubError(
    'HOST_NOT_ALLOWED',
    `This hub runs with --dev and answers only to loopback names such as localhost and 127.0.0.1, not to ${JSON.stringify(headers.host ?? '')}.`,
  )
}

/**
 * A form POST needs no preflight, so any page that somebody opens on this machine could send one. A browser says whose page it
 * is; whatever is no browser sends neither header.
 */
function assertPublishOrigin({ headers }: IncomingMessage, cors: Cors): void {
  const { origin } = headers
  if (origin === undefined || cors.allows(origin)) return
  if (headers['sec-fetch-site'] === 'same-origin') return
  if (URL.canParse(origin) && new URL(origin).host === headers.host) return
  throw new HubError(
    'ORIGIN_NOT_ALLOWED',
    `Pages of ${origin} may not publish here. Allow them with --cors-origins ${origin === 'null' ? '*' : origin}.`,
  )
}

function sendHealth(_req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.setHeader('cache-control', 'no-store')
  res.end('ok\n')
}

function sendNotFound(req: IncomingMessage, res: ServerResponse): void {
  res.statusCode = 404
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`There is nothing at ${pathOf(req)}.\nThe hub is at ${hubPath}, its page at /, its health at /healthz.\n`)
}
