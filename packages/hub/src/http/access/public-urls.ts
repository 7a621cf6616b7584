import { HubError } from '../../base/errors.ts'
import { hostIn } from '../../base/origin.ts'
import type { Addressed } from './client-address.ts'

/**
 * The URLs by which clients know the hub. Requests for any other were not meant for it, or are part
 * of an attack.
 */
export class PublicUrls {
  readonly #urls: readonly URL[]

  /** @throws HubError `INVALID_OPTION` for anything but HTTP URLs. Only their origin counts. */
  constructor(urls: readonly string[]) {
    this.#urls = urls.map(parsePublicUrl)
  }

  /**
   * Throws `HOST_NOT_ALLOWED` unless a request is for one of the URLs. If there are none, all hosts
   * are allowed. `scheme` is the one that a trusted proxy names, if any.
   */
  assertKnown(request: Addressed, scheme: string | undefined): void {
    if (this.#urls.length === 0) return
    const host = request.header('host') ?? ''
    const isMeant = ({ protocol, host: own }: URL) =>
      (scheme === undefined || `${scheme}:` === protocol) && hostIn(protocol, host) === hostIn(protocol, own)
    if (this.#urls.some(isMeant)) return
    const own = hostIn('http:', host)
    const advice =
      own === undefined
        ? ''
        : ` If this is a program of the hub's operator, such as a back end on the same machine, add http://${own} to the hub's --public-urls (publicUrls).`
    throw new HubError(
      'HOST_NOT_ALLOWED',
      `This hub is not known as ${JSON.stringify(host)}. Use its public URL.${advice}`,
    )
  }
}

/** Parses one of the hub's URLs. Throws `INVALID_OPTION`. */
export function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  throw new HubError(
    'INVALID_OPTION',
    `${JSON.stringify(text)} is not a public URL of a hub. Write it like https://hub.example.com.`,
  )
}
