import { namesOf } from '@headwater/sse/internal'
import type { Session } from '@headwater/sse/server'
import type { Matcher } from '../matching/matcher.ts'
import type { SubscriberProgress } from './subscriber.ts'

export interface SubscriptionOptions {
  /**
   * The topics to select: an event is selected if any of these matches any of its topics. At least
   * one.
   */
  readonly matchers: readonly Matcher[]
  /** The topics whose private events are included. Default: none. */
  readonly rights?: readonly Matcher[] | undefined
  /**
   * What the client says it has: an ID; `earliest` for everything that is kept; `-N` for the last N
   * events, at most 10,000; or nothing for new events only.
   */
  readonly lastEventId?: string | undefined
  /**
   * Whether the subscriber is told of each event which of `matchers` select it, by their places from 0
   * on: in a comment `:matches 0 2` at the beginning of the event's block. Default false.
   */
  readonly isMarked?: boolean | undefined
  /**
   * The form of the events' data. `cloudevents`: a CloudEvent in JSON, made of the event if it was not
   * published as one. Default: the data as it was published.
   */
  readonly format?: 'cloudevents' | undefined
  /**
   * Whether each event comes with the trace context with which it was published: as comment lines
   * `traceparent: …` and `tracestate: …` of its block, or as attributes of a CloudEvent. Default: false.
   */
  readonly trace?: boolean | undefined
  /** The trace context of the subscriber's request, which the span of its replay continues. */
  readonly traceContext?: string | undefined
  /**
   * What others may learn about the subscriber, for a matcher: any value with a JSON form. Default:
   * nothing.
   */
  readonly payloadFor?: ((match: string) => unknown) | undefined
  /**
   * Stops the search for the starting point when it aborts because the client has left. Rejects
   * with its reason. Default: none.
   */
  readonly signal?: AbortSignal | undefined
}

export interface SubscribeOptions extends Pick<SubscriptionOptions, 'rights' | 'lastEventId'> {
  /** Ends the iteration when it aborts, by throwing its reason. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/** What selects events, without a subscription. */
export type SelectionOptions = Pick<SubscriptionOptions, 'matchers' | 'rights' | 'signal'>

/** A subscription that is ready to be served. The hub holds nothing for it until then. */
export interface Subscription {
  /**
   * The ID of the event before the first one that will be sent. It is the requested one if
   * everything after that follows. Any other, or `earliest` for everything there is, means that the
   * client may have missed something.
   */
  readonly precedingEventId: string
  /**
   * Sends the subscription's events through a session while it is open. `claim` is what the caller has
   * claimed the session for, if it has.
   *
   * @throws SseError `ALREADY_SUBSCRIBED` if the session has another subscription: one selects many
   * topics.
   */
  deliverTo(session: Session, claim?: object): void
  /** How far the subscriber has come; `undefined` unless it is being served. */
  progress(): SubscriberProgress | undefined
}

export const subscribeNames = namesOf<SubscribeOptions>({ rights: true, lastEventId: true, signal: true })
export const subscriptionNames = namesOf<SubscriptionOptions>({
  matchers: true,
  rights: true,
  lastEventId: true,
  isMarked: true,
  payloadFor: true,
  format: true,
  trace: true,
  traceContext: true,
  signal: true,
})

export const selectionNames = namesOf<SelectionOptions>({
  matchers: true,
  rights: true,
  signal: true,
})
