import type { IncomingMessage, ServerResponse } from 'node:http'
import { HubError } from '../errors.ts'

/** Which other origins' pages may use the hub, and how browsers are told. */
export class Cors {
  readonly #origins: ReadonlySet<string>

  /** @throws HubError `INVALID_OPTION` for anything but origins (`https://example.com`, no path) and `*`. */
  constructor(origins: readonly string[]) {
    for (const origin of origins) assertOrigin(origin)
    this.#origins = new Set(origins)
  }

  /** Whether a page of this origin may. */
  allows(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin)
  }

  /** Adds the headers that let an allowed page read the response. None at all when no origin is configured. */
  addHeaders(req: IncomingMessage, res: ServerResponse): void {
    if (this.#origins.size === 0) return
    const { origin } = req.headers
    if (this.#origins.has('*')) {
      // Anyone may read what anyone may read. With credentials that would be anyone acting as the user.
      res.setHeader('access-control-allow-origin', '*')
    } else {
      res.setHeader('vary', 'Origin')
      if (origin === undefined || !this.#origins.has(origin)) return
      res.setHeader('access-control-allow-origin', origin)
      res.setHeader('access-control-allow-credentials', 'true')
    }
    res.setHeader('access-control-expose-headers', exposedHeaders)
  }

  /** Adds what a preflight asks. Cross-origin, a `Last-Event-ID` that a script sets needs one. */
  addPreflightHeaders(req: IncomingMessage, res: ServerResponse, methods: string): void {
    this.addHeaders(req, res)
    if (!res.hasHeader('access-control-allow-origin')) return
    res.removeHeader('access-control-expose-headers')
    res.setHeader('access-control-allow-methods', methods)
    res.setHeader('access-control-allow-headers', 'Authorization, Cache-Control, Content-Type, Last-Event-ID')
    res.setHeader('access-control-max-age', '7200')
  }
}

/** Without it a page cannot see where its stream begins. */
const exposedHeaders = 'Mercure-Last-Event-ID, Last-Event-ID, Link, ETag, WWW-Authenticate, Retry-After'

function assertOrigin(text: string): void {
  if (text === '*') return
  const origin = URL.canParse(text) ? new URL(text).origin : 'null'
  if (text === origin && origin !== 'null' && !text.includes('*')) return
  let advice = 'An origin looks like https://example.com; * means all.'
  if (text.includes('*')) advice = 'Name each origin: there are no patterns, only * for all.'
  else if (origin !== 'null') advice = `Did you mean ${origin}?`
  throw new HubError('INVALID_OPTION', `${JSON.stringify(text)} is no origin. ${advice}`)
}
