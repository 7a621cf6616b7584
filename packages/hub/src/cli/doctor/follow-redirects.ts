import { headerOf } from './exchange.ts'
import { type ExchangeRequest, type LiveExchange, openExchange } from './open-exchange.ts'

/** One step of the way from the URL that was asked to the one that answers. */
export interface Redirect {
  readonly status: number
  readonly from: URL
  /** `undefined` if the server named none that is one. */
  readonly to: URL | undefined
  /** Headers that are left out from here on, because the other origin is not who they were for. */
  readonly lostHeaders: readonly string[]
  /** POST became GET, without its body. */
  readonly isMethodLost: boolean
}

/** An exchange and the redirects before it. */
export interface FollowedExchange {
  readonly live: LiveExchange
  /** The last request: what was sent to where it ended. */
  readonly request: ExchangeRequest
  readonly redirects: readonly Redirect[]
}

const maxRedirects = 10

/**
 * Sends a request and follows redirects as browsers do. Resolves when a response has begun that is no
 * redirect, or when the time is over.
 */
export async function followRedirects(first: ExchangeRequest, timeoutMs: number): Promise<FollowedExchange> {
  const redirects: Redirect[] = []
  const until = performance.now() + timeoutMs
  let request = first
  for (;;) {
    const live = openExchange(request)
    await live.until(({ status }) => status !== undefined, until - performance.now())
    const { status = 0 } = live.facts
    const location = headerOf(live.facts, 'location')
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined || redirects.length === maxRedirects) {
      return { live, request, redirects }
    }
    live.close()
    const to = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined
    const step = stepTo(to, status, request)
    redirects.push(step)
    if (!to || !/^https?:$/.test(to.protocol)) return { live, request, redirects }
    const headers = Object.entries(request.headers).filter(([name]) => !step.lostHeaders.includes(name))
    const { body, method, ...rest } = request
    const kept = step.isMethodLost ? { method: 'GET' } : { method, body }
    request = { ...rest, ...kept, url: to, headers: Object.fromEntries(headers) }
  }
}

function stepTo(to: URL | undefined, status: number, { url, method, headers }: ExchangeRequest): Redirect {
  const isMethodLost = (status === 303 && method !== 'GET') || (status <= 302 && method === 'POST')
  const isElsewhere = to !== undefined && to.origin !== url.origin
  const isLost = (name: string) =>
    (isElsewhere && (name === 'host' || isCredential.test(name))) || (isMethodLost && name === 'content-type')
  return { status, from: url, to, isMethodLost, lostHeaders: Object.keys(headers).filter(isLost) }
}

/** Browsers send keys of one's own naming on to the other origin. The doctor does not: nobody asked it to trust that one. */
const isCredential = /authorization|cookie|token|key|secret|password/i
