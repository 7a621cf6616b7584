import type { Matcher } from '../matching/matcher.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

/** The type of a matcher; `uritemplate` is a selector of Mercure 0.x. */
export type MatchType = 'exact' | 'urlpattern' | 'uritemplate'

/** One matcher that a subscriber requested. */
export interface RequestedSubscription {
  readonly matchType: MatchType
  readonly match: string
  /**
   * The payload of the subscriber's token, which others may read, as JSON text; `undefined` for
   * none.
   */
  readonly payload: string | undefined
}

/** A subscription: one matcher of one connection. */
export interface ActiveSubscription extends RequestedSubscription {
  /**
   * The name of the connection. The hub makes it at random, so that no client can impersonate
   * another.
   */
  readonly subscriber: string
  /**
   * The node whose connection it is, if several share the history; opaque to clients. `undefined` if
   * there is only one.
   */
  readonly node?: string | undefined
}

/** The subscriptions of one connection: each matcher once, in the given order. */
export function requestedSubscriptions(
  matchers: readonly Matcher[],
  payloadFor: (match: string) => unknown = () => undefined,
): readonly RequestedSubscription[] {
  const wanted = new Map<string, RequestedSubscription>()
  for (const matcher of matchers) {
    const { source: match } = matcher
    const matchType = matchTypeOf(matcher)
    const key = `${matchType} ${match}`
    if (!wanted.has(key)) wanted.set(key, { matchType, match, payload: JSON.stringify(payloadFor(match)) })
  }
  return [...wanted.values()]
}

/** [Mercure] `*` means every topic, whatever the type, so it is reported with one type only. */
function matchTypeOf({ type }: Matcher): MatchType {
  if (type === 'urlpattern') return 'urlpattern'
  return type === 'template' ? 'uritemplate' : 'exact'
}

/** Returns the type by its name in a path; `undefined` for an unknown name. */
export function parseMatchType(name: string): MatchType | undefined {
  return matchTypes.find((type) => type === name)
}

const matchTypes: readonly MatchType[] = ['exact', 'urlpattern', 'uritemplate']

/** [Mercure, 9.1] The document of a subscription, in its events and in the API. */
export function subscriptionDocument(
  subscription: ActiveSubscription,
  isActive: boolean,
  paths: SubscriptionPaths,
): string {
  const { matchType, match, subscriber, node, payload } = subscription
  return withPayload(
    {
      id: paths.of(subscription),
      type: 'subscription',
      match_type: matchType,
      match,
      subscriber,
      active: isActive,
      // Left out by JSON if there is none.
      node,
    },
    payload,
  )
}

/**
 * [Mercure 0.x] The document of a subscription, in its events and in the API. `more` comes first.
 */
export function oldSubscriptionDocument(
  subscription: ActiveSubscription,
  isActive: boolean,
  paths: SubscriptionPaths,
  more: object = oldContext,
): string {
  const { match, subscriber, payload } = subscription
  return withPayload(
    {
      ...more,
      id: paths.ofOld(subscription),
      type: 'Subscription',
      subscriber,
      topic: match,
      active: isActive,
    },
    payload,
  )
}

/** [Mercure 0.x] The JSON-LD context of a document. */
export const oldContext = { '@context': 'https://mercure.rocks/' }

function withPayload(document: object, payload: string | undefined): string {
  const text = JSON.stringify(document)
  return payload === undefined ? text : `${text.slice(0, -1)},"payload":${payload}}`
}
