import { type GapReason, parseEventId } from '@headwater/sse/server'
import { positionId } from './event-id.ts'
import type { Selection } from './selection.ts'
import type { EventStore } from './store/store.ts'

/** From where in the history a subscriber is to be served. */
export type StartingPoint =
  /** From what comes next: there was no last event ID. */
  | { readonly name: 'live' }
  /** Everything that is kept, because that is what was asked for. */
  | { readonly name: 'earliest' }
  /** Everything after this position, which the client has. */
  | { readonly name: 'after'; readonly position: number }
  /** Everything that is kept, after telling the client that this may not be all it missed. */
  | { readonly name: 'gap'; readonly reason: GapReason; readonly requested: string }

/**
 * Finds out where a client's last event ID is in the history. `undefined` or `''` means the client has none. The ID is outside
 * input: any text is answered, a forged one at worst with everything the subscriber may have.
 */
export async function findStartingPoint(
  store: EventStore,
  selection: Selection,
  lastEventId: string | undefined,
): Promise<StartingPoint> {
  if (lastEventId === undefined || lastEventId === '') return { name: 'live' }
  if (lastEventId === 'earliest') return { name: 'earliest' }
  const gap = (reason: GapReason): StartingPoint => ({ name: 'gap', reason, requested: lastEventId })

  const own = parseEventId(lastEventId)
  if (own?.epoch !== store.epoch) {
    const mark = await store.find(lastEventId)
    if (mark) return { name: 'after', position: mark.position }
    return gap(own && (own.tag !== undefined || own.position === 0) ? 'epoch' : 'unknown')
  }

  const { position } = own
  const state = await store.inspect(position)
  if (state.name === 'ahead') return gap('ahead')
  if (state.name === 'vacant') return gap('unknown')
  // A tag that is not the event's: this position has had two events, and the client saw the other one.
  if (state.tag !== undefined && lastEventId !== positionId(store.epoch, { position, tag: state.tag }))
    return gap('unknown')
  if (await hasLost(store, selection, position)) return gap('trimmed')
  return { name: 'after', position }
}

/** Whether an event after this position that the subscriber should have had is gone. */
async function hasLost(store: EventStore, selection: Selection, after: number): Promise<boolean> {
  const { head, trimmed } = await store.bounds()
  if (trimmed.position <= after) return false
  const { lost } = await store.read({
    after,
    through: head.position,
    topics: selection.topics,
    maxEvents: 1,
    maxBytes: 1,
  })
  return lost.some((trace) => selection.admitsTrace(trace))
}
