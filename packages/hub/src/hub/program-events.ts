import { formatEventId, GAP_EVENT_TYPE, type Gap } from '@headwater/sse/server'
import type { EventStore } from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import { eventIdOf, positionId } from './event-id.ts'
import type { FanOut } from './fan-out.ts'
import { positionOf, type StartingPoint } from './resume.ts'
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

/** How much is read in one piece. */
const page = { maxEvents: 1000, maxBytes: 1024 * 1024 }

/**
 * Yields the events of a selection, from a starting point on for as long as the hub is open, each once and in order. What comes
 * live is read from the store as well: nothing waits in memory for a reader that takes its time.
 */
export async function* readEvents(
  store: EventStore,
  fanOut: FanOut,
  selection: Selection,
  start: StartingPoint,
): AsyncGenerator<HubEvent> {
  const { epoch } = store
  let position = positionOf(start, fanOut.head.position)
  let acceptsTrimmed = start.name !== 'after' && start.name !== 'live'
  let gap = start.name === 'gap' ? start : undefined
  while (await fanOut.reach(gap ? position : position + 1)) {
    const { head } = fanOut
    const { events, through, lost, bounds } = await store.read({
      after: position,
      through: head.position,
      topics: selection.topics,
      ...page,
    })
    const hasLost = !acceptsTrimmed && lost.some((trace) => selection.admitsTombstone(trace))
    if (gap || hasLost) {
      const { reason, requested } = gap ?? { reason: 'trimmed', requested: formatEventId({ epoch, position }) }
      const earliest = bounds.earliest ? positionId(epoch, bounds.earliest) : null
      const data: Gap = { reason, requested, earliest }
      const end = bounds.trimmed.position < head.position ? bounds.trimmed : head
      yield {
        id: positionId(epoch, end),
        topics: [],
        type: GAP_EVENT_TYPE,
        data: JSON.stringify(data),
        isPrivate: false,
      }
    }
    for (const event of await admittedEvents(events, selection)) {
      const { topics, type = 'message', data, isPrivate } = event
      yield { id: eventIdOf(epoch, event), topics, type, data, isPrivate }
    }
    position = through
    acceptsTrimmed = false
    gap = undefined
  }
}
