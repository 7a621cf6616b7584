import type { EventStore } from '../store/store.ts'
import { readSubscriptionEvent, type SubscriptionEvent } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

/** The number of events per read. */
const page = { maxEvents: 1000, maxBytes: 1024 * 1024 }

/**
 * Reads what the history says about subscriptions after one position, up to another that the store
 * has reported. Reads no other events.
 */
export async function* readSubscriptionEvents(
  store: EventStore,
  paths: SubscriptionPaths,
  after: number,
  head: number,
): AsyncGenerator<SubscriptionEvent & { readonly position: number }, void, undefined> {
  while (after < head) {
    const { events, through } = await store.read({
      after,
      through: head,
      topics: new Set([paths.events]),
      ...page,
    })
    for (const event of events) {
      const told = readSubscriptionEvent(event, paths)
      if (told) yield { ...told, position: event.position }
    }
    after = through
  }
}
