import { HubError } from '../base/errors.ts'

/**
 * [URL Pattern 3.1, encoding callbacks] Converts fixed text of a URL pattern to the form of the
 * components of a parsed URL, so that the two compare equal: lower case and punycode in hosts,
 * percent-encoding in paths, and so on. Uses the URL parser. The text is never empty. All functions
 * except username, password, search and hash throw a `HubError` `INVALID_MATCHER` for text that no
 * URL has in that component.
 */
export function canonicalProtocol(text: string): string {
  const protocol = URL.parse(`${text}://dummy.invalid/`)?.protocol.slice(0, -1)
  // The parser would also accept a protocol with a space before it or a colon in it.
  return protocol === text.toLowerCase() ? protocol : refuse('protocol', text)
}

export function canonicalUsername(text: string): string {
  const url = dummyUrl()
  url.username = text
  return url.username
}

export function canonicalPassword(text: string): string {
  const url = dummyUrl()
  url.password = text
  return url.password
}

export function canonicalHostname(text: string): string {
  const url = dummyUrl()
  const before = url.hostname
  url.hostname = text
  // The setter ignores a value that it cannot parse.
  if (url.hostname === before && text.toLowerCase() !== before) refuse('hostname', text)
  return url.hostname
}

/** [canonicalize an IPv6 hostname] */
export function canonicalIpv6Hostname(text: string): string {
  return /^[0-9a-f[\]:]*$/i.test(text) ? text.toLowerCase() : refuse('hostname', text)
}

export function canonicalPort(text: string): string {
  // A scheme without a default port, because a default port would be dropped.
  const url = new URL('dummy://dummy.invalid/')
  url.port = text
  return url.port === '' ? refuse('port', text) : url.port
}

export function canonicalPathname(text: string): string {
  if (isPlain(text)) return text
  const url = dummyUrl()
  // [canonicalize a pathname] The parser would add a missing leading slash, and treat a leading dot
  // as a segment.
  const lead = text.startsWith('/') ? '' : '/-'
  url.pathname = lead + text
  // A `..` in the text may have removed that prefix, and with it the preceding part of the pattern.
  return url.pathname.length < lead.length ? refuse('pathname', text) : url.pathname.slice(lead.length)
}

/** [canonicalize an opaque pathname] */
export function canonicalOpaquePathname(text: string): string {
  return encodeNonAscii(text.replace(/[\t\n\r]|[?#].*/gs, ''))
}

export function canonicalSearch(text: string): string {
  if (isPlain(text)) return text
  const url = dummyUrl()
  url.search = `?${text}`
  return url.search.slice(1)
}

export function canonicalHash(text: string): string {
  if (isPlain(text)) return text
  const url = dummyUrl()
  url.hash = `#${text}`
  return url.hash.slice(1)
}

/**
 * Whether the text is unchanged in any path, search or hash. Nearly all text is, and a pattern may
 * have a thousand pieces.
 */
function isPlain(text: string): boolean {
  return /^[\w~!$&()*+,;=:@/-]*$/.test(text)
}

function dummyUrl(): URL {
  return new URL('https://dummy.invalid/')
}

/** [URL, C0 control percent-encode set] */
function encodeNonAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, (run) => encodeURIComponent(run))
}

function refuse(component: string, text: string): never {
  throw new HubError(
    'INVALID_MATCHER',
    `The URL pattern's ${component} has ${JSON.stringify(text)}, which no URL has there. A pattern is protocol://hostname:port/pathname?search#hash, or the part that differs from the hub's URL.`,
  )
}
