import { hubPath } from '../base/hub-path.ts'
import type { Matcher } from '../matching/matcher.ts'

/** How a matcher is read; `uritemplate` is a selector of before 1.0. */
export type MatchType = 'exact' | 'urlpattern' | 'uritemplate'

/** What a subscriber asked for, by one of its matchers. */
export interface RequestedSubscription {
  readonly matchType: MatchType
  readonly match: string
  /** What its token says about it for others to read, as JSON text; `undefined` for nothing. */
  readonly payload: string | undefined
}

/** One matcher of one connection. */
export interface ActiveSubscription extends RequestedSubscription {
  /** Which connection it is of. Made by the hub, at random, so that nobody can pass for another. */
  readonly subscriber: string
}

/** [Mercure] Where subscriptions are listed; each has its place, which is also the topic of its events, below it. */
export const subscriptionsPath = `${hubPath}/subscriptions`

/** What the matchers of one connection ask for: each once, in the order they were given. */
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

/** [Mercure] `*` means every topic whatever the type, so it is only ever told as one. */
function matchTypeOf({ type }: Matcher): MatchType {
  if (type === 'urlpattern') return 'urlpattern'
  return type === 'template' ? 'uritemplate' : 'exact'
}

/** The type by its name in a path; `undefined` if there is none of that name. */
export function parseMatchType(name: string): MatchType | undefined {
  return matchTypes.find((type) => type === name)
}

const matchTypes: readonly MatchType[] = ['exact', 'urlpattern', 'uritemplate']

/** [Mercure] The place of a subscription: its own name, and the topic of its events. */
export function subscriptionPath({ matchType, match, subscriber }: Omit<ActiveSubscription, 'payload'>): string {
  return `${matcherPath(matchType, match)}/${encodeVariable(subscriber)}`
}

/** [Mercure] The place of all subscriptions with one matcher. */
export function matcherPath(matchType: MatchType, match: string): string {
  return `${subscriptionsPath}/${matchType}/${encodeVariable(match)}`
}

/** [Mercure] Each variable is percent-encoded once, all but unreserved characters. (`encodeURIComponent` leaves five more.) */
function encodeVariable(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** [Mercure, 9.1] What is told of a subscription, in its events and by the API. */
export function subscriptionDocument(subscription: ActiveSubscription, isActive: boolean): string {
  const { matchType, match, subscriber, payload } = subscription
  return withPayload(
    {
      id: subscriptionPath(subscription),
      type: 'subscription',
      match_type: matchType,
      match,
      subscriber,
      active: isActive,
    },
    payload,
  )
}

/** [Mercure 0.x] The place of a subscription. */
export function oldSubscriptionPath({ match, subscriber }: Pick<ActiveSubscription, 'match' | 'subscriber'>): string {
  return `${oldTopicPath(match)}/${encodeVariable(subscriber)}`
}

/** [Mercure 0.x] The place of all subscriptions with one selector. */
export function oldTopicPath(topic: string): string {
  return `${subscriptionsPath}/${encodeVariable(topic)}`
}

/** [Mercure 0.x] What is told of a subscription, in its events and by the API. `more` comes first. */
export function oldSubscriptionDocument(
  subscription: ActiveSubscription,
  isActive: boolean,
  more: object = oldContext,
): string {
  const { match, subscriber, payload } = subscription
  return withPayload(
    {
      ...more,
      id: oldSubscriptionPath(subscription),
      type: 'Subscription',
      subscriber,
      topic: match,
      active: isActive,
    },
    payload,
  )
}

/** [Mercure 0.x] What the words of a document mean. */
export const oldContext = { '@context': 'https://mercure.rocks/' }

function withPayload(document: object, payload: string | undefined): string {
  const text = JSON.stringify(document)
  return payload === undefined ? text : `${text.slice(0, -1)},"payload":${payload}}`
}
