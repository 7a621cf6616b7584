import { SseError } from '../protocol/index.ts'
import { parsePlaces } from './channel-id.ts'
import { parseEventId } from './event-id.ts'
import type { History } from './history.ts'

/**
 * Refuses an ID of the application's own that a client could not resume from: one that the channel
 * could not tell from its own IDs or from another event. Throws `INVALID_EVENT_ID`.
 */
export function assertOwnId(id: unknown, history: History): void {
  // Refused with all others that are no text.
  if (typeof id !== 'string') return
  const refuse = (why: string) => {
    throw new SseError(
      'INVALID_EVENT_ID',
      `Event id ${JSON.stringify(id)} ${why} Choose another, or leave it to the channel.`,
    )
  }
  if (id === '') refuse("is empty, which would reset the client's.")
  if (id === 'earliest') refuse('means the beginning of the history to subscribers.')
  if (id !== id.trim()) refuse('begins or ends with a space, which HTTP drops from Last-Event-ID.')
  if (parseEventId(id) || parsePlaces(id)) refuse("has the form of a channel's own ids.")
  if (history.find(id) !== undefined) refuse('is that of another event in the history.')
}
