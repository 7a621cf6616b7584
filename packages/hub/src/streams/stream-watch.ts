import type { Tail, TailListener } from '../hub/tail.ts'
import type { StoredEvent } from '../store/store.ts'
import type { StreamLog } from './stream-log.ts'
import type { StreamTopics } from './stream-name.ts'
import { isEnd, readRecord, type StreamRecord } from './stream-record.ts'

interface Watched {
  readonly last: StreamRecord
  /** The bytes of its events, as far as this hub has seen them come. */
  readonly bytes: number
  /** When it came, by the clock of this process that never jumps. */
  readonly heardAt: number
}

export interface WatchListener {
  /** Called with each record, of any writer. */
  onRecord(name: string, record: StreamRecord): void
  /** Called when a stream was silent for its lease. It is watched on until `forget`, or until more comes. */
  onSilent(name: string, last: StreamRecord): void
  /** Called when the history has lost its end. */
  onDiverged(): void
  onError(error: unknown): void
}

/** How soon a silent stream that could not be ended is looked at again, in milliseconds. */
const againMs = 1000

/**
 * How long after the start the hub looks for streams that were open before, in milliseconds: those who come back after a
 * restart are served first.
 */
const lookAfterMs = 1000

/** How late a timer is when this process was not able to listen, in milliseconds. */
const lateEnoughMs = 200

/**
 * The open streams of a history, whoever writes them, and how long each has been silent. Follows the
 * tail, so it knows of all of them, and of those that were open before by their beginnings.
 */
export class StreamWatch implements TailListener {
  readonly #topics: StreamTopics
  readonly #listener: WatchListener
  readonly #open = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #isClosed = false
  /** Looks for the streams that are open, and were silent since a time. */
  #look: (since: number) => Promise<void> = async () => {}
  /** The look that is to come, or the newest. Never rejects. */
  #looked: Promise<void> = Promise.resolve()
  /** Has that look begin at once. */
  #lookNow = () => {}

  constructor(topics: StreamTopics, listener: WatchListener) {
    this.#topics = topics
    this.#listener = listener
  }

  /** Follows the tail, then looks for the streams that were open before, without waiting for that. */
  async start(tail: Tail, log: StreamLog): Promise<void> {
    this.#look = async (since) => {
      for await (const name of log.openNames()) {
        if (this.#isClosed) return
        // Not its beginning: then what was written since would be taken for a sign of life.
        const place = await log.place(name)
        if (place.name !== 'open') continue
        const { last } = place
        // It was silent since the tail began. Reading may have taken long, for its writer, too: half its time is left.
        this.watch(name, last, Math.max(since, performance.now() - last.leaseMs / 2))
      }
    }
    await tail.start()
  }

  /** The names of the streams that are open, those from before included. */
  async names(): Promise<readonly string[]> {
    this.#lookNow()
    await this.#looked
    return [...this.#open.keys()]
  }

  /** The newest record of an open stream that this hub has seen; other hubs may have stored more. */
  lastOf(name: string): StreamRecord | undefined {
    return this.#open.get(name)?.last
  }

  /** The bytes of a stream's events, as far as this hub has seen them come. */
  bytesOf(name: string): number {
    return this.#open.get(name)?.bytes ?? 0
  }

  get size(): number {
    return this.#open.size
  }

  /** Watches a stream that is open, and was heard of now, or at another time of `performance.now()`. */
  watch(name: string, last: StreamRecord, heardAt = performance.now()): void {
    if (this.#isClosed) return
    const known = this.#open.get(name)
    const isSame = known?.last.run === last.run
    if (isSame && known.last.number >= last.number) return
    const bytes = (isSame ? known.bytes : 0) + (last.kind === 'event' ? Buffer.byteLength(last.data) : 0)
    this.#open.set(name, { last, bytes, heardAt })
    this.#checkAt(heardAt + last.leaseMs)
  }

  forget(name: string): void {
    this.#open.delete(name)
  }

  close(): void {
    this.#isClosed = true
    this.#open.clear()
    clearTimeout(this.#timer)
    this.#lookNow()
  }

  onStart(): void {
    // After a failure of the tail, what was missed is not silence.
    const heardAt = performance.now()
    for (const [name, watched] of this.#open) this.#open.set(name, { ...watched, heardAt })
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, lookAfterMs)
    timer.unref()
    this.#lookNow = () => {
      clearTimeout(timer)
      resolve()
    }
    this.#looked = promise
      .then(() => (this.#isClosed ? undefined : this.#look(heardAt)))
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#listener.onError(error)
      })
  }

  onAppend(events: readonly StoredEvent[]): void {
    for (const event of events) {
      const record = readRecord(event)
      const name = record && this.#topics.nameOf(event.topics[0])
      if (!record || name === undefined) continue
      if (isEnd(record.kind)) this.forget(name)
      else this.watch(name, record)
      this.#listener.onRecord(name, record)
    }
  }

  onTrim(): void {}

  onDiverged(): void {
    this.#listener.onDiverged()
  }

  onError(): void {
    // The fan-out follows the same store, and reports it.
  }

  #checkAt(time: number): void {
    if (time >= this.#dueAt || this.#isClosed) return
    clearTimeout(this.#timer)
    this.#dueAt = time
    this.#timer = setTimeout(() => this.#check(), Math.max(1, Math.ceil(time - performance.now())))
    this.#timer.unref()
  }

  #check(): void {
    const now = performance.now()
    const lateMs = now - this.#dueAt
    this.#dueAt = Infinity
    // This process was busy, or asleep, and may not have read yet what came meanwhile: its own absence is nobody's silence.
    if (lateMs > lateEnoughMs) {
      for (const [name, watched] of this.#open) this.#open.set(name, { ...watched, heardAt: watched.heardAt + lateMs })
    }
    let next = Infinity
    for (const [name, { last, heardAt }] of this.#open) {
      const silentAt = heardAt + last.leaseMs
      if (silentAt > now) next = Math.min(next, silentAt)
      else {
        next = Math.min(next, now + againMs)
        this.#listener.onSilent(name, last)
      }
    }
    if (next < Infinity) this.#checkAt(next)
  }
}
