import { HubError } from '../base/errors.ts'
import { canonicalOrigin } from '../base/origin.ts'

/**
 * The origins whose pages may publish by cookie. A browser sends the cookie from any page, so the
 * operator has to list the pages to trust.
 */
export class PublishOrigins {
  readonly #patterns: readonly RegExp[]

  /**
   * Accepts origins (`https://example.com`), all subdomains of an origin (`https://*.example.com`;
   * not the domain itself), and `*`.
   *
   * @throws HubError `INVALID_OPTION`
   */
  constructor(origins: readonly string[]) {
    this.#patterns = origins.map((origin, index) => parseOrigin(origin, `publishOrigins[${index}]`))
  }

  /**
   * Whether the page that made a request may publish, by its `Origin` header, else its `Referer`.
   * Without either it may not.
   */
  allow(origin: string | undefined, referer: string | undefined): boolean {
    const from = origin === undefined ? originOf(referer) : canonicalOrigin(origin)
    return from !== undefined && this.#patterns.some((pattern) => pattern.test(from))
  }
}

function originOf(referer: string | undefined): string | undefined {
  return referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : undefined
}

function parseOrigin(text: string, name: string): RegExp {
  if (text === '*') return /^/
  // Replaces `*` with some label to check whether the rest is an origin.
  const example = text.replace('://*.', '://label.')
  const { origin } = URL.canParse(example) ? new URL(example) : { origin: 'null' }
  if (origin === 'null' || origin.includes('*') || origin !== example.toLowerCase()) {
    const advice =
      origin === 'null' || origin.includes('*') ? '' : ` Did you mean ${origin.replace('://label.', '://*.')}?`
    throw new HubError(
      'INVALID_OPTION',
      `${name}: ${JSON.stringify(text)} is not an origin.${advice} Write https://example.com, https://*.example.com for all its subdomains, or * (--publish-origins).`,
    )
  }
  const literal = origin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${example === text ? literal : literal.replace('://label\\.', '://(?:[a-z0-9_-]+\\.)+')}$`)
}
