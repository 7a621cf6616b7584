import { RecentMap } from '../base/recent-map.ts'
import {
  type EventStore,
  type HistoryPosition,
  markOf,
  type ReadBackPage,
  type ReadBackQuery,
  type StoredEvent,
} from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import type { Selection } from './selection.ts'
import { SharedWork } from './shared-work.ts'
import { Turns } from './turns.ts'

/** The position of one of the last events of a selection. */
export interface LastEvent {
  /** `undefined` if fewer events are kept. */
  readonly mark: HistoryPosition | undefined
  /** The end of the history when it was searched. */
  readonly head: HistoryPosition
}

/**
 * The most that is read in one piece. An append, or any other turn of the event loop, waits for at
 * most one of these.
 */
const pageEvents = 500
const pageBytes = 64 * 1024
/** The first piece is small: most searches are for an event or two near the end. */
const firstPageEvents = 8

/**
 * The most results kept, and the most characters of their selections, which clients may choose to
 * be long.
 */
const maxKept = 100
const maxKeyLength = 4096

/**
 * Searches the history from its end. Searches take turns, page by page, so that a long one delays a
 * short one by at most a page. Each one holds a number and a position, however many events it
 * counts. Readers that need the same result at the same time share one search, and it is not
 * repeated while the history does not grow.
 */
export class LastEvents {
  readonly #store: EventStore
  readonly #turns = new Turns(1)
  readonly #searches = new SharedWork<LastEvent>()
  readonly #found = new RecentMap<LastEvent>(maxKept)
  /** How many times it began anew. What was being searched then is not shared any more. */
  #restarts = 0

  constructor(store: EventStore) {
    this.#store = store
  }

  /**
   * Finds the `nth` newest kept event of a selection. Rejects as the store does, or with the
   * signal's reason.
   */
  async find(selection: Selection, nth: number, signal?: AbortSignal): Promise<LastEvent> {
    const key = `${this.#restarts} ${nth} ${selection.key}`
    const { head, trimmed } = await this.#store.bounds()
    let found = this.#found.get(key)
    // A search that began before this request may not have seen the newest event.
    while (!found || found.head.position < head.position) {
      found = await this.#searches.do(key, (signal) => this.#search(key, selection, nth, signal), signal)
    }
    return { mark: keptOf(found, trimmed), head }
  }

  /** Forgets everything: the history may be a different one now. */
  restart(): void {
    this.#restarts++
    this.#found.clear()
  }

  async #search(key: string, selection: Selection, nth: number, signal: AbortSignal): Promise<LastEvent> {
    const { head, trimmed } = await this.#store.bounds()
    // For the newest event, it is enough to search what was published since the last search.
    const known = nth === 1 ? this.#found.get(key) : undefined
    const range: SearchRange = { after: known?.head.position ?? 0, head }
    const newer = await (this.#store.readBack
      ? this.#searchBackwards(selection, nth, range, signal)
      : this.#searchForwards(selection, nth, range, signal))
    const found = { mark: newer ?? (known && keptOf(known, trimmed)), head }
    if (key.length <= maxKeyLength) this.#found.set(key, found)
    return found
  }

  async #searchBackwards(
    selection: Selection,
    nth: number,
    { after, head }: SearchRange,
    signal: AbortSignal,
  ): Promise<HistoryPosition | undefined> {
    let maxEvents = Math.min(Math.max(nth, firstPageEvents), pageEvents)
    let missing = nth
    for (let before = head.position + 1; before > after + 1; ) {
      const { events, from } = await this.#turns.take(signal, () =>
        this.#readBack(selection, before, maxEvents, signal),
      )
      if (events.length >= missing) return markOf(events[missing - 1]!)
      missing -= events.length
      before = from
      maxEvents = Math.min(2 * maxEvents, pageEvents)
    }
    return undefined
  }

  async #readBack(selection: Selection, before: number, maxEvents: number, signal: AbortSignal): Promise<ReadBackPage> {
    const { topics } = selection
    const store = this.#store as EventStore & { readBack(query: ReadBackQuery): Promise<ReadBackPage> }
    const { events, from } = await store.readBack({ before, topics, maxEvents, maxBytes: pageBytes })
    return { events: await admittedInTurn(events, selection, signal), from }
  }

  async #searchForwards(
    selection: Selection,
    nth: number,
    { after, head }: SearchRange,
    signal: AbortSignal,
  ): Promise<HistoryPosition | undefined> {
    let found: HistoryPosition[] = []
    for (let position = after; position < head.position; ) {
      position = await this.#turns.take(signal, async () => {
        const { events, through } = await this.#store.read({
          after: position,
          through: head.position,
          topics: selection.topics,
          maxEvents: pageEvents,
          maxBytes: pageBytes,
        })
        const admitted = await admittedInTurn(events, selection, signal)
        found = [...found, ...admitted.map(markOf)].slice(-nth)
        return through
      })
    }
    return found.length === nth ? found[0] : undefined
  }
}

interface SearchRange {
  readonly after: number
  readonly head: HistoryPosition
}

/**
 * Returns the events of a page that a selection admits. Other work has its turn of the event loop
 * after each page, however fast the store is.
 */
async function admittedInTurn(
  events: readonly StoredEvent[],
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly StoredEvent[]> {
  const admitted = await admittedEvents(events, selection, signal)
  await new Promise((resolve) => setImmediate(resolve))
  return admitted
}

/**
 * Returns the event's position, unless the event was trimmed after it was found: then fewer events
 * are kept.
 */
function keptOf({ mark }: LastEvent, trimmed: HistoryPosition): HistoryPosition | undefined {
  return mark && mark.position > trimmed.position ? mark : undefined
}
