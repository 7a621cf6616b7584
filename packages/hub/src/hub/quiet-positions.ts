import { encodePosition, frameBytes } from '@headwater/sse/internal'
import type { HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { Feed, FeedFrame } from './feed.ts'
import type { Feeds } from './feeds.ts'
import type { Subscriber } from './subscriber.ts'

/**
 * The positions that subscribers of quiet feeds are sent. The last ID that a client was sent must
 * still be known when it reconnects, even if none of its events came for long. So subscribers that
 * were sent nothing in the newer half of the history are sent the position before it can be trimmed.
 * While nothing has been trimmed, once a minute is enough.
 */
export class QuietPositions {
  readonly #epoch: string
  readonly #feeds: Feeds<Subscriber>
  readonly #put: (feed: Feed<Subscriber>, frame: FeedFrame) => void
  #trimmedPosition = 0
  /** Every feed has received a frame since this position. */
  #quietestPosition = 0

  constructor(epoch: string, feeds: Feeds<Subscriber>, put: (feed: Feed<Subscriber>, frame: FeedFrame) => void) {
    this.#epoch = epoch
    this.#feeds = feeds
    this.#put = put
  }

  /** The history has lost everything up to here. */
  onTrim({ position }: HistoryPosition): void {
    this.#trimmedPosition = position
  }

  /** Sends the position to whom it could age out for. Returns whether it sent any. */
  keepFresh(head: HistoryPosition): boolean {
    return this.#trimmedPosition > 0 && this.#sendTo((this.#trimmedPosition + head.position) / 2, head)
  }

  /** Sends the position to all who were not sent it yet. Returns whether it sent any. */
  sendAll(head: HistoryPosition): boolean {
    return this.#sendTo(head.position, head)
  }

  encode(head: HistoryPosition, isForEventSources: boolean): Uint8Array {
    return frameBytes(encodePosition(positionId(this.#epoch, head), isForEventSources))
  }

  /** Sends the current position to the subscribers of feeds without a frame since `position`. */
  #sendTo(position: number, head: HistoryPosition): boolean {
    // Called for each event, and usually in vain.
    if (position <= this.#quietestPosition) return false
    const frames = new Map<boolean, Uint8Array>()
    for (let feed = this.#feeds.quietest; feed; feed = this.#feeds.quietest) {
      this.#quietestPosition = feed.newestPosition
      if (feed.newestPosition >= position) break
      const bytes = frames.get(feed.isForEventSources) ?? this.encode(head, feed.isForEventSources)
      frames.set(feed.isForEventSources, bytes)
      this.#put(feed, { position: head.position, bytes, isEvent: false })
    }
    return frames.size > 0
  }
}
