import { formatEventId } from '@headwater/sse/internal'
import type { HistoryPosition, StoredEvent } from '../store/store.ts'

/** The ID under which subscribers receive an event: its publisher's, or else its position's. */
export function eventIdOf(epoch: string, event: StoredEvent): string {
  return event.id ?? positionId(epoch, event)
}

/**
 * The ID of a position in the history, `<epoch>.<position>.<tag>`; the beginning has no tag. A
 * client can resume from every event by it, even from one that is sent under its publisher's ID. It
 * reveals nothing about the event.
 */
export function positionId(epoch: string, { position, tag }: HistoryPosition): string {
  if (position === 0) return formatEventId({ epoch, position })
  // Each event needs it twice in a row: for its publisher, and for its subscribers.
  if (last.position === position && last.tag === tag && last.epoch === epoch) return last.id
  last = { epoch, position, tag, id: formatEventId({ epoch, position, tag: tag.toString(36) }) }
  return last.id
}

let last = { epoch: '', position: 0, tag: 0, id: '' }
