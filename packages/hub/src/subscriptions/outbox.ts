import { randomUUID } from 'node:crypto'
import { HubError } from '../base/errors.ts'
import { type Append, beginning, type EventRecord, type HistoryPosition } from '../store/store.ts'

/** Something to be told by events. */
export interface Announcement {
  events(): readonly EventRecord[]
  /** Called when they are stored, with where the first of them is. */
  onStored(mark: HistoryPosition): void
}

export interface OutboxOptions {
  /** Stores events: all of them in this order, or rejects. */
  readonly append: (appends: readonly Append[]) => Promise<readonly HistoryPosition[]>
  /** The newest event that is known of. */
  readonly head: () => HistoryPosition
  /** Gets what went wrong; it is tried again. */
  readonly onError: (error: unknown) => void
  /** How long to wait before what failed is tried again, at first and at most, in milliseconds. Default 1000 and 30000. */
  readonly retryMs?: readonly [first: number, most: number]
}

/** The most events, and about the most bytes, stored together. */
const maxBatchEvents = 500
const maxBatchBytes = 1024 * 1024

/**
 * Stores events that nobody waits for, in order: at once, or, while others are being stored, with all that came meanwhile. What cannot be
 * stored is tried again until it is.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #waiting = new Set<Announcement>()
  #isSending = false
  #isFailing = false
  #isClosing = false
  #retryNow = () => {}
  #settled: (() => void)[] = []
  /** The newest event stored by this. */
  #newest: HistoryPosition = beginning
  /** What {@link asOf} was before the events that are being stored. */
  #before: HistoryPosition | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /**
   * The newest place in the history of which it is certain that every announcement up to it has had its `onStored`, and that every
   * other one will come after it.
   *
   * While events are being stored that is the head before the first attempt: they come after it, wherever they are. Else it is the
   * head: what has not been given to the store comes after all that the store has told.
   */
  get asOf(): HistoryPosition {
    if (this.#before) return this.#before
    const head = this.#options.head()
    return head.position > this.#newest.position ? head : this.#newest
  }

  add(announcement: Announcement): void {
    this.#waiting.add(announcement)
    if (!this.#isSending) this.#send()
  }

  /**
   * Takes back what cannot be stored at the moment and has not been tried: it will not have happened. So a store that fails for long
   * leaves no more behind than there is to tell. `false` if it is too late, or if there is no need.
   */
  withdraw(announcement: Announcement): boolean {
    return this.#isFailing && this.#waiting.delete(announcement)
  }

  /** Resolves when nothing waits, or what waits cannot be stored at the moment. */
  settled(): Promise<void> {
    if (!this.#isSending || this.#isFailing) return Promise.resolve()
    return new Promise((resolve) => {
      this.#settled.push(resolve)
    })
  }

  /** Stores what waits, if it can be stored now; what cannot is given up. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#isFailing = false
    this.#retryNow()
    await this.settled()
  }

  async #send(): Promise<void> {
    this.#isSending = true
    while (this.#waiting.size > 0) {
      const batch = this.#takeBatch()
      this.#before = this.asOf
      const marks = await this.#store(batch.flatMap(({ appends }) => appends))
      if (!marks) break
      let index = 0
      for (const { announcement, appends } of batch) {
        announcement.onStored(marks[index]!)
        index += appends.length
      }
      this.#newest = marks.at(-1)!
      this.#before = undefined
    }
    this.#isSending = false
    this.#settle()
  }

  #takeBatch(): { announcement: Announcement; appends: readonly Append[] }[] {
    const batch = []
    let events = 0
    let bytes = 0
    for (const announcement of this.#waiting) {
      // Kept with the events, so that an attempt that failed may have stored them all the same.
      const appends = announcement.events().map((event) => ({ event, idempotencyKey: `outbox ${randomUUID()}` }))
      batch.push({ announcement, appends })
      this.#waiting.delete(announcement)
      events += appends.length
      for (const { event } of appends) bytes += event.data.length
      if (events >= maxBatchEvents || bytes >= maxBatchBytes) break
    }
    return batch
  }

  /** Resolves to `undefined` if it cannot be stored and is to close. */
  async #store(appends: readonly Append[]): Promise<readonly HistoryPosition[] | undefined> {
    const [first, most] = this.#options.retryMs ?? [1000, 30_000]
    for (let waitMs = first; ; waitMs = Math.min(2 * waitMs, most)) {
      const isLast = this.#isClosing
      try {
        const marks = await this.#options.append(appends)
        this.#isFailing = false
        return marks
      } catch (error) {
        if (isLast || !this.#isFailing) this.#report(error, isLast)
        if (isLast) {
          this.#waiting.clear()
          return undefined
        }
        if (this.#isClosing) continue
        this.#isFailing = true
        this.#settle()
        await this.#wait(waitMs)
      }
    }
  }

  #report(cause: unknown, isLast: boolean): void {
    const why = cause instanceof Error ? cause.message : String(cause)
    const then = isLast
      ? 'The hub that has this history next says that those are over.'
      : 'Nobody is dropped; it is tried again until they are stored.'
    const error = new HubError('STORE_FAILED', `Events of subscriptions cannot be stored: ${why} ${then}`, { cause })
    this.#options.onError(error)
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      this.#retryNow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #settle(): void {
    for (const resolve of this.#settled) resolve()
    this.#settled = []
  }
}
