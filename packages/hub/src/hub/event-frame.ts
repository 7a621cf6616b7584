import { encodeEvent, type Frame } from '@headwater/sse'
import type { StoredEvent } from '../store/store.ts'
import { eventIdOf } from './event-id.ts'

/** Encodes an event as subscribers receive it, live or from the history. */
export function encodeStoredEvent(epoch: string, event: StoredEvent): Frame {
  return encodeEvent({ data: event.data, type: event.type, id: eventIdOf(epoch, event), retry: event.retryMs })
}
