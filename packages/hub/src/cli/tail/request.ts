import { readFileSync } from 'node:fs'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'
import { parseUrl } from '../options/hub-option.ts'

/** What `tail` subscribes to. */
export interface TailTarget {
  readonly url: URL
  /** Whether that is a hub, which knows topics, `earliest` and `-N`. */
  readonly isHub: boolean
  /** What it is called in messages: without a query, which may contain a token. */
  readonly place: string
}

export interface TailSelection {
  readonly topic: readonly string[]
  readonly match: readonly string[]
}

/**
 * The stream at a URL. One without a path is that of a hub, one that ends in the usual path too, and so
 * is any for which a topic is chosen. Every other URL is left as it is.
 */
export function targetAt(given: URL, { topic, match }: TailSelection): TailTarget {
  const url = new URL(given)
  // `http://host/?` is the stream at the root of a server.
  if (url.pathname === '/' && !url.href.includes('?')) url.pathname = hubPath
  const isHub = url.pathname.endsWith(hubPath) || topic.length + match.length > 0
  if (isHub && ![...url.searchParams.keys()].some((name) => /^(match|topic)/.test(name))) {
    for (const each of topic.length + match.length > 0 ? topic : ['*']) url.searchParams.append('match', each)
    for (const each of match) url.searchParams.append('match_urlpattern', each)
  }
  const names = [...topic, ...match]
  const chosen = names.length > 0 ? `, ${names.length === 1 ? 'topic' : 'topics'} ${names.join(', ')}` : ''
  return { url, isHub, place: `${url.origin}${url.pathname === hubPath ? '' : url.pathname}${chosen}` }
}

export function parseTailUrl(text: string): URL {
  return parseUrl(text, 'the URL', "a server knows its clients by --token or -H 'name: value'")
}

/** Parses a header as `curl -H` takes it. Errors do not show the value, which may be secret. */
export function parseHeader(text: string, before: readonly (readonly [string, string])[]) {
  const { name, value } = /^(?<name>[^\s:]+):\s*(?<value>.*)$/s.exec(text)?.groups ?? {}
  if (name === undefined || value === undefined) {
    throw new HubError('INVALID_OPTION', "-H needs a name and a value. Write it as -H 'name: value'.")
  }
  try {
    new Headers([[name, value]])
  } catch (cause) {
    throw new HubError('INVALID_OPTION', `-H ${name}: this is not a header that can be sent.`, { cause })
  }
  return [...before, [name, value] as const]
}

/** The body of `-d`: the text itself, or with `@FILE` what the file contains; `@-` is standard input. */
export function readBody(text: string): string {
  if (!text.startsWith('@')) return text
  const path = text.slice(1)
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (cause) {
    throw new HubError('INVALID_OPTION', `-d: ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** The content type of a body that has none among its headers. */
export function contentTypeOf(body: string): string {
  return /^\s*[[{]/.test(body) ? 'application/json' : 'application/x-www-form-urlencoded'
}
