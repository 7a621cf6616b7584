import type { EventStore } from '../store/store.ts'
import { type ActiveSubscription, subscriptionPath, subscriptionsPath } from './active-subscription.ts'
import { isOwnEvent, readSubscriptionEvent, subscriptionEventsTopic } from './subscription-events.ts'

/** How much is read in one piece. */
const page = { maxEvents: 1000, maxBytes: 1024 * 1024 }

export interface OrphanedSubscriptions {
  /** Those that the history says are active: of a hub that had no time to say otherwise. */
  readonly subscriptions: readonly ActiveSubscription[]
  /** Whether the history tells of any subscriptions at all, since it was last said that there are none. */
  readonly hasHistory: boolean
}

/**
 * Finds the subscriptions that a hub left behind when it died. Reads the events of subscriptions of its time, and nothing else; holds
 * in memory only those that are active.
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

/** Where it was last said that nobody is subscribed; the beginning where that is not known. */
async function findEmptyList(store: EventStore, head: number): Promise<number> {
  const topics = new Set([subscriptionsPath])
  const newest = await store.readBack?.({ before: head + 1, topics, maxEvents: 1, maxBytes: 1 })
  const [event] = newest?.events ?? []
  return event && isOwnEvent(event) ? event.position : 0
}
