import { SseError } from '../protocol/index.ts'
import type { ResponseHeaders } from './session-options.ts'

/** The headers of an event stream: ours, then the application's, which win. Names are in lowercase. */
export function eventStreamHeaders(custom: ResponseHeaders): Map<string, string | string[]> {
  const headers = new Map<string, string | string[]>([
    ['content-type', 'text/event-stream'],
    // no-transform keeps proxies and middleware from compressing the stream, and from holding it back to do so.
    ['cache-control', 'no-cache, no-transform'],
    // nginx and what is modelled on it gather a response unless told not to.
    ['x-accel-buffering', 'no'],
  ])
  for (const [name, value] of customHeaders(custom)) headers.set(name, value)
  return headers
}

/** The headers of the 204 that ends a client for good: CORS and the like must be right there too. */
export function noContentHeaders(custom: ResponseHeaders): Map<string, string | string[]> {
  const headers = new Map<string, string | string[]>([['cache-control', 'no-cache, no-transform']])
  for (const [name, value] of customHeaders(custom)) if (name !== 'content-type') headers.set(name, value)
  return headers
}

function* customHeaders(custom: ResponseHeaders): Generator<[string, string | string[]]> {
  const entries: Iterable<[string, unknown]> = custom instanceof Headers ? custom : Object.entries(custom)
  for (const [givenName, value] of entries) {
    const name = givenName.toLowerCase()
    if (value === undefined) continue
    if (refusedNames.has(name)) {
      throw new SseError(
        'INVALID_OPTION',
        `headers sets ${givenName}, which the connection decides (HTTP/2 has none of it). Leave it out.`,
      )
    }
    if (name === 'content-type' && !/^text\/event-stream\s*(;|$)/i.test(String(value))) {
      throw new SseError(
        'INVALID_OPTION',
        `headers sets ${givenName}: ${value}. An EventSource takes text/event-stream only.`,
      )
    }
    yield [name, Array.isArray(value) ? value.map(String) : String(value)]
  }
}

const refusedNames: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])
