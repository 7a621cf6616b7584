import { HubError } from '../base/errors.ts'
import { isIdTaken } from '../store/id-taken.ts'
import type { Append, EventStore, HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { PreparedEvent } from './publish-init.ts'
import { storeSpan, withSpan } from './publish-spans.ts'
import type { HubSpan } from './telemetry.ts'

/**
 * Stores prepared events, and makes their IDs of the positions that come back. Knows what the store
 * has not answered yet, so that closing can wait for it.
 */
export class EventAppender {
  readonly #store: EventStore
  #isClosed = false
  #underWay = 0
  #onNone: (() => void) | undefined

  constructor(store: EventStore) {
    this.#store = store
  }

  /** Throws `HUB_CLOSED` once it is closed. */
  assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /** Stores an event, and resolves to its ID. The span of the store is below `span`. */
  append(prepared: PreparedEvent, span?: HubSpan): Promise<string> {
    if (this.#isClosed) return Promise.reject(closedError())
    const storing = span && storeSpan(span, [prepared])
    const stored = this.#store.append(prepared.event, prepared)
    this.#begin()
    return stored.then(
      (position) => {
        this.#end()
        storing?.set({ 'headwater.position': position.position })
        storing?.end()
        return prepared.event.id ?? positionId(this.#store.epoch, position)
      },
      (error) => {
        this.#end()
        storing?.end(error)
        throw error
      },
    )
  }

  /** Stores events in this order, all or none if the store can, and resolves to their IDs. */
  async appendAll(prepared: readonly PreparedEvent[], span?: HubSpan): Promise<readonly string[]> {
    const storing = span && storeSpan(span, prepared)
    const positions = await withSpan(storing, () => this.store(prepared))
    return prepared.map(({ event }, index) => event.id ?? positionId(this.#store.epoch, positions[index]!))
  }

  /**
   * Stores events in this order, each by itself: one whose ID is taken is not in the way of the
   * others. Resolves to the ID of each, or why it is not stored. If the store fails, it stores
   * nothing more.
   */
  async appendEach(events: readonly PreparedEvent[], span?: HubSpan): Promise<readonly PromiseSettledResult<string>[]> {
    // Together if that is possible: they share a commit, and its sync.
    if (this.#store.appendAll) {
      const together = await settle(this.appendAll(events, span))
      if (together.status === 'fulfilled') return together.value.map((value) => ({ status: 'fulfilled', value }))
      if (!isIdTaken(together.reason)) return events.map(() => together)
    }
    const results: PromiseSettledResult<string>[] = []
    let failure: PromiseRejectedResult | undefined
    for (const event of events) {
      const result = failure ?? (await settle(this.append(event, span)))
      if (result.status === 'rejected' && !isIdTaken(result.reason)) failure = result
      results.push(result)
    }
    return results
  }

  /** Stores events in this order, all or none if the store can, and resolves to their positions. */
  async store(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    this.assertOpen()
    this.#begin()
    try {
      return await storeAll(this.#store, appends)
    } finally {
      this.#end()
    }
  }

  /** Accepts nothing more. Resolves when the store has answered everything. */
  close(): Promise<void> {
    this.#isClosed = true
    if (this.#underWay === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onNone = resolve
    })
  }

  #begin(): void {
    this.#underWay++
  }

  #end(): void {
    this.#underWay--
    if (this.#underWay === 0) this.#onNone?.()
  }
}

/** Stores events in this order, all or none if the store can. */
export async function storeAll(store: EventStore, appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
  if (store.appendAll && appends.length > 1) return await store.appendAll(appends)
  const marks: HistoryPosition[] = []
  // Appends that are under way together may be stored in any order.
  for (const each of appends) marks.push(await store.append(each.event, each))
  return marks
}

async function settle<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise])
  return result
}

function closedError(): HubError {
  return new HubError('HUB_CLOSED', 'The hub is shutting down. Try again when it, or another, is up.')
}
