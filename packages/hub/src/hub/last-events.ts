import type { EventStore, HistoryPosition, StoredEvent } from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import type { Selection } from './selection.ts'

/** How much is read in one piece. */
const page = { maxEvents: 1000, maxBytes: 1024 * 1024 }

/** Finds the newest kept events of a selection, at most `count` of them; the newest first. */
export async function findNewest(
  store: EventStore,
  selection: Selection,
  count: number,
): Promise<readonly HistoryPosition[]> {
  const { head } = await store.bounds()
  return store.readBack
    ? await readBackwards(store as EventStore & Required<Pick<EventStore, 'readBack'>>, selection, count, head)
    : await readForwards(store, selection, count, head)
}

async function readBackwards(
  store: EventStore & Required<Pick<EventStore, 'readBack'>>,
  selection: Selection,
  count: number,
  head: HistoryPosition,
): Promise<readonly HistoryPosition[]> {
  const found: HistoryPosition[] = []
  for (let before = head.position + 1; found.length < count && before > 1; ) {
    const { events, from } = await store.readBack({ before, topics: selection.topics, ...page })
    found.push(...marksOf(await admittedEvents(events, selection)))
    before = from
  }
  return found.slice(0, count)
}

async function readForwards(
  store: EventStore,
  selection: Selection,
  count: number,
  head: HistoryPosition,
): Promise<readonly HistoryPosition[]> {
  let found: HistoryPosition[] = []
  for (let after = 0; after < head.position; ) {
    const { events, through } = await store.read({ after, through: head.position, topics: selection.topics, ...page })
    found = [...found, ...marksOf(await admittedEvents(events, selection))].slice(-count)
    after = through
  }
  return found.reverse()
}

function marksOf(events: readonly StoredEvent[]): HistoryPosition[] {
  return events.map(({ position, tag }) => ({ position, tag }))
}
