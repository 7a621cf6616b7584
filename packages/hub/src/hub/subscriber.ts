import type { Session } from '@headwater/sse/server'
import type { Feed, FeedMember } from './feed.ts'
import { HistoryCursor } from './history-cursor.ts'
import type { HistoryPage } from './history-reader.ts'
import type { StartingPoint } from './resume.ts'

/**
 * Someone being served: a place in the history, and the session through which what follows it goes out. It holds no events of its
 * own. While it catches up it is only a position, and reads from the store; once in its feed it is an offset there.
 */
export class Subscriber extends HistoryCursor implements FeedMember {
  readonly session: Session
  readonly feed: Feed<Subscriber>
  /** The position of the ID that the client was given last; `undefined` when it has none that this history knows. */
  lastSentPosition: number | undefined
  /** How many of its feed's frames it was given; `undefined` while it is not in the feed but reads from the store. */
  offset: number | undefined = undefined
  /** Its index among the subscribers its feed has served; it means nothing while the subscriber is elsewhere. */
  servedIndex = 0
  /** What it read from the store and has not been given yet. */
  page: HistoryPage | undefined = undefined

  /** `head` is where the tail is now. */
  constructor(session: Session, feed: Feed<Subscriber>, start: StartingPoint, head: number) {
    super(start, head)
    this.session = session
    this.feed = feed
    this.lastSentPosition = start.name === 'after' ? start.position : undefined
  }

  /** Whether its feed has all that it still lacks, and nothing is to be told from the history first. */
  get canJoin(): boolean {
    return !this.page && !this.gap && this.feed.reaches(this.position)
  }
}
