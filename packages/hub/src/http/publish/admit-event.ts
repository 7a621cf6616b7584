import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import { assertFewTopics, type PreparedEvent } from '../../hub/publish-init.ts'
import type { PublishPermission } from '../access/permission.ts'
import type { RawEvent, RawEvents } from './raw-event.ts'

/**
 * Prepares an event of a body for appending. For every format of body, it checks first whether the
 * client may publish, then whether the event is valid: a client that may not publish to a topic
 * learns nothing else. Topics are counted before that, because each of them is checked.
 *
 * `key` is the request's idempotency key, for an event without its own. `place` distinguishes the
 * events of one request; if the request is sent again, they have the same places.
 */
export function admitEvent(
  raw: RawEvent,
  permission: PublishPermission,
  hub: HubCore,
  key: string | undefined,
  place?: number,
): PreparedEvent {
  assertFewTopics(raw.topic)
  permission.assertMayPublish(raw.topic)
  const init = raw.toInit()
  if (key === undefined || init.idempotencyKey !== undefined) return hub.prepare(init)
  return hub.prepare({ ...init, idempotencyKey: place === undefined ? key : `${key} ${place}` })
}

/**
 * Prepares the events of an array. Throws for the first that is not allowed or not valid, with its
 * place.
 */
export function admitEvents(
  raws: RawEvents,
  permission: PublishPermission,
  hub: HubCore,
  key: string | undefined,
): readonly PreparedEvent[] {
  return Array.from({ length: raws.count }, (_, index) => {
    try {
      return admitEvent(raws.at(index), permission, hub, key, index)
    } catch (error) {
      // A token's refusal consists of more than its message.
      if (!(error instanceof HubError) || error.constructor !== HubError) throw error
      throw new HubError(error.code, `Event ${index + 1} of ${raws.count}: ${error.message}`, { cause: error })
    }
  })
}
