import { frameBytes } from '@headwater/sse/server'
import type { EventStore, HistoryPosition, StoredEvent } from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import { encodeStoredEvent } from './event-frame.ts'
import { type LastEvent, LastEvents } from './last-events.ts'
import type { Selection } from './selection.ts'
import { SharedWork } from './shared-work.ts'
import { Turns } from './turns.ts'

/** A stretch of the history as one selection gets it. */
export interface HistoryPage {
  readonly events: readonly StoredEvent[]
  /** The frames of its events; empty when it has none. Encoded when they are first asked for. */
  readonly bytes: Uint8Array
  /** How far it reaches: all up to here is in it, or not of this selection, or lost. */
  readonly through: number
  /** Whether nothing was trimmed of what it reaches over: then it says all there ever was, whenever it is given. */
  readonly isWhole: boolean
  /** Whether an event of this selection was trimmed before it could be read. */
  readonly hasLost: boolean
  /** The oldest event that was kept, of any selection. */
  readonly earliest: HistoryPosition | undefined
  /** Up to where, at the most, events are lost. All of the page comes after it. */
  readonly gapEnd: HistoryPosition
}

/** The size of a page, counted as stores do: what a subscriber gets in one piece when it reads from the history. */
const pageBytes = 64 * 1024
/** Bounds the time one page takes when its events are tiny, or when few of those read are admitted. */
const pageEvents = 1000
/** Pages read at once; who asks for more only waits. More would only hold more pages in memory: the store works on one at a time. */
export const maxReads = 16

/** Pages kept for who wants the same soon. */
const maxKeptPages = 32

/**
 * The one way to the history: for subscribers and programs that catch up, and for who asks for the last events. It reads page by page, a
 * bounded number of them at once; the others wait in line and hold nothing. A reader who leaves is out of the line at once, and
 * nothing more is read for it.
 *
 * Readers of the same selection who want the same page share one read of it, and its bytes: at the same time, or soon after each
 * other, as a crowd does that comes back from where it was cut off together.
 */
export class HistoryReader {
  readonly #store: EventStore
  readonly #turns = new Turns(maxReads)
  readonly #reads = new SharedWork<HistoryPage>()
  readonly #last: LastEvents
  /** The last pages read, the oldest first. */
  readonly #pages = new Map<string, HistoryPage>()

  constructor(store: EventStore) {
    this.#store = store
    this.#last = new LastEvents(store)
  }

  /** Whether this page is being read, so that to want it as well costs nothing. */
  isReading(selection: Selection, after: number): boolean {
    return this.#reads.has(keyOf(selection, after))
  }

  /** What a selection has after a position, if it was read lately. It may end before the head of now. */
  recall(selection: Selection, after: number): HistoryPage | undefined {
    return this.#pages.get(keyOf(selection, after))
  }

  /** Forgets the pages read: what is trimmed should be gone, and memory is not to be held for nobody. */
  forget(): void {
    this.#pages.clear()
  }

  /** Forgets all it knows: the history may be another one now. */
  restart(): void {
    this.#pages.clear()
    this.#last.forget()
  }

  /** Reads what a selection has after a position, up to the head. Rejects as the store does, or with the signal's reason. */
  read(selection: Selection, after: number, head: HistoryPosition, signal?: AbortSignal): Promise<HistoryPage> {
    const key = keyOf(selection, after)
    const read = async (signal: AbortSignal) => {
      const page = await this.#turns.take(signal, () => this.#read(selection, after, head, signal))
      this.#keep(key, page)
      return page
    }
    return this.#reads.do(key, read, signal)
  }

  /** Whether an event after this position that a selection should have had is gone. */
  async hasLost(selection: Selection, after: number, signal?: AbortSignal): Promise<boolean> {
    const { head, trimmed } = await this.#store.bounds()
    if (trimmed.position <= after) return false
    const { topics } = selection
    const { lost } = await this.#turns.take(signal, () =>
      this.#store.read({ after, through: head.position, topics, maxEvents: 1, maxBytes: 1 }),
    )
    return lost.some((trace) => selection.admitsTombstone(trace))
  }

  /** Finds the `nth` newest kept event of a selection: 1 for the newest. Rejects as the store does, or with the signal's reason. */
  findLast(selection: Selection, nth: number, signal?: AbortSignal): Promise<LastEvent> {
    return this.#last.find(selection, nth, signal)
  }

  #keep(key: string, page: HistoryPage): void {
    // One with nothing in it is as quickly read, and its end is soon behind the head. What is lost has to be told as it is now.
    if (page.events.length === 0 || !page.isWhole) return
    this.#pages.delete(key)
    this.#pages.set(key, page)
    if (this.#pages.size <= maxKeptPages) return
    for (const oldest of this.#pages.keys()) {
      this.#pages.delete(oldest)
      break
    }
  }

  async #read(selection: Selection, after: number, head: HistoryPosition, signal: AbortSignal): Promise<HistoryPage> {
    const page = await this.#store.read({
      after,
      through: head.position,
      topics: selection.topics,
      maxEvents: pageEvents,
      maxBytes: pageBytes,
    })
    const { epoch } = this.#store
    const events = await admittedEvents(page.events, selection, signal)
    let bytes: Uint8Array | undefined
    return {
      events,
      get bytes() {
        bytes ??= Buffer.concat(events.map((event) => frameBytes(encodeStoredEvent(epoch, event))))
        return bytes
      },
      through: page.through,
      isWhole: page.bounds.trimmed.position <= after,
      hasLost: page.lost.some((trace) => selection.admitsTombstone(trace)),
      earliest: page.bounds.earliest,
      // What was trimmed after the head of then is not lost to a subscriber: the tail brings it.
      gapEnd: page.bounds.trimmed.position < head.position ? page.bounds.trimmed : head,
    }
  }
}

function keyOf({ key }: Selection, after: number): string {
  return `${after} ${key}`
}
