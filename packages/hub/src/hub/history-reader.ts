import { frameBytes } from '@headwater/sse/internal'
import { RecentMap } from '../base/recent-map.ts'
import type {
  EventStore,
  HistoryPosition,
  ReadBackPage,
  ReadBackQuery,
  ReadPage,
  ReadQuery,
  StoredEvent,
} from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import { type LastEvent, LastEvents } from './last-events.ts'
import { markFrame } from './marked-frame.ts'
import type { Selection } from './selection.ts'
import { SharedWork } from './shared-work.ts'
import { Turns } from './turns.ts'

/** A part of the history for one selection. */
export interface HistoryPage {
  readonly events: readonly StoredEvent[]
  /** The frames of its events; empty if it has none. Encoded on first use. */
  readonly bytes: Uint8Array
  /** How far it reaches: every event up to here is in it, not in the selection, or lost. */
  readonly through: number
  /**
   * Whether nothing in its range was trimmed or damaged. If so, it is complete whenever it is sent.
   */
  readonly isWhole: boolean
  /** Whether an event of this selection was trimmed before it could be read. */
  readonly hasLost: boolean
  /** Whether events of its range are damaged, which may have been of this selection. */
  readonly isDamaged: boolean
  /** The oldest event that is kept, of any selection. */
  readonly earliest: HistoryPosition | undefined
  /** The last position at which events may be lost. All of the page comes after it. */
  readonly gapEnd: HistoryPosition
}

/**
 * The size of a page, counted as stores do: what a subscriber receives in one piece when it reads
 * from the history.
 */
const pageBytes = 64 * 1024
/** Limits the time for one page if its events are tiny, or if few of those read are admitted. */
const pageEvents = 1000
/**
 * Pages read at once. Further readers only wait. A higher limit would only hold more pages in
 * memory: the store works on one at a time.
 */
export const maxReads = 16

/** Pages kept for readers that soon want the same. */
const maxKeptPages = 32

/**
 * The only way to the history, for subscribers and programs that catch up, and for requests for the
 * last events. It reads page by page, and a bounded number of pages at once. Other readers wait in
 * line and hold nothing. A reader that leaves is out of the line at once, and nothing more is read
 * for it.
 *
 * Readers of the same selection that want the same page share one read of it, and its bytes: at the
 * same time, or soon after each other, like a crowd that reconnects after it was cut off together.
 */
export class HistoryReader {
  readonly #store: EventStore
  readonly #turns = new Turns(maxReads)
  readonly #reads = new SharedWork<HistoryPage>()
  readonly #last: LastEvents
  readonly #pages = new RecentMap<HistoryPage>(maxKeptPages)
  /** How many times it began anew. What was being read then is not shared any more. */
  #restarts = 0

  constructor(store: EventStore) {
    this.#store = store
    this.#last = new LastEvents(store)
  }

  /** Whether this page is being read, so that a further reader of it costs nothing. */
  isReading(selection: Selection, after: number): boolean {
    return this.#reads.has(this.#keyOf(selection, after))
  }

  /**
   * Returns the page of a selection after a position, if it was read recently. It may end before
   * the current head.
   */
  recall(selection: Selection, after: number): HistoryPage | undefined {
    return this.#pages.get(this.#keyOf(selection, after))
  }

  /** Forgets the pages: trimmed events should be gone, and unused pages should not hold memory. */
  forget(): void {
    this.#pages.clear()
  }

  /** Forgets everything: the history may be a different one now. */
  restart(): void {
    this.#restarts++
    this.#pages.clear()
    this.#last.restart()
  }

  /**
   * Reads the page of a selection after a position, up to the head. Rejects as the store does, or
   * with the signal's reason.
   */
  read(selection: Selection, after: number, head: HistoryPosition, signal?: AbortSignal): Promise<HistoryPage> {
    const key = this.#keyOf(selection, after)
    const read = async (signal: AbortSignal) => {
      const page = await this.#turns.take(signal, () => this.#read(selection, after, head, signal))
      this.#keep(key, page)
      return page
    }
    return this.#reads.do(key, read, signal)
  }

  /**
   * Reads a page of all events, for a hub that copies the history, and for operators. Rejects as the
   * store does, or with the signal's reason.
   */
  readAll(query: ReadQuery, signal?: AbortSignal): Promise<ReadPage> {
    return this.#turns.take(signal, () => this.#store.read(query))
  }

  /**
   * Reads a page of all events backwards, for operators. A store that only reads forwards is read from
   * as far back as the page may reach. Rejects as the store does, or with the signal's reason.
   */
  async readAllBack(query: ReadBackQuery, signal?: AbortSignal): Promise<ReadBackPage> {
    const store = this.#store
    if (store.readBack) return await this.#turns.take(signal, () => store.readBack!(query))
    const { before, topics, maxEvents, maxBytes } = query
    const after = Math.max(0, before - 1 - maxEvents)
    const forwards = { after, through: before - 1, topics, maxEvents, maxBytes: maxBytes * maxEvents }
    const { events } = await this.#turns.take(signal, () => store.read(forwards))
    return { events: events.toReversed(), from: after }
  }

  /** Whether an event of the selection after this position is lost. */
  async hasLost(selection: Selection, after: number, signal?: AbortSignal): Promise<boolean> {
    const { head, trimmed } = await this.#store.bounds()
    if (trimmed.position <= after) return false
    const { topics } = selection
    const { lost } = await this.#turns.take(signal, () =>
      this.#store.read({ after, through: head.position, topics, maxEvents: 1, maxBytes: 1 }),
    )
    return lost.some((trace) => selection.admitsTombstone(trace))
  }

  /** Whether the subscriber has a right to the event at a position, selected or not. */
  async mayReceive(selection: Selection, { position }: HistoryPosition, signal?: AbortSignal): Promise<boolean> {
    const range = { after: position - 1, through: position, topics: undefined, maxEvents: 1, maxBytes: 1 }
    const { events } = await this.#turns.take(signal, () => this.#store.read(range))
    return events.some((event) => selection.mayReceive(event))
  }

  /**
   * Finds the `nth` newest kept event of a selection: 1 for the newest. Rejects as the store does,
   * or with the signal's reason.
   */
  findLast(selection: Selection, nth: number, signal?: AbortSignal): Promise<LastEvent> {
    return this.#last.find(selection, nth, signal)
  }

  #keyOf({ key }: Selection, after: number): string {
    return `${this.#restarts} ${after} ${key}`
  }

  #keep(key: string, page: HistoryPage): void {
    // An empty page is read again as quickly, and its end is soon behind the head. Losses must be
    // reported as of now.
    if (page.events.length > 0 && page.isWhole) this.#pages.set(key, page)
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
    const { damaged } = page
    const { trimmed, earliest } = page.bounds
    // What was trimmed after that head is not lost to a subscriber: the tail brings it.
    const gapEnd = trimmed.position < head.position ? trimmed : head
    let bytes: Uint8Array | undefined
    return {
      events,
      get bytes() {
        bytes ??= Buffer.concat(
          events.map((event) => {
            const frame = frameBytes(selection.form.encode(epoch, event))
            return selection.isMarked ? markFrame(frame, event, selection) : frame
          }),
        )
        return bytes
      },
      through: page.through,
      isWhole: trimmed.position <= after && !damaged,
      hasLost: page.lost.some((trace) => selection.admitsTombstone(trace)),
      isDamaged: damaged !== undefined,
      earliest,
      gapEnd: damaged && damaged.position > gapEnd.position ? damaged : gapEnd,
    }
  }
}
