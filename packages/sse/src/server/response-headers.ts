import { SseError } from '../protocol/index.ts'
import type { ResponseHeaders, SessionSettings } from './session-options.ts'

/**
 * The headers of an event stream: the application's, and ours unless the application sets the same
 * name.
 */
export function eventStreamHeaders({
  headers,
  contentCoding,
}: Pick<SessionSettings, 'headers' | 'contentCoding'>): [name: string, value: string][] {
  const custom = readHeaders(headers)
  if (contentCoding) custom.push(['Content-Encoding', contentCoding.name])
  return merge(
    [
      ['Content-Type', 'text/event-stream'],
      noCache,
      // nginx and similar proxies buffer a response unless this header tells them not to.
      ['X-Accel-Buffering', 'no'],
    ],
    custom,
  )
}

/**
 * The headers of the 204 that ends a client's reconnecting: CORS and similar headers must be
 * correct there, too.
 */
export function noContentHeaders(custom: ResponseHeaders): [name: string, value: string][] {
  return merge(
    [noCache],
    readHeaders(custom).filter(([name]) => name.toLowerCase() !== 'content-type'),
  )
}

/**
 * no-transform keeps proxies and middleware from compressing the stream, and from delaying it to do
 * so.
 */
const noCache: [string, string] = ['Cache-Control', 'no-cache, no-transform']

function merge(ours: [string, string][], custom: [string, string][]): [string, string][] {
  const names = new Set(custom.map(([name]) => name.toLowerCase()))
  return [...ours.filter(([name]) => !names.has(name.toLowerCase())), ...custom]
}

function readHeaders(custom: ResponseHeaders): [string, string][] {
  const entries: Iterable<[string, unknown]> = custom instanceof Headers ? custom : Object.entries(custom)
  const headers: [string, string][] = []
  for (const [name, value] of entries) {
    if (value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) {
      const text = String(each)
      check(name, text)
      headers.push([name, text])
    }
  }
  return headers
}

function check(name: string, value: string): void {
  if (refusedNames.has(name.toLowerCase())) {
    throw new SseError(
      'INVALID_OPTION',
      `headers sets ${name}, which belongs to the connection (HTTP/2 does not have it). Remove it.`,
    )
  }
  if (name.toLowerCase() === 'content-type' && !/^text\/event-stream\s*(;|$)/i.test(value)) {
    throw new SseError(
      'INVALID_OPTION',
      `headers sets ${name}: ${value}. An EventSource accepts only text/event-stream.`,
    )
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
