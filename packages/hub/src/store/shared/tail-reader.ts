import { setImmediate } from 'node:timers'
import { HubError } from '../../base/errors.ts'
import type { Bounds, Follower, StoredEvent } from '../store.ts'
import type { StoreConnection } from './messages.ts'
import { Segment } from './segment.ts'
import type { SegmentMemory } from './shared-log.ts'

/** How many segments are read for a follower before other work of the thread gets its turn. */
const segmentsPerTurn = 16

/** A follower and its place in the log. */
interface Cursor {
  readonly follower: Follower
  segment: Segment
  offset: number
}

/** Reads a log that another thread writes, for all followers of this thread. */
export class TailReader {
  readonly #wakeup: Int32Array
  readonly #progress: BigInt64Array
  readonly #cursors = new Set<Cursor>()
  #newest: Segment
  #isWaiting = false

  constructor({ wakeup, progress, memory }: StoreConnection) {
    this.#wakeup = wakeup
    this.#progress = progress
    this.#newest = new Segment(memory, 0)
  }

  /**
   * Follows the log from an offset in the last segment that it received, until the function it
   * returns is called.
   */
  follow(follower: Follower, bounds: Bounds, offset: number): () => void {
    follower.onStart(bounds)
    const cursor = { follower, segment: this.#newest, offset }
    this.#cursors.add(cursor)
    // Not before the caller knows that it follows.
    setImmediate(() => this.#look())
    return () => {
      this.#cursors.delete(cursor)
    }
  }

  /** The log continues in this segment. */
  onSegment(memory: SegmentMemory): void {
    const last = this.#newest
    this.#newest = new Segment(memory, last.bytesBefore + last.byteLength)
    last.next ??= this.#newest
    this.#look()
  }

  /** The log continues in segments that this thread does not receive. */
  onCutOff(): void {
    this.#newest.next = 'cut off'
    this.#look()
  }

  /** Fails all followers: nothing can be read any more. */
  fail(error: Error): void {
    for (const cursor of [...this.#cursors]) this.#fail(cursor, error)
  }

  close(): void {
    this.#cursors.clear()
  }

  /** Delivers to every follower what is new to it. */
  #look(): void {
    // Loaded before anything is read, so that what is written meanwhile wakes this thread at once.
    const version = Atomics.load(this.#wakeup, 0)
    let isBehind = false
    for (const cursor of this.#cursors) if (!this.#advance(cursor)) isBehind = true
    let done = this.#newest.bytesBefore
    for (const { segment } of this.#cursors) done = Math.min(done, segment.bytesBefore)
    Atomics.store(this.#progress, 0, BigInt(done))
    if (this.#cursors.size > 0) this.#lookAgain(isBehind, version)
  }

  #lookAgain(isBehind: boolean, version: number): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    const look = () => {
      this.#isWaiting = false
      this.#look()
    }
    const change = isBehind ? undefined : Atomics.waitAsync(this.#wakeup, 0, version)
    if (change?.async) change.value.then(look)
    else setImmediate(look)
  }

  /** Reads for a follower. Returns whether it has received everything there is. */
  #advance(cursor: Cursor): boolean {
    for (let count = 0; count < segmentsPerTurn; count++) {
      const isOver = this.#read(cursor)
      const { next } = cursor.segment
      if (!this.#cursors.has(cursor) || !isOver || next === undefined) return true
      if (next === 'cut off') {
        this.#fail(cursor, fellBehind())
        return true
      }
      cursor.segment = next
      cursor.offset = Segment.start
    }
    return false
  }

  /** Reads the segment of a follower. Returns whether no more will follow in it. */
  #read(cursor: Cursor): boolean {
    const { follower } = cursor
    let events: StoredEvent[] = []
    const flush = () => {
      if (events.length > 0 && this.#cursors.has(cursor)) follower.onAppend(events)
      events = []
    }
    const { end, isOver } = cursor.segment.readFrom(cursor.offset, (record) => {
      if (record.name === 'event') {
        events.push(record.event)
        return
      }
      flush()
      if (!this.#cursors.has(cursor)) return
      if (record.name === 'trimmed') follower.onTrim(record.trimmed)
      else this.#fail(cursor, record.error)
    })
    cursor.offset = end
    flush()
    return isOver
  }

  #fail(cursor: Cursor, error: Error): void {
    this.#cursors.delete(cursor)
    cursor.follower.onFailure(error)
  }
}

function fellBehind(): HubError {
  return new HubError(
    'STORE_FAILED',
    'This thread reads new events so much more slowly than they arrive that it must start again. Its subscribers continue from the history.',
  )
}
