import { onTestFinished } from 'vitest'
import { hubPath } from '../../src/base/hub-path.ts'
import type { Append, EventStore, HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { beginning } from '../../src/store/store.ts'
import type { RequestedSubscription } from '../../src/subscriptions/active-subscription.ts'
import { type RegistryOptions, SubscriptionRegistry } from '../../src/subscriptions/registry.ts'
import { SubscriptionPaths } from '../../src/subscriptions/subscription-paths.ts'
import { nextTurn } from '../next-turn.ts'

export const subscriptionPaths = new SubscriptionPaths(hubPath)

export interface RunningRegistry {
  readonly registry: SubscriptionRegistry
  /** What the operator was told. */
  readonly errors: string[]
}

/** A registry over a store, as a hub has one; places are known by their number. */
export async function runRegistry(store: EventStore, options: Partial<RegistryOptions> = {}): Promise<RunningRegistry> {
  let head: HistoryPosition = beginning
  const stop = await store.follow({
    onStart: (bounds) => {
      head = bounds.head
    },
    onAppend: (events) => {
      head = events.at(-1)!
    },
    onTrim: () => {},
    onFailure: (error) => {
      throw error
    },
  })
  onTestFinished(stop)
  const errors: string[] = []
  const registry = await SubscriptionRegistry.start({
    store,
    append: (appends) => appendTo(store, appends),
    head: () => head,
    idOf: ({ position }) => String(position),
    isCompat: false,
    paths: subscriptionPaths,
    onError: (error) => errors.push((error as Error).message),
    retryMs: [1, 1],
    ...options,
  })
  return { registry, errors }
}

export async function appendTo(store: EventStore, appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
  if (store.appendAll) return await store.appendAll(appends)
  const marks: HistoryPosition[] = []
  for (const each of appends) marks.push(await store.append(each.event, each))
  return marks
}

export function wanted(match: string, payload?: unknown): RequestedSubscription {
  return { matchType: 'exact', match, payload: JSON.stringify(payload) }
}

/** Everything that is kept up to the head, or to a position that a store may not have heard of yet. */
export async function readAll(store: EventStore, position = 0): Promise<readonly StoredEvent[]> {
  for (;;) {
    const { head } = await store.bounds()
    if (head.position < position) {
      await nextTurn()
      continue
    }
    const all = { topics: undefined, maxEvents: 1e6, maxBytes: Infinity }
    return (await store.read({ after: 0, through: head.position, ...all })).events
  }
}

/** What events say, in short: `+a` for the beginning of a subscription to a, `-a` for its end, `0` for nobody being subscribed. */
export function toldBy(events: readonly StoredEvent[]): string[] {
  return events.map(({ data }) => {
    const { type, match, active } = JSON.parse(data)
    return type === 'subscriptions' ? '0' : `${active ? '+' : '-'}${match}`
  })
}
