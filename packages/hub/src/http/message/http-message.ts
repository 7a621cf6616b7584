import type { ContentCoding, Session } from '@headwater/sse/server'

/** A request, whichever transport it came through: all that the routes see of it. */
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
  /**
   * The same object for requests of a connection with the same head, byte for byte: what follows from a head can be remembered for it.
   * Default: the transport does not notice.
   */
  readonly head?: object | undefined
  /** Where the client is; `undefined` where the runtime does not say. */
  readonly remoteAddress: string | undefined
  /** A header by its name in lower case; the values of several joined by a comma. Needs no `this`. */
  readonly header: (name: string) => string | undefined
  /** Aborts, with a `HubError`, when the client leaves before it is answered. Made when it is first asked for. Needs no `this`. */
  readonly clientSignal: () => AbortSignal
}

/** Names and values. A header whose value is `undefined` is not sent. */
export type HubResponseHeaders = Readonly<Record<string, string | undefined>>

/** What a route answers: a body or an event stream. */
export type HubResponse = BodyResponse | EventStreamResponse

export interface BodyResponse {
  readonly status: number
  readonly headers: HubResponseHeaders
  /** Whole, or in pieces that are made when there is room for them. `''` for none. */
  readonly body: string | Uint8Array | AsyncIterable<string>
  readonly eventStream?: undefined
}

/** A response with its whole body as text. */
export interface TextResponse extends BodyResponse {
  readonly body: string
}

export interface EventStreamResponse {
  readonly status: 200
  readonly headers: HubResponseHeaders
  readonly eventStream: EventStream
}

/** The event stream of a response, before there is a session to send it. */
export interface EventStream {
  /** Sends the events through the session that the transport opened. */
  deliverTo(session: Session): void
  /** The stream does not begin: the client is gone. */
  abandon(): void
  /** How the stream is coded. `undefined`: not at all. */
  readonly contentCoding: ContentCoding | undefined
  /** When the stream ends at the latest, in milliseconds since 1970. `undefined`: never. */
  readonly expiresAt: number | undefined
}

/** Headers that are the same for many responses: made once, and merged and encoded once. */
export function constantHeaders(headers: HubResponseHeaders): HubResponseHeaders {
  return Object.freeze({ ...noSniff, ...headers })
}

/** On every response of the hub. */
export const noSniff: HubResponseHeaders = Object.freeze({ 'x-content-type-options': 'nosniff' })

/** The path of a request's URL, as it was sent: still percent-encoded. */
export function pathOf({ url }: Pick<HubRequest, 'url'>): string {
  const query = url.indexOf('?')
  const target = query < 0 ? url : url.slice(0, query)
  // [RFC 9112, 3.2.2] A proxy may send the whole URL.
  return target.startsWith('/') || !URL.canParse(target) ? target : new URL(target).pathname
}
