import { encodeEvent, type Frame } from '@headwater/sse'
import type { StoredEvent } from '../store/store.ts'
import { eventIdOf } from './event-id.ts'
import { headersOf } from './trace-context.ts'

/** Encodes an event as subscribers receive it, live or from the history. */
export function encodeStoredEvent(epoch: string, event: StoredEvent): Frame {
  return encodeEvent({ data: event.data, type: event.type, id: eventIdOf(epoch, event), retry: event.retryMs })
}

/**
 * Encodes an event with its trace context, which every reader skips that does not look at comments. They
 * stand in the block of the event, because some readers make an event of every block.
 */
export function encodeTracedEvent(epoch: string, event: StoredEvent): Frame {
  const { traceContext, data, type, retryMs: retry } = event
  if (traceContext === undefined) return encodeStoredEvent(epoch, event)
  const comment = Object.entries(headersOf(traceContext))
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')
  return encodeEvent({ data, type, id: eventIdOf(epoch, event), retry, comment })
}
