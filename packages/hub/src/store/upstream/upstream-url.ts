import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'

/**
 * Reads the URL of a hub upstream: an origin, for a hub at the path that hubs have by default, or an
 * origin and a path. The URL returned has the path of the hub.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function parseUpstreamUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // A URL that is not well-formed may contain a password as well.
  const shown = text.includes('@') ? 'The URL of the hub upstream' : JSON.stringify(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new HubError('INVALID_OPTION', `${shown} is not an http or https URL. Write it like https://hub.example.com.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new HubError('INVALID_OPTION', `${shown} must not contain a user and password. Pass a token instead.`)
  }
  if (url.search !== '' || url.hash !== '') {
    throw new HubError('INVALID_OPTION', `${shown} has a query or a fragment. Write ${url.origin}${url.pathname}`)
  }
  url.pathname = url.pathname === '/' ? hubPath : url.pathname.replace(/\/$/, '')
  return url
}

/** The URL of a hub upstream for messages: without the path that hubs have by default. */
export function shownUrl({ origin, pathname, href }: URL): string {
  return pathname === hubPath ? origin : href
}
