import type { EventStore } from '../store/store.ts'
import { type ActiveSubscription, subscriptionPath, subscriptionsPath } from './active-subscription.ts'
import { isOwnEvent, readSubscriptionEvent, subscriptionEventsTopic } from './subscription-events.ts'

/** The number of events per read. */
const page = { maxEvents: 1000, maxBytes: 1024 * 1024 }

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
export async function findOrphanedSubscriptions(store: EventStore): Promise<OrphanedSubscriptions> {
  const { head } = await store.bounds()
  const active = new Map<string, ActiveSubscription>()
  let hasHistory = false
  let after = await findEmptyList(store, head.position)
  while (after < head.position) {
    const { events, through } = await store.read({
      after,
      through: head.position,
      topics: new Set([subscriptionEventsTopic]),
      ...page,
    })
    for (const event of events) {
      const told = readSubscriptionEvent(event)
      if (!told) continue
      hasHistory = true
      const path = subscriptionPath(told.subscription)
      if (told.isActive) active.set(path, told.subscription)
      else active.delete(path)
    }
    after = through
  }
  return { subscriptions: [...active.values()], hasHistory }
}

/** The position of the last empty list; the beginning of the history if it is not known. */
async function findEmptyList(store: EventStore, head: number): Promise<number> {
  const topics = new Set([subscriptionsPath])
  const newest = await store.readBack?.({ before: head + 1, topics, maxEvents: 1, maxBytes: 1 })
  const [event] = newest?.events ?? []
  return event && isOwnEvent(event) ? event.position : 0
}
