import { createEpoch } from '@headwater/sse/internal'
import type { HubError } from '../../src/base/errors.ts'
import { fieldsOf } from '../../src/store/event-fields.ts'
import { topicsOf } from '../../src/store/history/event-row.ts'
import { storeError } from '../../src/store/history/failure.ts'
import { idTaken } from '../../src/store/id-taken.ts'
import { EventLog } from '../../src/store/sqlite/event-log.ts'
import type { HistoryEnd } from '../../src/store/sqlite/history-end.ts'
import type { EventStore } from '../../src/store/store.ts'

/** What a trial needs of a store. */
export type TriedStore = Pick<EventStore, 'epoch' | 'append' | 'read' | 'bounds' | 'inspect' | 'find' | 'close'>

/**
 * The store on disk without its thread, which takes most of the time of a trial to start: as its thread would answer, one request
 * after the other. Before it answers, it has compared the index of topics, or part of it, or nothing.
 */
export function openLogStore(
  directory: string,
  checkSteps: number,
  { onError, onLoss }: { onError(error: HubError): void; onLoss(end: HistoryEnd): void },
): TriedStore {
  const bounds = { maxAgeMs: Infinity, maxEvents: Infinity, maxBytes: Infinity, idempotencyMs: 3_600_000 }
  const log = new EventLog({ directory, durability: 'fast', newEpoch: createEpoch(), openedAt: Date.now(), ...bounds })
  const { history, end } = log
  if (end.name === 'lost' || end.name === 'replaced') onLoss(end)
  for (let step = 0; step < checkSteps && !history.checkStep(); step++) {}
  const ask = <T>(answer: () => T): Promise<T> => {
    try {
      return Promise.resolve(answer())
    } catch (error) {
      return Promise.reject(storeError('The history cannot be read', error, directory))
    } finally {
      const trouble = log.nextTrouble()
      if (trouble) onError(storeError(trouble.message, new Error(trouble.code), directory))
    }
  }
  return {
    epoch: history.epoch,
    append: (event, { idempotencyKey } = {}) =>
      ask(() => {
        const { positions, tags, taken } = log.append([[...fieldsOf(event), idempotencyKey, false]], Date.now())
        if (taken) throw idTaken(taken.get(0)!)
        return { position: positions[0]!, tag: tags[0]! }
      }),
    read: ({ topics, ...query }) =>
      ask(() => {
        const { rows, reach, damaged } = history.read({ ...query, topics: topics && [...topics] })
        const events = rows.map(([position, tag, topic, alternates, isPrivate, id, type, retryMs, data]) => ({
          topics: topicsOf(topic, alternates),
          data: typeof data === 'string' ? data : Buffer.from(data).toString(),
          isPrivate: isPrivate === 1,
          id: id ?? undefined,
          type: type ?? undefined,
          retryMs: retryMs ?? undefined,
          position,
          tag,
        }))
        const lost = history.lost(query.after, topics && [...topics])
        return { events, through: reach, lost, damaged, bounds: history.bounds() }
      }),
    bounds: () => ask(() => history.bounds()),
    inspect: (position) => ask(() => history.inspect(position)),
    find: (id) => ask(() => history.find(id)),
    close: async () => log.close(),
  }
}
