import { parseEventId } from '@headwater/sse/internal'
import type { GapReason } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import type { EventStore, HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { HistoryReader } from './history-reader.ts'
import type { Selection } from './selection.ts'

/** The point in the history from which a subscriber is served. */
export type StartingPoint =
  /** From the next event on: there was no last event ID. */
  | { readonly name: 'live' }
  /** Everything that is kept, because the client asked for that: all events after this position. */
  | { readonly name: 'earliest'; readonly position: number }
  /** The last events, because the client asked for those: all events after this position. */
  | { readonly name: 'last'; readonly after: HistoryPosition }
  /** Everything after this position, which the client has. */
  | { readonly name: 'after'; readonly position: number }
  /**
   * Everything that is kept, which comes after this position. The client is first told that this
   * may not be all it missed.
   */
  | { readonly name: 'gap'; readonly reason: GapReason; readonly requested: string; readonly position: number }

/**
 * Finds the position of a client's last event ID in the history. `undefined` or `''` means that the
 * client has none, and `-N` that it wants the last N of its events. The ID is outside input: any
 * other text is accepted, and a forged one yields at worst everything that the subscriber may
 * receive. Rejects with the signal's reason when that aborts.
 */
export async function findStartingPoint(
  store: EventStore,
  history: HistoryReader,
  selection: Selection,
  lastEventId: string | undefined,
  signal?: AbortSignal,
): Promise<StartingPoint> {
  if (lastEventId === undefined || lastEventId === '') return { name: 'live' }
  if (lastEventId === 'earliest') return await findEarliest(store)
  if (/^-\d+$/.test(lastEventId)) {
    return await findLast(store, history, selection, -Number(lastEventId), signal)
  }
  const gap = async (reason: GapReason): Promise<StartingPoint> => {
    const { trimmed } = await store.bounds()
    return { name: 'gap', reason, requested: lastEventId, position: trimmed.position }
  }

  const own = parseEventId(lastEventId)
  if (own?.epoch !== store.epoch) {
    const mark = await store.find(lastEventId)
    // Whether there is a private event with an ID is not the business of who may not receive it.
    if (mark && (await history.mayReceive(selection, mark, signal))) return { name: 'after', position: mark.position }
    return await gap(own && (own.tag !== undefined || own.position === 0) ? 'epoch' : 'unknown')
  }

  const { position } = own
  const state = await store.inspect(position)
  if (state.name === 'ahead') return await gap('ahead')
  if (state.name === 'vacant') return await gap('unknown')
  // The tag is not that of the event: this position has had two events, and the client saw the
  // other one.
  if (
    'tag' in state &&
    state.tag !== undefined &&
    lastEventId !== positionId(store.epoch, { position, tag: state.tag })
  )
    return await gap('unknown')
  if (await history.hasLost(selection, position, signal)) return await gap('trimmed')
  return { name: 'after', position }
}

/** The highest number of last events that a client can ask for. */
const maxLastEvents = 10_000

async function findLast(
  store: EventStore,
  history: HistoryReader,
  selection: Selection,
  count: number,
  signal: AbortSignal | undefined,
): Promise<StartingPoint> {
  if (count > maxLastEvents) {
    throw new HubError(
      'INVALID_REQUEST',
      `The request is for the last ${count} events; the most is ${maxLastEvents}. Use earliest to get everything that is kept.`,
    )
  }
  if (count === 0) return { name: 'live' }
  // The event before them: that is the position of a client that has all but them.
  const { mark: after } = await history.findLast(selection, count + 1, signal)
  return after ? { name: 'last', after } : await findEarliest(store)
}

/**
 * Begins after what is trimmed, not at the very beginning: a feed may still hold what the history
 * no longer keeps.
 */
async function findEarliest(store: EventStore): Promise<StartingPoint> {
  const { trimmed } = await store.bounds()
  return { name: 'earliest', position: trimmed.position }
}

/**
 * The position up to which a subscriber that starts there has its events, or does without them.
 * `head` is the position of the tail.
 */
export function positionOf(start: StartingPoint, head: number): number {
  switch (start.name) {
    case 'live':
      return head
    case 'last':
      return start.after.position
    case 'after':
    case 'earliest':
    case 'gap':
      return start.position
  }
}
