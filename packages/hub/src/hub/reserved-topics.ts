import { hubPath } from '../base/hub-path.ts'

/** The topics that only the hub itself may publish to. */
export class ReservedTopics {
  readonly #paths: readonly string[]
  readonly #plainlyElsewhere: RegExp

  /** `path` is that of the hub. The usual one is reserved in any case. */
  constructor(path: string) {
    this.#paths = [...new Set([hubPath, path])]
    this.#plainlyElsewhere = plainlyElsewhere(this.#paths)
  }

  /**
   * Whether a topic is in the hub's own namespace (of its subscription events, for example):
   * whether, resolved against the hub's URL, it is the hub's path or one below it, on any host and
   * with any scheme. A topic that is not a URL reference is not reserved.
   */
  has(topic: string): boolean {
    if (this.#plainlyElsewhere.test(topic)) return false
    return this.#paths.some((path) => bases(path).some((base) => resolvesTo(path, topic, base)))
  }
}

/**
 * Nearly every topic: one that begins with a path, a host or a word, and in which nothing decodes
 * to, or contains, the last part of a path. Resolving it would take longer than all other checks of
 * an event.
 */
function plainlyElsewhere(paths: readonly string[]): RegExp {
  const names = paths.map((path) => path.slice(path.lastIndexOf('/') + 1).replaceAll('.', '\\.'))
  return new RegExp(`^(?!https?:(?!//))(?!.*(?:${names.join('|')}))(?:/|[a-z0-9])[^%\\\\\\t\\n\\r]*$`, 'is')
}

/**
 * The host does not matter. The scheme does: `http:mercure` is relative to an `http` base and a
 * host to an `https` one.
 */
function bases(path: string): readonly string[] {
  return [`https://hub.invalid${path}`, `http://hub.invalid${path}`]
}

function resolvesTo(path: string, topic: string, base: string): boolean {
  if (!URL.canParse(topic, base)) return false
  const resolved = decodeUnreserved(new URL(topic, base).pathname)
  return resolved === path || resolved.startsWith(`${path}/`)
}

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
