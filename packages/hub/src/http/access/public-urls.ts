import { HubError } from '../../base/errors.ts'
import type { Addressed } from './client-address.ts'

/** By which URLs the hub is known to its clients: requests for any other did not mean it, or came by a trick. */
export class PublicUrls {
  readonly #urls: readonly URL[]

  /** @throws HubError `INVALID_OPTION` for anything but URLs of HTTP; of these the origin counts. */
  constructor(urls: readonly string[]) {
    this.#urls = urls.map(parsePublicUrl)
  }

  /** Throws `HOST_NOT_ALLOWED` unless a request is for one of them; without any, all are. `scheme` is that of a trusted proxy, if it says. */
  assertKnown(request: Addressed, scheme: string | undefined): void {
    if (this.#urls.length === 0) return
    const host = request.header('host') ?? ''
    const isMeant = ({ protocol, host: own }: URL) =>
      (scheme === undefined || `${scheme}:` === protocol) && hostIn(protocol, host) === own
    if (this.#urls.some(isMeant)) return
    throw new HubError('HOST_NOT_ALLOWED', `This hub is not known as ${JSON.stringify(host)}. Use its public URL.`)
  }
}

/** Reads one of the hub's URLs. Throws `INVALID_OPTION`. */
export function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  throw new HubError(
    'INVALID_OPTION',
    `${JSON.stringify(text)} is no public URL of a hub. One looks like https://hub.example.com.`,
  )
}

/** A `Host` as it is written in URLs of a scheme: without the port, where that is the usual one. `undefined` for what is no host. */
function hostIn(protocol: string, host: string): string | undefined {
  const text = `${protocol}//${host}`
  return /[/?#@\\\s]/.test(host) || !URL.canParse(text) ? undefined : new URL(text).host
}
