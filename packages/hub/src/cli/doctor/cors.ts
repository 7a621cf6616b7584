import type { Target } from './target.ts'

/** Headers of the request for which a browser asks first ([Fetch] "CORS-unsafe request-header names"). */
export function unsafeHeadersOf({ headers }: Pick<Target, 'headers'>): string[] {
  const isSimpleType = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i.test(
    headers['content-type'] ?? '',
  )
  return Object.keys(headers)
    .filter((name) => !neverAsked.has(name) && !(name === 'content-type' && isSimpleType))
    .sort()
}

/** Whether a page of another origin can send this request only after asking. */
export function needsPreflight({ method, headers }: Pick<Target, 'method' | 'headers'>): boolean {
  return !['GET', 'HEAD', 'POST'].includes(method) || unsafeHeadersOf({ headers }).length > 0
}

/** Safelisted, or sent by the browser itself. */
const neverAsked = new Set([
  ...['accept', 'accept-language', 'content-language', 'accept-encoding', 'cache-control', 'user-agent'],
  ...['cookie', 'origin', 'host', 'referer', 'last-event-id', 'connection', 'content-length'],
])
