import { HubError } from '../../base/errors.ts'
import { canonicalOrigin, isOriginOf } from '../../base/origin.ts'
import type { HubRequest, HubResponseHeaders } from '../message/http-message.ts'

/** The other origins whose pages may use the hub, and the CORS headers that tell browsers. */
export class Cors {
  readonly #origins: ReadonlySet<string>

  /**
   * @throws HubError `INVALID_OPTION` for anything but origins (`https://example.com`, no path) and
   * `*`.
   */
  constructor(origins: readonly string[]) {
    for (const origin of origins) assertOrigin(origin)
    this.#origins = new Set(origins)
  }

  /** Whether a page of this origin may use the hub. */
  allows(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(canonicalOrigin(origin))
  }

  /**
   * Throws `ORIGIN_NOT_ALLOWED` if a request comes from a page that may not publish. A form POST
   * needs no preflight, so any page that someone opens on this machine could send one. Browsers
   * send the page's origin; other clients send neither header.
   */
  assertMayPublish(request: Pick<HubRequest, 'header'>): void {
    const origin = this.foreignOrigin(request)
    if (origin !== undefined) throw notAllowed('publish', origin)
  }

  /**
   * Throws `ORIGIN_NOT_ALLOWED` for the preflight of a page whose browser will not let it use the
   * hub: otherwise nobody but that page's developer would learn about it.
   */
  assertMayAsk(request: Pick<HubRequest, 'header'>): void {
    const origin = this.foreignOrigin(request)
    if (origin !== undefined && request.header('access-control-request-method') !== undefined)
      throw notAllowed('use this hub', origin)
  }

  /**
   * The origin of the page that sent a request, if it is neither the hub's own nor allowed: its
   * browser does not let it read the response. `undefined` for every other request.
   */
  foreignOrigin(request: Pick<HubRequest, 'header'>): string | undefined {
    const origin = request.header('origin')
    if (origin === undefined || this.allows(origin)) return undefined
    if (request.header('sec-fetch-site') === 'same-origin') return undefined
    return isOriginOf(origin, request.header('host')) ? undefined : origin
  }

  /**
   * The headers that let a page of an allowed origin read the response. None at all if no origin is
   * configured.
   */
  headersFor(origin: string | undefined): HubResponseHeaders {
    const allowed = this.#allowHeadersFor(origin)
    if (!allowed['access-control-allow-origin']) return allowed
    return { ...allowed, 'access-control-expose-headers': exposedHeaders }
  }

  /**
   * The headers of the answer to a preflight. A script that sets `Last-Event-ID` for another origin
   * needs one.
   */
  preflightHeadersFor(origin: string | undefined, methods: string): HubResponseHeaders {
    const allowed = this.#allowHeadersFor(origin)
    if (!allowed['access-control-allow-origin']) return allowed
    return {
      ...allowed,
      'access-control-allow-methods': methods,
      'access-control-allow-headers':
        'Authorization, Cache-Control, Content-Type, Idempotency-Key, Last-Event-ID, Traceparent, Tracestate',
      'access-control-max-age': '7200',
    }
  }

  #allowHeadersFor(origin: string | undefined): HubResponseHeaders {
    if (this.#origins.size === 0) return noHeaders
    // Any page may read what is public. With credentials, any page could act as the user.
    if (this.#origins.has('*')) return { 'access-control-allow-origin': '*' }
    if (origin === undefined || !this.allows(origin)) return { vary: 'Origin' }
    return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
  }
}

function notAllowed(what: string, origin: string): HubError {
  return new HubError('ORIGIN_NOT_ALLOWED', `Pages of ${origin} may not ${what}. ${adviceFor(origin)}`)
}

/** How the operator lets pages of an origin use the hub. */
export function adviceFor(origin: string): string {
  const canonical = canonicalOrigin(origin)
  return `Allow them with --cors-origins ${canonical === 'null' ? '*' : canonical} (corsOrigins).`
}

const noHeaders: HubResponseHeaders = Object.freeze({})

/** Without these, a page cannot see where its stream begins. */
const exposedHeaders = 'Mercure-Last-Event-ID, Last-Event-ID, Link, ETag, WWW-Authenticate, Retry-After'

function assertOrigin(text: string): void {
  if (text === '*') return
  const origin = URL.canParse(text) ? new URL(text).origin : 'null'
  if (text === origin && origin !== 'null' && !text.includes('*')) return
  let advice = 'An origin looks like https://example.com; * means all.'
  if (text.includes('*')) advice = 'Name each origin: there are no patterns, only * for all.'
  else if (origin !== 'null') advice = `Did you mean ${origin}?`
  throw new HubError('INVALID_OPTION', `${JSON.stringify(text)} is not an origin. ${advice}`)
}
