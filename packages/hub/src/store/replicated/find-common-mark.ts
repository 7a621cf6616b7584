import type { Replica } from '../replica.ts'
import { beginning, type HistoryPosition, markOf } from '../store.ts'
import type { HistorySource } from './history-source.ts'

/**
 * Finds the newest event that a copy and its source both have, from the end of the copy back;
 * {@link beginning} if there is none.
 */
export async function findCommonMark(replica: Replica, source: HistorySource): Promise<HistoryPosition> {
  const { head } = await replica.bounds()
  let before = head.position + 1
  for (let maxEvents = 64; ; maxEvents = Math.min(maxEvents * 2, 4096)) {
    const { events, from } = await replica.readBack!({ before, topics: undefined, maxEvents, maxBytes: 16 * 1024 ** 2 })
    const tags = await source.tagsOf(events.map(({ position }) => position))
    const common = events.find(({ position, tag }) => tags.get(position) === tag)
    if (common) return markOf(common)
    if (from === 0) return beginning
    before = from
  }
}
