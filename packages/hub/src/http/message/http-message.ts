import type { ContentCoding, Session } from '@headwater/sse/server'

/** A request as the routes see it, whichever transport it came through. */
export interface HubRequest {
  readonly method: string
  /** Path and query as sent; a whole URL if a proxy sent one. */
  readonly url: string
  /** Names and values in turn, as sent. They show what `header` hides. */
  readonly rawHeaders: readonly string[]
  /**
   * The version of HTTP by which the client speaks with the hub, 1 or 2. Default: the transport
   * does not know.
   */
  readonly httpVersion?: number | undefined
  /**
   * The host that the request names beside its `Host`: the `:authority` of HTTP/2, or the host in
   * a whole URL. Default: none.
   */
  readonly authority?: string | undefined
  /**
   * Bytes as they arrive. Fails if the client stops before the end. The transport drops what is not
   * read.
   */
  readonly body: AsyncIterable<Uint8Array>
  /** The whole body, if it arrived in one piece with the request. */
  readonly wholeBody?: Buffer | undefined
  /**
   * The same object for all requests of a connection with the same head, byte for byte, so that
   * results for a head can be cached. Default: the transport does not detect this.
   */
  readonly head?: object | undefined
  /** The client's address; `undefined` if the runtime does not report it. */
  readonly remoteAddress: string | undefined
  /**
   * Returns a header by its name in lower case, with several values joined by commas. Does not use
   * `this`.
   */
  readonly header: (name: string) => string | undefined
  /**
   * Aborts with a `HubError` when the client leaves before it is answered. Created on the first
   * call. Does not use `this`.
   */
  readonly clientSignal: () => AbortSignal
}

/** Names and values. A header whose value is `undefined` is not sent. */
export type HubResponseHeaders = Readonly<Record<string, string | undefined>>

/** The response of a route: a body or an event stream. */
export type HubResponse = BodyResponse | EventStreamResponse

export interface BodyResponse {
  readonly status: number
  readonly headers: HubResponseHeaders
  /** The whole body, or pieces that are created when there is room for them. `''` for none. */
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
  /** Called if the stream does not begin because the client is gone. */
  abandon(): void
  /** The content coding of the stream. `undefined`: none. */
  readonly contentCoding: ContentCoding | undefined
  /** The last event ID that the client sent; `''` for none. */
  readonly lastEventId: string
  /** When the stream ends at the latest, in milliseconds since 1970. `undefined`: never. */
  readonly expiresAt: number | undefined
}

/** Creates headers that are the same for many responses: created, merged and encoded only once. */
export function constantHeaders(headers: HubResponseHeaders): HubResponseHeaders {
  return Object.freeze({ ...noSniff, ...headers })
}

/** Sent with every response of the hub. */
export const noSniff: HubResponseHeaders = Object.freeze({ 'x-content-type-options': 'nosniff' })

/** The path of a request's URL as sent: still percent-encoded. */
export function pathOf({ url }: Pick<HubRequest, 'url'>): string {
  const query = url.indexOf('?')
  const target = query < 0 ? url : url.slice(0, query)
  // [RFC 9112, 3.2.2] A proxy may send the whole URL.
  return target.startsWith('/') || !URL.canParse(target) ? target : new URL(target).pathname
}
