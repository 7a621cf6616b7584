import type { StoredEvent } from '../store/store.ts'
import type { Feed, FeedMember } from './feed.ts'
import type { HubSpan, Telemetry } from './telemetry.ts'
import { isSampled } from './trace-context.ts'

/** The most events that are followed at once. */
const maxFollowed = 1000
/** A span ends by now, in milliseconds, whoever has not read. */
const maxMs = 10_000

/** An event on its way to the subscribers. */
interface Followed {
  readonly span: HubSpan
  readonly beganAt: number
  /** The feeds in which it has not gone round yet, with the offset after it. */
  readonly feeds: Map<Feed<FeedMember>, number>
  feedCount: number
  handed: number
  waiting: number
}

/**
 * One span for each event of a sampled trace, from when the store brought it until the last subscriber
 * that reads was handed it: how many those are, and how many are elsewhere, because they have no room or
 * catch up. Never one for each delivery.
 */
export class FanOutTraces {
  readonly #telemetry: Telemetry
  readonly #followed = new Set<Followed>()
  #timer: NodeJS.Timeout | undefined

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  get isEmpty(): boolean {
    return this.#followed.size === 0
  }

  /** Begins to follow an event, if its trace is sampled. */
  begin(event: StoredEvent, id: string): Followed | undefined {
    const { traceContext: parent } = event
    if (parent === undefined || !isSampled(parent) || this.#followed.size >= maxFollowed) return undefined
    const span = this.#telemetry.start('headwater fan-out', {
      parent,
      attributes: {
        'messaging.system': 'headwater',
        'messaging.destination.name': event.topics[0]!,
        'messaging.message.id': id,
        'headwater.position': event.position,
      },
    })
    return { span, beganAt: performance.now(), feeds: new Map(), feedCount: 0, handed: 0, waiting: 0 }
  }

  /** The event is in a feed, before this offset. */
  put(followed: Followed, feed: Feed<FeedMember>, end: number): void {
    followed.feeds.set(feed, end)
    followed.feedCount++
  }

  /** The event is in all of its feeds. */
  follow(followed: Followed): void {
    if (followed.feeds.size === 0) {
      this.#end(followed, true)
      return
    }
    this.#followed.add(followed)
    this.#timer ??= setInterval(() => this.#endOld(), 1000).unref()
  }

  /** A feed has gone round all of its subscribers that have room. */
  onRound(feed: Feed<FeedMember>): void {
    for (const followed of this.#followed) {
      const end = followed.feeds.get(feed)
      if (end === undefined || end > feed.roundEnd) continue
      followed.feeds.delete(feed)
      followed.handed += feed.servedCount
      followed.waiting += Math.max(0, feed.subscriberCount - feed.servedCount)
      if (followed.feeds.size === 0) this.#end(followed, true)
    }
  }

  close(): void {
    for (const followed of this.#followed) this.#end(followed, false)
  }

  #endOld(): void {
    const now = performance.now()
    for (const followed of this.#followed) if (now - followed.beganAt > maxMs) this.#end(followed, false)
  }

  #end(followed: Followed, isComplete: boolean): void {
    const { span, feedCount, handed, waiting, feeds } = followed
    for (const feed of feeds.keys()) followed.waiting += feed.subscriberCount
    span.set({
      'headwater.feeds': feedCount,
      'headwater.subscribers': handed,
      'headwater.subscribers_waiting': isComplete ? waiting : followed.waiting,
      'headwater.is_complete': isComplete,
    })
    span.end()
    this.#followed.delete(followed)
    if (this.#followed.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
