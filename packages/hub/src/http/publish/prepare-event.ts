import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import type { PreparedEvent } from '../../hub/publish-init.ts'
import type { PublishPermission } from '../access/permission.ts'
import type { RawEvent } from './raw-event.ts'

/**
 * Makes an event of a body ready to be appended. Checks first who may, then what is valid, for every form of body alike: whoever may not
 * publish on a topic learns nothing else.
 *
 * `key` is the request's idempotency key, which the event has unless it has one of its own. The events of one request are told apart by
 * their place in it; a request sent again has them in the same places.
 */
export function prepareEvent(
  raw: RawEvent,
  permission: PublishPermission,
  hub: HubCore,
  key: string | undefined,
  place?: number,
): PreparedEvent {
  permission.assertMayPublish(raw.topic)
  const init = raw.toInit()
  if (key === undefined || init.idempotencyKey !== undefined) return hub.prepare(init)
  return hub.prepare({ ...init, idempotencyKey: place === undefined ? key : `${key} ${place}` })
}

/** Prepares the events of an array. Throws for the first that may not be published or is not valid, with its place. */
export function prepareEvents(
  raws: readonly RawEvent[],
  permission: PublishPermission,
  hub: HubCore,
  key: string | undefined,
): readonly PreparedEvent[] {
  return raws.map((raw, index) => {
    try {
      return prepareEvent(raw, permission, hub, key, index)
    } catch (error) {
      // A refusal of tokens has more to it than its message.
      if (!(error instanceof HubError) || error.constructor !== HubError) throw error
      throw new HubError(error.code, `Event ${index + 1} of ${raws.length}: ${error.message}`, { cause: error })
    }
  })
}
