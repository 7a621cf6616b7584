import { type EventRecord, hubEventType } from '../store/store.ts'
import {
  type ActiveSubscription,
  oldSubscriptionDocument,
  parseMatchType,
  subscriptionDocument,
} from './active-subscription.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

/**
 * [Mercure, 9.1] The events for the beginning or end of a subscription; the second is that of
 * Mercure 0.x.
 */
export function subscriptionEvents(
  subscription: ActiveSubscription,
  isActive: boolean,
  { isCompat, paths }: { readonly isCompat: boolean; readonly paths: SubscriptionPaths },
): readonly EventRecord[] {
  const event: EventRecord = {
    ...ownEvent,
    topics: [paths.of(subscription), paths.events],
    data: subscriptionDocument(subscription, isActive, paths),
  }
  if (!isCompat) return [event]
  const old: EventRecord = {
    ...ownEvent,
    topics: [paths.ofOld(subscription)],
    type: undefined,
    data: oldSubscriptionDocument(subscription, isActive, paths),
  }
  return [event, old]
}

const ownEvent: Omit<EventRecord, 'topics' | 'data'> = {
  isPrivate: true,
  id: undefined,
  type: hubEventType,
  retryMs: undefined,
  traceContext: undefined,
}

/**
 * The empty list, which a hub publishes after it has ended the subscriptions that it found in the
 * history. No subscription before this event is still active, so the next hub need not read further
 * back.
 */
export function emptyListEvent({ list }: SubscriptionPaths): EventRecord {
  return { ...ownEvent, topics: [list], data: JSON.stringify({ id: list, type: 'subscriptions', subscriptions: [] }) }
}

/** Whether an event is the hub's own: only the hub can use that type. */
export function isOwnEvent({ type }: Pick<EventRecord, 'type'>): boolean {
  return type === hubEventType
}

/** What an event says: that a subscription has begun, goes on, or is over. */
export interface SubscriptionEvent {
  readonly subscription: ActiveSubscription
  readonly isActive: boolean
}

/** Reads an event made by `subscriptionEvents`; returns `undefined` for any other. */
export function readSubscriptionEvent(event: EventRecord, paths: SubscriptionPaths): SubscriptionEvent | undefined {
  if (!isOwnEvent(event) || event.topics[1] !== paths.events) return undefined
  const { match_type, match, subscriber, active, node, payload } = JSON.parse(event.data)
  const matchType = parseMatchType(match_type)
  if (!matchType) return undefined
  return {
    subscription: { matchType, match, subscriber, node, payload: JSON.stringify(payload) },
    isActive: active,
  }
}
