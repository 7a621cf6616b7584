import { hubPath } from '../base/hub-path.ts'

/**
 * Whether a topic is in the hub's own namespace (of its subscription events, for example): whether,
 * resolved against the hub's URL, it is the hub's path or one below it, on any host and with any
 * scheme. A topic that is not a URL reference is not reserved.
 */
export function isReservedTopic(topic: string): boolean {
  if (plainlyElsewhere.test(topic)) return false
  return bases.some((base) => {
    if (!URL.canParse(topic, base)) return false
    const path = decodeUnreserved(new URL(topic, base).pathname)
    return path === hubPath || path.startsWith(`${hubPath}/`)
  })
}

/**
 * Nearly every topic: one that begins with a path, a host or a word, and in which nothing decodes
 * to, or contains, the last part of the hub's path. Resolving it would take longer than all other
 * checks of an event.
 */
const plainlyElsewhere = /^(?!https?:(?!\/\/))(?!.*mercure)(?:\/|[a-z0-9])[^%\\\t\n\r]*$/is

/**
 * The host does not matter. The scheme does: `http:mercure` is relative to an `http` base and a
 * host to an `https` one.
 */
const bases = [`https://hub.invalid${hubPath}`, `http://hub.invalid${hubPath}`]

/**
 * Decodes percent-triplets of the characters that never need one (RFC 3986, 2.3): `%6Dercure` is
 * `mercure`.
 */
function decodeUnreserved(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : triplet
  })
}
