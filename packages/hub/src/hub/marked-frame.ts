import type { Frame } from '@headwater/sse'
import { frameBytes } from '@headwater/sse/internal'
import type { StoredEvent } from '../store/store.ts'
import type { Selection } from './selection.ts'

/**
 * The frame of an event for a subscriber that asked which of its matchers select it. A comment inside
 * the event's block says so, before anything else of it: a reader that does not know it ignores it.
 */
export function markFrame(frame: Uint8Array, event: StoredEvent, selection: Selection): Uint8Array {
  return Buffer.concat([frameBytes(`:matches ${selection.matching(event).join(' ')}\n` as Frame), frame])
}
