import { type GapReason, parseEventId } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import type { EventStore, HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { HistoryReader } from './history-reader.ts'
import type { Selection } from './selection.ts'

/** From where in the history a subscriber is to be served. */
export type StartingPoint =
  /** From what comes next: there was no last event ID. */
  | { readonly name: 'live' }
  /** Everything that is kept, because that is what was asked for: what comes after this position. */
  | { readonly name: 'earliest'; readonly position: number }
  /** The last events, those after this place, because that is what was asked for. */
  | { readonly name: 'last'; readonly after: HistoryPosition }
  /** Everything after this position, which the client has. */
  | { readonly name: 'after'; readonly position: number }
  /** Everything that is kept, which comes after this position, after telling the client that this may not be all it missed. */
  | { readonly name: 'gap'; readonly reason: GapReason; readonly requested: string; readonly position: number }

/**
 * Finds out where a client's last event ID is in the history. `undefined` or `''` means the client has none; `-N`
 * that it wants the last N of its events. The ID is outside input: any other text is answered, a forged one at worst with everything the subscriber may have.
 * Rejects with the signal's reason when that aborts.
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
    if (mark) return { name: 'after', position: mark.position }
    return await gap(own && (own.tag !== undefined || own.position === 0) ? 'epoch' : 'unknown')
  }

  const { position } = own
  const state = await store.inspect(position)
  if (state.name === 'ahead') return await gap('ahead')
  if (state.name === 'vacant') return await gap('unknown')
  // A tag that is not the event's: this position has had two events, and the client saw the other one.
  if (state.tag !== undefined && lastEventId !== positionId(store.epoch, { position, tag: state.tag }))
    return await gap('unknown')
  if (await history.hasLost(selection, position, signal)) return await gap('trimmed')
  return { name: 'after', position }
}

/** The most events that can be asked for by their number. */
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
      `The last ${count} events were asked for; the most is ${maxLastEvents}. Ask for earliest to have all that is kept.`,
    )
  }
  if (count === 0) return { name: 'live' }
  // The one before them: where a client is that has all but them.
  const { mark: after } = await history.findLast(selection, count + 1, signal)
  return after ? { name: 'last', after } : await findEarliest(store)
}

/** After what is trimmed, rather than from the beginning: a feed may still hold what the history keeps no more. */
async function findEarliest(store: EventStore): Promise<StartingPoint> {
  const { trimmed } = await store.bounds()
  return { name: 'earliest', position: trimmed.position }
}

/** Up to where a subscriber who starts there has, or does without, its events. `head` is where the tail is now. */
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
