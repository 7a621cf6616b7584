import type { Exchange } from './exchange.ts'
import type { ProbeState, ResponseKind } from './probe-protocol.ts'

/** What the probe server made known about the way to it. */
export interface ProbeFacts {
  readonly deliveries: readonly Delivery[]
  /** Of the request headers that were sent, those that arrived differently or not at all. */
  readonly lostHeaders: readonly string[]
  /** The state of a stream that is read, as its server has it. `undefined` if the server never had it. */
  readonly state: ProbeState | undefined
  /** The server never had it because the query of the URL does not arrive. */
  readonly isCommandLost: boolean
  readonly post: PostFacts
  readonly leaving: 'noticed' | 'at the next bytes' | 'unnoticed' | 'unknown'
  /** How a client sees a response that the server broke off. */
  readonly brokenEnd: 'finished' | 'broken' | 'open' | 'unknown'
  /** How a client sees a response that the server completed. */
  readonly wholeEnd: 'finished' | 'broken' | 'open' | 'unknown'
  readonly together: { readonly asked: number; readonly opened: number }
  readonly silence: SilenceFacts | undefined
}

/** How the events of one stream came through. */
export interface Delivery {
  readonly kind: ResponseKind
  readonly isCompressionAccepted: boolean
  readonly exchange: Exchange
  /** `at once`; how many bytes had to be sent before the first event came; only with the end; never. */
  readonly released: 'at once' | { readonly bytes: number } | 'at the end' | 'never'
  /**
   * How much later than the answer to a request that was sent after it each further event came, in
   * milliseconds; 0 if it came before.
   */
  readonly lagsMs: readonly number[]
  /** How long the doctor waited for the event that did not come, in milliseconds. */
  readonly waitedMs: number
}

export interface PostFacts {
  readonly status: number | undefined
  readonly method: string | undefined
  readonly isBodyWhole: boolean
}

/** How long a stream may be silent. */
export interface SilenceFacts {
  /** The longest silence after which an event still came, in milliseconds; 0 if none did. */
  readonly passedMs: number
  /** The shortest silence that ended a stream. `undefined` if none did. */
  readonly cutMs: number | undefined
  /** `closed`: the connection was closed. `lost`: it stayed open, and nothing came any more. */
  readonly how: 'closed' | 'lost' | undefined
}
