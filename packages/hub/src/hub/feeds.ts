import { Fifo } from '../base/fifo.ts'
import { MatcherIndex } from '../matching/matcher-index.ts'
import { toTopics } from '../matching/topic.ts'
import type { StoredEvent } from '../store/store.ts'
import { Feed, type FeedFrame, type FeedMember } from './feed.ts'
import { FeedOrder } from './feed-order.ts'
import type { Selection } from './selection.ts'

/** What a frame in a feed takes beyond its bytes. */
const frameOverheadBytes = 100

/** All feeds of a hub: one for each selection that somebody has, found by what an event is about, in a bounded memory. */
export class Feeds<Member extends FeedMember> {
  readonly #maxBytes: number
  /** By the key of their selection. */
  readonly #bySelection = new Map<string, Feed<Member>>()
  /** By what they select. */
  readonly #index = new MatcherIndex<Feed<Member>>()
  readonly #order = new FeedOrder<Feed<Member>>()
  /** Whose frame is the oldest, the next oldest, and so on; and how many bytes they are together. */
  #frameOrder = new Fifo<{ feed: Feed<Member>; bytes: number }>()
  #frameBytes = 0
  /** The shared memory that the newest frame is in, if it is. */
  #newestShared: SharedArrayBuffer | undefined

  /** `maxBytes` is how much all feeds keep together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get size(): number {
    return this.#bySelection.size
  }

  /** The feed that has been without a frame for the longest time. */
  get quietest(): Feed<Member> | undefined {
    return this.#order.quietest
  }

  /** The feed of a selection. A new one begins at `position`. */
  feedFor(selection: Selection, position: number): Feed<Member> {
    const existing = this.#bySelection.get(selection.key)
    if (existing) return existing
    const feed = new Feed<Member>(selection, position)
    this.#bySelection.set(selection.key, feed)
    this.#order.moveToEnd(feed)
    this.#index.add(selection.matchers.matchers, feed)
    return feed
  }

  delete(feed: Feed<Member>): void {
    this.#bySelection.delete(feed.selection.key)
    this.#order.delete(feed)
    this.#index.delete(feed.selection.matchers.matchers, feed)
  }

  /** Calls back with each feed whose selection admits an event. */
  select({ topics, isPrivate }: StoredEvent, onFeed: (feed: Feed<Member>) => void): void {
    const privately = isPrivate ? toTopics(topics) : undefined
    for (const feed of this.#index.select(topics)) {
      if (!privately || feed.selection.grants(privately)) onFeed(feed)
    }
  }

  /** Puts a frame into a feed, and drops the oldest frames of any feeds once all of them are too much. */
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

  /** All feeds begin anew at a position, without a frame. Calls back with each. */
  restart(position: number, onFeed: (feed: Feed<Member>) => void): void {
    this.#frameOrder = new Fifo()
    this.#frameBytes = 0
    for (const feed of this.#bySelection.values()) {
      feed.restart(position)
      onFeed(feed)
    }
  }

  /** What is kept from being freed by keeping a frame: of memory shared with other threads it is all that the frame is in. */
  #heldBy({ bytes }: FeedFrame): number {
    if (!(bytes.buffer instanceof SharedArrayBuffer)) return bytes.length
    const isNew = this.#newestShared !== bytes.buffer
    this.#newestShared = bytes.buffer
    return isNew ? bytes.buffer.byteLength : 0
  }
}
