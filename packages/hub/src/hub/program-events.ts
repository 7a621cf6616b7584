import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { eventIdOf, positionId } from './event-id.ts'
import type { FanOut } from './fan-out.ts'
import { type GapBefore, HistoryCursor } from './history-cursor.ts'
import type { StartingPoint } from './resume.ts'
import type { Selection } from './selection.ts'

/** An event as a program gets it that embeds the hub. */
export interface HubEvent {
  /** What to resume from: the publisher's own ID, else the place in the history. */
  readonly id: string
  /** The canonical topic, then the alternates. Empty for `headwater-gap`. */
  readonly topics: readonly string[]
  /**
   * The event type; `message` if the publisher gave none. `headwater-gap` if events before this point are gone, with the same data as
   * in an event stream: `{"reason", "requested", "earliest"}`.
   */
  readonly type: string
  readonly data: string
  readonly isPrivate: boolean
}

/**
 * Yields the events of a selection, from a starting point on for as long as the hub is open, each once and in order. It is a position:
 * it waits until an event concerns it, and reads that from the history. So nothing waits in memory for a reader that takes its time,
 * and events of other topics cost nothing. Ends when the signal aborts; rejects as the store does, or with the signal's reason.
 */
export async function* readEvents(
  fanOut: FanOut,
  epoch: string,
  selection: Selection,
  start: StartingPoint,
  signal?: AbortSignal,
): AsyncGenerator<HubEvent> {
  const cursor = new HistoryCursor(start, fanOut.head.position)
  for (;;) {
    const known = await fanOut.awaitEvent(selection, cursor, signal)
    if (known === undefined) return
    cursor.position = known
    const page = await fanOut.history.read(selection, known, fanOut.head, signal)
    const gap = cursor.moveThrough(page, epoch)
    if (gap) yield gapEvent(gap, epoch)
    for (const event of page.events) {
      const { topics, type = 'message', data, isPrivate } = event
      yield { id: eventIdOf(epoch, event), topics, type, data, isPrivate }
    }
    // A store in memory answers at once, and a history that has nothing for this reader may be long.
    if (page.events.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

function gapEvent({ gap, end }: GapBefore, epoch: string): HubEvent {
  return { id: positionId(epoch, end), topics: [], type: GAP_EVENT_TYPE, data: JSON.stringify(gap), isPrivate: false }
}
