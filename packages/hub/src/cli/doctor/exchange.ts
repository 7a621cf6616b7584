import type { IncomingHttpHeaders } from 'node:http'

/** What is known of one request and its response: raw facts, with times in milliseconds since it began. */
export interface Exchange {
  readonly url: URL
  readonly method: string
  readonly requestHeaders: Readonly<Record<string, string>>
  /** The version that the response came by; `undefined` without a response. */
  httpVersion: '1.0' | '1.1' | '2' | undefined
  /** When the whole head of the response had arrived. */
  headersMs: number | undefined
  status: number | undefined
  headers: IncomingHttpHeaders
  /** Each piece of the body as it came from the socket, before any decoding. */
  readonly arrivals: Arrival[]
  /** Comments, events and positions of the body, if it is an event stream. */
  readonly blocks: Block[]
  /** What a client ignores in the stream, or takes for something else. */
  readonly oddities: Oddity[]
  /** The last `retry:` of the stream, in milliseconds. */
  retryMs: number | undefined
  /** The body as text, its first 64 Ki characters. */
  text: string
  /** `undefined` while it is open. */
  end: ExchangeEnd | undefined
}

export interface Arrival {
  readonly atMs: number
  readonly bytes: number
  /** How many blocks became complete with it. */
  readonly blocks: number
  /** It ended in the middle of an event. */
  readonly isInsideEvent: boolean
}

/** One thing that a stream says. */
export interface Block {
  readonly atMs: number
  readonly kind: 'event' | 'comment' | 'position'
  readonly type: string | undefined
  /** The data of an event, or the text of a comment. */
  readonly data: string
  /** Only if this block sets one. */
  readonly id: string | undefined
}

export interface Oddity {
  readonly kind: 'bom-twice' | 'bom-inside' | 'not-utf-8' | 'unknown-field' | 'invalid-retry' | 'invalid-id' | 'coding'
  readonly detail: string
}

export interface ExchangeEnd {
  /**
   * `finished`: a complete response. `broken`: the connection went away inside the response.
   * `failed`: there was no response. `closed`: by us.
   */
  readonly how: 'finished' | 'broken' | 'failed' | 'closed'
  readonly atMs: number
  /** The code and the text of the error, if there was one. */
  readonly code?: string | undefined
  readonly reason?: string | undefined
}

/** A header of a response as one line of text; `undefined` if it is missing. */
export function headerOf({ headers }: Pick<Exchange, 'headers'>, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Whether the response says that it is an event stream. */
export function isEventStream(exchange: Pick<Exchange, 'headers'>): boolean {
  return /^text\/event-stream\s*(;|$)/i.test(headerOf(exchange, 'content-type') ?? '')
}
