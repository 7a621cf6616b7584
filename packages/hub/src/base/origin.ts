/**
 * Returns a `Host` as URLs of a scheme (`https:`) write it: in lower case, addresses in their one
 * form, without the scheme's default port, and without the dot at the end of a complete name.
 * `undefined` if it is not a host.
 */
export function hostIn(protocol: string, host: string): string | undefined {
  const text = `${protocol}//${host}`
  if (known.has(text)) return known.get(text)
  if (known.size === mostKnown) known.clear()
  const canonical = canonicalHost(text, host)
  known.set(text, canonical)
  return canonical
}

/** Nearly all requests name one of few hosts, and parsing a URL takes as long as several checks of an event. */
const known = new Map<string, string | undefined>()
const mostKnown = 100

function canonicalHost(text: string, host: string): string | undefined {
  if (host === '' || /[/?#@\\\s]/.test(host) || !URL.canParse(text)) return undefined
  // [RFC 3986, 3.2.2] With or without the dot, it is the same name.
  return new URL(text).host.replace(/\.(?=:\d+$|$)/, '')
}

/** Returns an `Origin` as browsers write it; `null` for what is not an origin. */
export function canonicalOrigin(text: string): string {
  return URL.canParse(text) ? new URL(text).origin : 'null'
}

/** Whether a page of an origin came from this `Host`, whichever scheme a proxy took away. */
export function isOriginOf(origin: string, host: string | undefined): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (!url || host === undefined) return false
  const own = hostIn(url.protocol, host)
  return own !== undefined && own === hostIn(url.protocol, url.host)
}
