import { formatEventId } from '@headwater/sse/server'
import type { HistoryPosition, StoredEvent } from '../store/store.ts'

/** The ID under which subscribers get an event: its publisher's own, else its place in the history. */
export function eventIdOf(epoch: string, event: StoredEvent): string {
  return event.id ?? positionId(epoch, event)
}

/**
 * The ID of a place in the history, `<epoch>.<position>.<tag>`; the beginning has no tag. Every event can be resumed from by
 * it, also one that goes out under its publisher's ID, and it says nothing about the event.
 */
export function positionId(epoch: string, { position, tag }: HistoryPosition): string {
  if (position === 0) return formatEventId({ epoch, position })
  // Of an event it is asked twice in a row: for its publisher, and for its subscribers.
  if (last.position === position && last.tag === tag && last.epoch === epoch) return last.id
  last = { epoch, position, tag, id: formatEventId({ epoch, position, tag: tag.toString(36) }) }
  return last.id
}

let last = { epoch: '', position: 0, tag: 0, id: '' }
