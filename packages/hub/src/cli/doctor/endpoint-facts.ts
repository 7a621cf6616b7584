import type { Exchange } from './exchange.ts'
import type { Redirect } from './follow-redirects.ts'
import type { ProbeFacts } from './probe-facts.ts'
import type { Target } from './target.ts'

/** All that was seen of an endpoint. What was not looked at is `undefined`. */
export interface EndpointFacts {
  readonly target: Target
  /** What was agreed in the TLS handshake; `undefined` without TLS. */
  readonly tls: TlsFacts | undefined
  readonly redirects: readonly Redirect[]
  /** The stream that was watched, after all redirects; in front of the probe server, what it said of itself. */
  readonly watched: Exchange
  /** The same without compression, at the same time; only if the first came compressed. */
  readonly uncompressed: Exchange | undefined
  /** The same past what is in between, at the same time. */
  readonly direct: Exchange | undefined
  readonly resume: ResumeFacts | undefined
  readonly preflight: Exchange | undefined
  readonly published: PublishFacts | undefined
  readonly probe: ProbeFacts | undefined
}

export interface TlsFacts {
  readonly isHttp2Offered: boolean
  /** Why the certificate is not valid; `undefined` if it is. */
  readonly invalid: string | undefined
}

/** What came after the connection was cut and opened again with a last event ID. */
export interface ResumeFacts {
  readonly lastEventId: string
  /** The IDs that had come after that one before the cut, in order. */
  readonly expected: readonly string[]
  readonly exchange: Exchange
}

/** A probe event, published to a topic of its own while a subscriber listened through what is in between. */
export interface PublishFacts {
  /** The answer to publishing; `undefined` if none came. */
  readonly status: number | undefined
  /** Its text, if the event was refused. */
  readonly detail: string
  readonly subscribed: Exchange
  /** `undefined` if the event did not come. */
  readonly arrivedMs: number | undefined
  /** Whether the hub's list of subscriptions lost the subscriber when it left; `undefined` if we may not see the list. */
  readonly isLeavingNoticed: boolean | undefined
  /** Whether a second event, published while nobody was connected, came with the last event ID of the first. */
  readonly isResumed: boolean | undefined
}
