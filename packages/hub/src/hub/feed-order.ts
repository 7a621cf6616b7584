/** A feed's place in the order. */
export interface OrderedFeed {
  quieter: OrderedFeed | undefined
  livelier: OrderedFeed | undefined
}

/**
 * Feeds in the order of their newest frames, the quietest first. It is a list through the feeds
 * themselves, because a feed moves to its end with each event.
 */
export class FeedOrder<F extends OrderedFeed> {
  #quietest: F | undefined
  #liveliest: F | undefined

  get quietest(): F | undefined {
    return this.#quietest
  }

  /** Moves a feed to the end: it has just received a frame, or is new. */
  moveToEnd(feed: F): void {
    if (feed === this.#liveliest) return
    this.delete(feed)
    feed.quieter = this.#liveliest
    if (this.#liveliest) this.#liveliest.livelier = feed
    else this.#quietest = feed
    this.#liveliest = feed
  }

  delete(feed: F): void {
    const { quieter, livelier } = feed
    if (quieter) quieter.livelier = livelier
    else if (this.#quietest === feed) this.#quietest = livelier as F | undefined
    if (livelier) livelier.quieter = quieter
    else if (this.#liveliest === feed) this.#liveliest = quieter as F | undefined
    feed.quieter = feed.livelier = undefined
  }
}
