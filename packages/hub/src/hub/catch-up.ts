import { encodeGap, frameBytes } from '@headwater/sse/internal'
import { Fifo } from '../base/fifo.ts'
import type { HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import { type HistoryReader, maxReads } from './history-reader.ts'
import type { DeliveryCounts } from './stats.ts'
import type { Subscriber } from './subscriber.ts'

/** What the fan-out does for those who catch up. */
export interface CatchUpListener {
  /** How far the feeds have come. */
  head(): HistoryPosition
  /** A subscriber has a page to be sent, or was sent one, and goes where it belongs. */
  place(subscriber: Subscriber, given?: Uint8Array): void
  /** There is something to do again. */
  onWork(): void
  onError(error: unknown): void
}

/**
 * Sends the subscribers that their feeds no longer reach what they lack, from the history, page by
 * page: each at its own pace, and a bounded number of pages at once. One that waits to read is only a
 * position.
 */
export class CatchUp {
  readonly #history: HistoryReader
  readonly #epoch: string
  readonly #counts: DeliveryCounts
  readonly #listener: CatchUpListener
  /** Subscribers with a page of history to be sent. */
  readonly #withPage = new Fifo<Subscriber>()
  /** Subscribers with history to be read. */
  readonly #toRead = new Fifo<Subscriber>()
  /** How many pages are being read for subscribers. */
  #reads = 0

  constructor(history: HistoryReader, epoch: string, counts: DeliveryCounts, listener: CatchUpListener) {
    this.#history = history
    this.#epoch = epoch
    this.#counts = counts
    this.#listener = listener
  }

  /** Whether it can do anything now: otherwise it waits for the store, or nobody catches up. */
  get hasWork(): boolean {
    return this.#withPage.length > 0 || this.#canRead()
  }

  /** Takes in a subscriber that has room, and that its feed does not reach. */
  add(subscriber: Subscriber): void {
    if (subscriber.page) this.#withPage.push(subscriber)
    else this.#toRead.push(subscriber)
  }

  /** Sends one page, or begins to read one. */
  step(): void {
    if (this.#withPage.length > 0) this.#givePage(this.#withPage.shift()!)
    else this.#read(this.#toRead.shift()!)
  }

  /** Pages are sent before more are read, so that few of them are in memory at any time. */
  #canRead(): boolean {
    return this.#toRead.length > 0 && this.#withPage.length === 0 && this.#reads < maxReads
  }

  #read(subscriber: Subscriber): void {
    if (!subscriber.session.isOpen) return
    const { feed, position } = subscriber
    // A subscriber with a gap needs a new page, which says where the gap ends now.
    const page = subscriber.gap ? undefined : this.#history.recall(feed.selection, position)
    if (page) {
      subscriber.page = page
      this.#givePage(subscriber)
      return
    }
    // A read that is under way is shared by all subscribers that want its page.
    const isNew = !this.#history.isReading(feed.selection, position)
    if (isNew) this.#reads++
    const ended = () => {
      if (isNew) this.#reads--
      if (this.#canRead()) this.#listener.onWork()
    }
    this.#history.read(feed.selection, position, this.#listener.head()).then(
      (page) => {
        subscriber.page = page
        this.#listener.place(subscriber)
        ended()
      },
      (error: unknown) => {
        // The client keeps its last event ID and reconnects with it.
        subscriber.session.drain()
        this.#listener.onError(error)
        ended()
      },
    )
  }

  #givePage(subscriber: Subscriber): void {
    const { session, page } = subscriber
    let given: Uint8Array | undefined
    if (page) {
      const before = subscriber.moveThrough(page, this.#epoch)
      if (before) {
        const { gap, end } = before
        this.#counts.gaps.add(gap.reason)
        subscriber.replay?.gap(gap.reason)
        session.offer(frameBytes(encodeGap(gap, positionId(this.#epoch, end))))
        subscriber.lastSentPosition = end.position
      }
      const last = page.events.at(-1)
      if (last) {
        given = page.bytes
        session.offer(given)
        this.#counts.add(page.events.length, given)
        subscriber.replay?.add(page.events.length, given.length)
        subscriber.lastSentPosition = last.position
      }
      subscriber.page = undefined
    }
    this.#listener.place(subscriber, given)
  }
}
