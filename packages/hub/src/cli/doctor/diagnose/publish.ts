import type { EndpointFacts } from '../endpoint-facts.ts'
import type { Finding } from '../finding.ts'
import type { InBetween } from '../proxies.ts'
import { remediesFor } from '../remedies.ts'
import { seconds } from './wording.ts'

/** How the probe event came that was published to a hub. */
export function* diagnosePublish({ published, target }: EndpointFacts, between: InBetween): Generator<Finding> {
  if (!published) return
  const { status, detail, subscribed, arrivedMs, isLeavingNoticed, isResumed } = published
  if (status !== 200) {
    yield {
      id: 'publish-refused',
      severity: target.publishUrl ? 'warning' : 'note',
      seen: `The probe event was not published: ${status === undefined ? 'no answer' : `status ${status}`}${detail === '' ? '' : `. It says: ${detail}`}.`,
      why: 'So it is not known how fast events come through. The token has to grant publishing to urn:headwater:doctor:….',
    }
    return
  }
  if (arrivedMs === undefined) {
    yield {
      id: 'buffering',
      severity: 'fault',
      seen: `An event that was published did not reach its subscriber within ${seconds(target.timeoutMs / 2)} (${subscribed.blocks.length} other blocks did).`,
      why: 'Something in between holds events back, or the subscriber is not granted the topic.',
      fix: remediesFor('buffering', between),
    }
    return
  }
  yield {
    id: 'published',
    severity: 'ok',
    seen: `An event reached its subscriber ${Math.round(arrivedMs)} ms after publishing it began.`,
  }
  if (isLeavingNoticed !== undefined) {
    yield isLeavingNoticed
      ? { id: 'leaving', severity: 'ok', seen: "The hub's list of subscriptions lost the subscriber when it left." }
      : {
          id: 'leaving-late',
          severity: 'note',
          seen: "The hub's list of subscriptions still has a subscriber that has left.",
          why: 'Until the hub sends the next bytes, it counts as connected.',
          fix: remediesFor('leaving', between),
        }
  }
  if (isResumed === undefined) return
  yield isResumed
    ? {
        id: 'resume',
        severity: 'ok',
        seen: 'An event that was published while the subscriber was away came when it was back, and nothing twice.',
      }
    : {
        id: 'resume-loses',
        severity: 'fault',
        seen: 'An event that was published while the subscriber was away did not come when it was back with its Last-Event-ID.',
        why: 'Each interruption loses events.',
        fix: remediesFor('request-headers', between, { name: 'Last-Event-ID' }),
      }
}
