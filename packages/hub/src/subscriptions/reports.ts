import { isDeepStrictEqual } from 'node:util'
import { HubError } from '../base/errors.ts'
import type { Append, EventRecord } from '../store/store.ts'
import { isOwnEvent, readSubscriptionEvent, subscriptionEvents } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

/** Whether what a hub at the edge passes on says who is subscribed there. No publisher can say that. */
export function isReport(appends: readonly Append[]): boolean {
  return appends.some(({ event }) => isOwnEvent(event))
}

/**
 * Checks that these are what an edge of this hub publishes about subscriptions, and nothing else: the
 * events of each, with the name of a node, perhaps followed by that of Mercure 0.x.
 *
 * @throws HubError `INVALID_REQUEST`
 */
export function assertReport(appends: readonly Append[], paths: SubscriptionPaths): void {
  let expectedNext: EventRecord | undefined
  for (const { event, idempotencyKey } of appends) {
    if (typeof idempotencyKey !== 'string') throw new HubError('INVALID_REQUEST', 'A report has no key.')
    const isOld = expectedNext !== undefined && isDeepStrictEqual(event, expectedNext)
    const [expected, old] = isOld ? [event] : eventsLike(event, paths)
    if (!isDeepStrictEqual(event, expected)) throw notOurs(event, paths)
    expectedNext = old
  }
}

/** The refusal of a hub that does not report subscriptions itself. */
export function noReports(): HubError {
  return new HubError(
    'INVALID_REQUEST',
    'This hub does not report who is subscribed, and so takes no reports of its edges. Start it with --subscriptions.',
  )
}

/** The events for what an event says; empty if it says nothing about a subscription of a node. */
function eventsLike(event: EventRecord, paths: SubscriptionPaths): readonly EventRecord[] {
  const told = readUnlessMalformed(event, paths)
  if (typeof told?.subscription.node !== 'string') return []
  return subscriptionEvents(told.subscription, told.isActive, { isCompat: true, paths })
}

function readUnlessMalformed(event: EventRecord, paths: SubscriptionPaths) {
  try {
    return readSubscriptionEvent(event, paths)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof URIError) return undefined
    throw error
  }
}

function notOurs({ topics }: EventRecord, { hub }: SubscriptionPaths): HubError {
  return new HubError(
    'INVALID_REQUEST',
    `The event on ${JSON.stringify(topics[0])} is none about a subscription at an edge of this hub, whose path is ${hub}. An edge that reports who is subscribed needs the same path.`,
  )
}
