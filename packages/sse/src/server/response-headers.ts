import { SseError } from '../protocol/index.ts'
import type { ResponseHeaders, SessionSettings } from './session-options.ts'

/** The headers of an event stream: ours, where the application has none of that name, and the application's. */
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
      // nginx and what is modelled on it gather a response unless told not to.
      ['X-Accel-Buffering', 'no'],
    ],
    custom,
  )
}

/** The headers of the 204 that ends a client for good: CORS and the like must be right there too. */
export function noContentHeaders(custom: ResponseHeaders): [name: string, value: string][] {
  return merge(
    [noCache],
    readHeaders(custom).filter(([name]) => name.toLowerCase() !== 'content-type'),
  )
}

/** no-transform keeps proxies and middleware from compressing the stream, and from holding it back to do so. */
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
      `headers sets ${name}, which the connection decides (HTTP/2 has none of it). Leave it out.`,
    )
  }
  if (name.toLowerCase() === 'content-type' && !/^text\/event-stream\s*(;|$)/i.test(value)) {
    throw new SseError('INVALID_OPTION', `headers sets ${name}: ${value}. An EventSource takes text/event-stream only.`)
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
