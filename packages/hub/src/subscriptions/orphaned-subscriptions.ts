import type { EventStore } from '../store/store.ts'
import type { ActiveSubscription } from './active-subscription.ts'
import { readSubscriptionEvents } from './read-subscription-events.ts'
import { isOwnEvent } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

export interface OrphanedSubscriptions {
  /**
   * The subscriptions that are active by the history: their hub had no time to publish their ends.
   */
  readonly subscriptions: readonly ActiveSubscription[]
  /** Whether the history has any subscription events since the last empty list. */
  readonly hasHistory: boolean
}

/**
 * Finds the subscriptions that a hub left behind when it was killed. Reads only subscription events
 * of that hub's run, and keeps only active subscriptions in memory.
 */
export async function findOrphanedSubscriptions(
  store: EventStore,
  paths: SubscriptionPaths,
): Promise<OrphanedSubscriptions> {
  const { head } = await store.bounds()
  const active = new Map<string, ActiveSubscription>()
  let hasHistory = false
  const after = await findEmptyList(store, head.position, paths)
  for await (const { subscription, isActive } of readSubscriptionEvents(store, paths, after, head.position)) {
    hasHistory = true
    const path = paths.of(subscription)
    if (isActive) active.set(path, subscription)
    else active.delete(path)
  }
  return { subscriptions: [...active.values()], hasHistory }
}

/** The position of the last empty list; the beginning of the history if it is not known. */
async function findEmptyList(store: EventStore, head: number, { list }: SubscriptionPaths): Promise<number> {
  const topics = new Set([list])
  const newest = await store.readBack?.({ before: head + 1, topics, maxEvents: 1, maxBytes: 1 })
  const [event] = newest?.events ?? []
  return event && isOwnEvent(event) ? event.position : 0
}
