/** A URL, split into the components that URL patterns match. */
export interface UrlParts {
  readonly protocol: string
  readonly username: string
  readonly password: string
  readonly hostname: string
  readonly port: string
  readonly pathname: string
  readonly search: string
  readonly hash: string
}

/**
 * A topic for matchers. The forms for comparing it with a URL pattern or a template are computed
 * once, when the first matcher needs them: make one object per topic of an event, not one per
 * matcher.
 *
 * The text is well-formed Unicode; the hub accepts no other.
 */
export class Topic {
  readonly text: string
  #base: string | undefined
  #url: UrlParts | undefined
  #symbols: string | undefined

  constructor(text: string) {
    this.text = text
  }

  /** The topic as a URL relative to a base URL (the hub's); `undefined` if it is not a URL. */
  relativeTo(base: string): UrlParts | undefined {
    if (this.#base !== base) {
      this.#base = base
      this.#url = partsOf(URL.parse(this.text, base))
    }
    return this.#url
  }

  /** The text with each percent-triplet as one code unit. See {@link toSymbols}. */
  get symbols(): string {
    this.#symbols ??= toSymbols(this.text)
    return this.#symbols
  }
}

/** The topics of an event, for matchers. */
export function toTopics(texts: readonly string[]): readonly Topic[] {
  return texts.map((text) => new Topic(text))
}

/**
 * Replaces each percent-triplet with one code unit, for matchers to which `%2F` is one character of
 * a value, not three. The code units are lone low surrogates, which well-formed text does not
 * contain: 1024 of them, just enough for 256 octets with both cases of each digit.
 * {@link octetSymbols} maps octets to them.
 */
export function toSymbols(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9A-Fa-f])([0-9A-Fa-f])/g, (_, first: string, second: string) =>
    String.fromCharCode(
      firstSymbol + (isLower(first) ? 512 : 0) + (isLower(second) ? 256 : 0) + Number.parseInt(first + second, 16),
    ),
  )
}

/** The ranges of code units for the octets from one to another. */
export function octetSymbols(from: number, to: number): readonly (readonly [number, number])[] {
  return [0, 256, 512, 768].map((offset) => [firstSymbol + offset + from, firstSymbol + offset + to])
}

const firstSymbol = 0xdc00

function isLower(digit: string): boolean {
  return digit >= 'a'
}

function partsOf(url: URL | null): UrlParts | undefined {
  return url
    ? {
        protocol: url.protocol.slice(0, -1),
        username: url.username,
        password: url.password,
        hostname: url.hostname,
        port: url.port,
        pathname: url.pathname,
        search: url.search.slice(1),
        hash: url.hash.slice(1),
      }
    : undefined
}
