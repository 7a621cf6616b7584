import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import { assertFewTopics, type PreparedEvent, type PublishInit } from '../../hub/publish-init.ts'
import { parseTraceContext } from '../../hub/trace-context.ts'
import type { PublishPermission } from '../access/permission.ts'
import type { RawEvent, RawEvents } from './raw-event.ts'

/** What a request says for those of its events that do not say it themselves. */
export interface RequestDefaults {
  /** The idempotency key. */
  readonly key: string | undefined
  /** The trace context. */
  readonly trace: Pick<PublishInit, 'traceparent' | 'tracestate'> | undefined
}

/**
 * Prepares an event of a body for appending. For every format of body, it checks first whether the
 * client may publish, then whether the event is valid: a client that may not publish to a topic
 * learns nothing else. Topics are counted before that, because each of them is checked.
 *
 * `place` distinguishes the events of one request; if the request is sent again, they have the same
 * places.
 */
export function admitEvent(
  raw: RawEvent,
  permission: PublishPermission,
  hub: HubCore,
  { key, trace }: RequestDefaults,
  place?: number,
): PreparedEvent {
  assertFewTopics(raw.topic)
  permission.assertMayPublish(raw.topic)
  let init = raw.toInit()
  if (trace && parseTraceContext(init.traceparent) === undefined) init = { ...init, ...trace }
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
  defaults: RequestDefaults,
): readonly PreparedEvent[] {
  return Array.from({ length: raws.count }, (_, index) => {
    try {
      return admitEvent(raws.at(index), permission, hub, defaults, index)
    } catch (error) {
      // A token's refusal consists of more than its message.
      if (!(error instanceof HubError) || error.constructor !== HubError) throw error
      throw new HubError(error.code, `Event ${index + 1} of ${raws.count}: ${error.message}`, { cause: error })
    }
  })
}
