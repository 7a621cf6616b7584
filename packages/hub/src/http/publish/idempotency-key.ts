import type { PublishInit } from '../../hub/publish-init.ts'

/**
 * Gives an event the key of its request, unless it has one of its own. The events of one request are told apart by their place in it; a
 * request sent again has them in the same places.
 */
export function withKey(event: PublishInit, key: string | undefined, place?: number): PublishInit {
  if (key === undefined || event.idempotencyKey !== undefined) return event
  return { ...event, idempotencyKey: place === undefined ? key : `${key} ${place}` }
}
