import type { ContentCoding, Session } from '@headwater/sse/server'

/** A request, whether it came through Node or through Fetch: all that the routes see of it. */
export interface HubRequest {
  readonly method: string
  /** Path and query as they were sent; a whole URL where a proxy sent one. */
  readonly url: string
  /** Names and values in turn, as they were sent: what `header` hides. */
  readonly rawHeaders: readonly string[]
  /** Bytes as they come. Ends by an error when the client stops before the end. What is not read is dropped. */
  readonly body: AsyncIterable<Uint8Array>
  /** The same, where it came whole with the request. */
  readonly wholeBody?: Buffer | undefined
  /** Where the client is; `undefined` where the runtime does not say. */
  readonly remoteAddress: string | undefined
  /** A header by its name in lower case; the values of several joined by a comma. */
  header(name: string): string | undefined
}

export type HubResponseHeaders = Readonly<Record<string, string | undefined>>

/** What a route has to say to a request. */
export interface HubResponse {
  /** Default 200. */
  readonly status?: number
  readonly headers?: HubResponseHeaders
  /** Whole, or in pieces that are made when there is room for them. */
  readonly body?: string | Uint8Array | AsyncIterable<string>
  /** In place of a body: makes the answer an event stream, and fills it. */
  readonly eventStream?: (session: Session) => void
  /** How the event stream is coded. Default: not at all. */
  readonly contentCoding?: ContentCoding | undefined
  /** Called if there is nobody to have the event stream, and it does not begin. */
  readonly abandoned?: () => void
  /** When the event stream is to end at the latest, in milliseconds since 1970. */
  readonly expiresAt?: number | undefined
}

/** An answer that is all there, as text. */
export interface TextResponse extends HubResponse {
  readonly body: string
}

/** The path of a request's URL, as it was sent: still percent-encoded. */
export function pathOf({ url }: Pick<HubRequest, 'url'>): string {
  const query = url.indexOf('?')
  const target = query < 0 ? url : url.slice(0, query)
  // [RFC 9112, 3.2.2] A proxy may send the whole URL.
  return target.startsWith('/') || !URL.canParse(target) ? target : new URL(target).pathname
}
