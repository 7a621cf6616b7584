import { randomUUID } from 'node:crypto'
import { HubError } from '../base/errors.ts'
import { type Append, beginning, type EventRecord, type HistoryPosition } from '../store/store.ts'

/** A change to publish as events. */
export interface Announcement {
  events(): readonly EventRecord[]
  /**
   * Identifies the change, if others may publish it, too: it is then stored once. Default: this
   * announcement is the only one.
   */
  key?(): string
  /** Called when the events are stored, with the position of the first. */
  onStored(mark: HistoryPosition): void
}

export interface OutboxOptions {
  /** Stores all events in this order, or rejects. */
  readonly append: (appends: readonly Append[]) => Promise<readonly HistoryPosition[]>
  /** The newest known event. */
  readonly head: () => HistoryPosition
  /** Receives errors. The outbox retries after them. */
  readonly onError: (error: unknown) => void
  /** The first and the longest wait before a retry, in milliseconds. Default 1000 and 30000. */
  readonly retryMs?: readonly [first: number, most: number]
}

/** The most events, and about the most bytes, to store together. */
const maxBatchEvents = 500
const maxBatchBytes = 1024 * 1024

/**
 * Stores events that no caller waits for, in order: at once, or, while others are being stored,
 * together with all that arrive meanwhile. Retries until they are stored.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #waiting = new Set<Announcement>()
  #isSending = false
  #isFailing = false
  #isClosing = false
  #retryNow = () => {}
  #settled: (() => void)[] = []
  #newest: HistoryPosition = beginning
  /** The value of {@link asOf} before the events that are being stored. */
  #before: HistoryPosition | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /**
   * The newest position for which it is certain that every announcement up to it has had its
   * `onStored`, and that every other one will come after it.
   *
   * While events are being stored, that is the head before the first attempt: they come after it,
   * wherever they are. Otherwise it is the head: events not yet passed to the store come after all
   * that the store has reported.
   */
  get asOf(): HistoryPosition {
    if (this.#before) return this.#before
    const head = this.#options.head()
    return head.position > this.#newest.position ? head : this.#newest
  }

  /** Whether nothing waits or is under way. */
  get isIdle(): boolean {
    return !this.#isSending && this.#waiting.size === 0
  }

  /** The newest event that this outbox stored. */
  get newest(): HistoryPosition {
    return this.#newest
  }

  add(announcement: Announcement): void {
    this.#waiting.add(announcement)
    if (!this.#isSending) this.#send()
  }

  /**
   * Removes an announcement that cannot be stored at the moment and was not tried: it is then never
   * published. So a store that fails for long leaves no more to publish than the current changes.
   * Returns `false` if it is too late, or not needed.
   */
  withdraw(announcement: Announcement): boolean {
    return this.#isFailing && this.#waiting.delete(announcement)
  }

  /**
   * Resolves when nothing waits, or when the waiting announcements cannot be stored at the moment.
   */
  settled(): Promise<void> {
    if (!this.#isSending || this.#isFailing) return Promise.resolve()
    return new Promise((resolve) => {
      this.#settled.push(resolve)
    })
  }

  /** Stores the waiting announcements if possible, and drops the others. */
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
      // An event that another node had stored has an earlier position.
      for (const mark of marks) if (mark.position > this.#newest.position) this.#newest = mark
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
      // The keys stay with the events, because a failed attempt may have stored them all the same.
      const key = announcement.key?.() ?? randomUUID()
      const appends = announcement.events().map((event, index) => ({ event, idempotencyKey: `outbox ${index} ${key}` }))
      batch.push({ announcement, appends })
      this.#waiting.delete(announcement)
      events += appends.length
      for (const { event } of appends) bytes += event.data.length
      if (events >= maxBatchEvents || bytes >= maxBatchBytes) break
    }
    return batch
  }

  /** Resolves to `undefined` if the events cannot be stored and the outbox is closing. */
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
      ? 'The next hub on this history will publish their ends.'
      : 'No subscriber is dropped; the hub retries until they are stored.'
    const error = new HubError('STORE_FAILED', `Subscription events cannot be stored: ${why} ${then}`, { cause })
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
