import { frameBytes } from '@headwater/sse/server'
import type { EventStore, HistoryPosition } from '../store/store.ts'
import { admittedEvents } from './admitted-events.ts'
import { encodeStoredEvent } from './event-frame.ts'
import type { Selection } from './selection.ts'

/** A stretch of the history as one selection gets it, encoded. */
export interface HistoryPage {
  /** The frames of its events; empty when it has none. */
  readonly bytes: Uint8Array
  readonly eventCount: number
  /** The position of the last of them. */
  readonly lastPosition: number | undefined
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
/** Reads under way at once. More would only hold more pages in memory: the store works on one at a time. */
const maxReads = 16

/** Pages kept for who wants the same soon. */
const maxKeptPages = 32

/**
 * Reads the history page by page. Subscribers of the same selection who want the same page share one read of it, and its bytes: at the
 * same time, or soon after each other, as a crowd does that comes back from where it was cut off together.
 */
export class HistoryReader {
  readonly #store: EventStore
  readonly #reads = new Map<string, Promise<HistoryPage>>()
  /** The last pages read, the oldest first. */
  readonly #pages = new Map<string, HistoryPage>()

  constructor(store: EventStore) {
    this.#store = store
  }

  /** Whether a further read should wait until one under way is over. */
  get isBusy(): boolean {
    return this.#reads.size >= maxReads
  }

  /** What a selection has after a position, if it was read lately. It may end before the head of now. */
  recall(selection: Selection, after: number): HistoryPage | undefined {
    return this.#pages.get(keyOf(selection, after))
  }

  /** Forgets the pages read: what is trimmed should be gone, and memory is not to be held for nobody. */
  forget(): void {
    this.#pages.clear()
  }

  /** Reads what a selection has after a position, up to the head. Rejects as the store does. */
  read(selection: Selection, after: number, head: HistoryPosition): Promise<HistoryPage> {
    const key = keyOf(selection, after)
    let reading = this.#reads.get(key)
    if (!reading) {
      reading = this.#read(selection, after, head).finally(() => this.#reads.delete(key))
      this.#reads.set(key, reading)
      reading.then((page) => this.#keep(key, page), ignore)
    }
    return reading
  }

  #keep(key: string, page: HistoryPage): void {
    // One with nothing in it is as quickly read, and its end is soon behind the head. What is lost has to be told as it is now.
    if (page.eventCount === 0 || !page.isWhole) return
    this.#pages.delete(key)
    this.#pages.set(key, page)
    if (this.#pages.size <= maxKeptPages) return
    for (const oldest of this.#pages.keys()) {
      this.#pages.delete(oldest)
      break
    }
  }

  async #read(selection: Selection, after: number, head: HistoryPosition): Promise<HistoryPage> {
    const page = await this.#store.read({
      after,
      through: head.position,
      topics: selection.topics,
      maxEvents: pageEvents,
      maxBytes: pageBytes,
    })
    const events = await admittedEvents(page.events, selection)
    return {
      bytes: Buffer.concat(events.map((event) => frameBytes(encodeStoredEvent(this.#store.epoch, event)))),
      eventCount: events.length,
      lastPosition: events.at(-1)?.position,
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

/** Whoever asked for the page is told. */
function ignore(): void {}
