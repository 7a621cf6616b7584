import { Fifo } from '../base/fifo.ts'
import type { StoredEvent } from '../store/store.ts'
import { Feed, type FeedFrame, type FeedMember } from './feed.ts'
import { FeedOrder } from './feed-order.ts'
import type { Selection } from './selection.ts'
import { SelectionIndex } from './selection-index.ts'

/** The memory of a frame in a feed beyond its bytes. */
const frameOverheadBytes = 100

/**
 * All feeds of a hub: one for each selection in use, found by what an event is about, in bounded
 * memory.
 */
export class Feeds<Member extends FeedMember> {
  readonly #maxBytes: number
  /** By the key of their selection, and what kind of client has it. */
  readonly #bySelection = new Map<string, Feed<Member>>()
  readonly #index = new SelectionIndex<Feed<Member>>()
  readonly #order = new FeedOrder<Feed<Member>>()
  /** The feeds in the order of their frames, the oldest first, and the bytes of all frames. */
  #frameOrder = new Fifo<{ feed: Feed<Member>; bytes: number }>()
  #frameBytes = 0
  /** The shared memory that contains the newest frame, if any does. */
  #newestShared: SharedArrayBuffer | undefined

  /** `maxBytes` limits what all feeds keep together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get size(): number {
    return this.#bySelection.size
  }

  /** The feed that has received no frame for the longest time. */
  get quietest(): Feed<Member> | undefined {
    return this.#order.quietest
  }

  /** Returns the feed of a selection, for clients of one kind. A new one begins at `position`. */
  feedFor(selection: Selection, isForEventSources: boolean, position: number): Feed<Member> {
    const key = keyOf(selection, isForEventSources)
    const existing = this.#bySelection.get(key)
    if (existing) return existing
    const feed = new Feed<Member>(selection, isForEventSources, position)
    this.#bySelection.set(key, feed)
    this.#order.moveToEnd(feed)
    this.#index.add(feed)
    return feed
  }

  delete(feed: Feed<Member>): void {
    this.#bySelection.delete(keyOf(feed.selection, feed.isForEventSources))
    this.#order.delete(feed)
    this.#index.delete(feed)
  }

  /** Calls back with each feed whose selection admits an event. */
  select(event: StoredEvent, onFeed: (feed: Feed<Member>) => void): void {
    this.#index.select(event, onFeed)
  }

  /** Puts a frame into a feed. If all feeds then hold too much, drops their oldest frames. */
  put(feed: Feed<Member>, frame: FeedFrame): void {
    feed.append(frame)
    this.#order.moveToEnd(feed)
    const bytes = this.#heldBy(frame) + frameOverheadBytes
    this.#frameOrder.push({ feed, bytes })
    this.#frameBytes += bytes
    while (this.#frameBytes > this.#maxBytes) {
      const oldest = this.#frameOrder.shift()
      if (!oldest) break
      oldest.feed.dropOldest()
      this.#frameBytes -= oldest.bytes
    }
  }

  /** Restarts all feeds at a position, without frames. Calls back with each. */
  restart(position: number, onFeed: (feed: Feed<Member>) => void): void {
    this.#frameOrder = new Fifo()
    this.#frameBytes = 0
    for (const feed of this.#bySelection.values()) {
      feed.restart(position)
      onFeed(feed)
    }
  }

  /**
   * Returns the memory that a frame keeps from being freed: if threads share it, all of the memory
   * that the frame is in.
   */
  #heldBy({ bytes }: FeedFrame): number {
    if (!(bytes.buffer instanceof SharedArrayBuffer)) return bytes.length
    const isNew = this.#newestShared !== bytes.buffer
    this.#newestShared = bytes.buffer
    return isNew ? bytes.buffer.byteLength : 0
  }
}

function keyOf({ key }: Selection, isForEventSources: boolean): string {
  return isForEventSources ? key : `${key} `
}
