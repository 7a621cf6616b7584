import type { FedSession } from '@headwater/sse/internal'
import type { Feed, FeedMember } from './feed.ts'
import { HistoryCursor } from './history-cursor.ts'
import type { HistoryPage } from './history-reader.ts'
import type { ReplaySpan } from './replay-span.ts'
import type { StartingPoint } from './resume.ts'

/** How far a subscriber has come. */
export interface SubscriberProgress {
  /** How many positions of the history, and so at most how many events, it is behind. */
  readonly lagEvents: number
  /** Whether it reads from the history, and is not in its feed yet, or no longer. */
  readonly isCatchingUp: boolean
  /** Bytes that its session holds because its client does not read. */
  readonly unsentBytes: number
}

/**
 * A subscriber being served: a place in the history, and the session that sends what follows it. It
 * holds no events of its own. While it catches up, it is only a position and reads from the store;
 * once in its feed, it is an offset there.
 */
export class Subscriber extends HistoryCursor implements FeedMember {
  readonly session: FedSession
  readonly feed: Feed<Subscriber>
  /**
   * The position of the last ID that this response has brought; `undefined` if there was none. One
   * that the client came with does not count: some drop it unless the response repeats it.
   */
  lastSentPosition: number | undefined = undefined
  /**
   * How many of its feed's frames it has been sent; `undefined` while it is not in the feed but
   * reads from the store.
   */
  offset: number | undefined = undefined
  /**
   * Its index among the subscribers that its feed has served. Without meaning while the subscriber
   * is elsewhere.
   */
  servedIndex = 0
  /** Its replay, until it has caught up, if that is traced. */
  replay: ReplaySpan | undefined = undefined
  /** The page that it has read from the store and not sent yet. */
  page: HistoryPage | undefined = undefined

  /** `head` is the position of the tail. */
  constructor(session: FedSession, feed: Feed<Subscriber>, start: StartingPoint, head: number) {
    super(start, head)
    this.session = session
    this.feed = feed
  }

  /**
   * Whether its feed has everything that it still lacks, and nothing from the history must be sent
   * first.
   */
  get canJoin(): boolean {
    return !this.page && !this.gap && this.feed.reaches(this.position)
  }

  /** How many positions it is behind a head; `undefined` if it has everything. */
  lagBehind(head: number): number | undefined {
    if (this.offset !== undefined && this.offset >= this.feed.end) return undefined
    return head - this.position
  }

  progress(head: number): SubscriberProgress {
    const { session, offset } = this
    const lagEvents = Math.max(0, this.lagBehind(head) ?? 0)
    return { lagEvents, isCatchingUp: offset === undefined, unsentBytes: session.unsentBytes }
  }
}
