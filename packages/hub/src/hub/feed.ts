import { Fifo, indexAfter } from '../base/fifo.ts'
import type { OrderedFeed } from './feed-order.ts'
import type { Selection } from './selection.ts'

/**
 * A frame that every subscriber of a feed gets: encoded once, its bytes shared by all. It carries
 * the ID of its position.
 */
export interface FeedFrame {
  readonly position: number
  readonly bytes: Uint8Array
  /** Whether it is an event of the application, not one of the hub's own. */
  readonly isEvent: boolean
}

/** What a feed stores in its members: their index among those served. */
export interface FeedMember {
  servedIndex: number
}

const maxCachedSpans = 8
/** How long a feed rests after a round, as a multiple of the round's time. */
const restPerRound = 2
/** A shorter round needs no rest. */
const leastRoundMs = 1
/** The longest rest, and so the most that a rest may delay an event. */
const maxRestMs = 10

/** After a rest that gathered nothing, this many long rounds go without one. */
const roundsBetweenTrials = 16

/** A run of frames as one piece of bytes. */
export interface Span {
  readonly bytes: Uint8Array
  /** The offset of the frame after the last one in it. */
  readonly end: number
  /** The position of the last one in it. */
  readonly position: number
  /** How many of them are events of the application. */
  readonly eventCount: number
}

/**
 * The recent events of one selection as encoded frames, shared by all its subscribers. A subscriber
 * in it is an offset: how many frames, of all there ever were, it has been sent. Frames before
 * `start` are no longer here; the store has their events.
 *
 * A feed goes round its subscribers: those served wait until there is something new. Then all of
 * them are behind, and are served one after another. A round over many subscribers takes
 * milliseconds. If the next one began at once, each write would carry the one or two events that
 * came meanwhile. So the feed first rests, in proportion to the time of the round, for as long as
 * rests gather events: if events come one by one, a rest only delays them. An event that comes to a
 * quiet feed is sent at once.
 */
export class Feed<Member extends FeedMember = FeedMember> implements OrderedFeed {
  quieter: OrderedFeed | undefined = undefined
  livelier: OrderedFeed | undefined = undefined
  readonly selection: Selection
  /** Whether its subscribers are `EventSource`s, which get their position in another form. */
  readonly isForEventSources: boolean
  subscriberCount = 0
  /** Subscribers still to be served in this round. */
  readonly behind = new Fifo<Member>()
  /** Whether it waits for its turn to serve them. */
  isDue = false
  /** Set while it rests although it has something to send. */
  rest: NodeJS.Timeout | undefined
  /** Subscribers that were sent everything there was at their turn, and wait. */
  #served: Member[] = []
  /**
   * The offset of the next frame when the round began: not all subscribers served have the frames
   * after it.
   */
  #roundEnd = 0
  /** How long this round has taken so far. */
  #roundMs = 0
  #restsUntil = 0
  /** Whether the next round begins after a rest. */
  #hasRested = false
  /** How many long rounds go without a rest, because the last rest gathered nothing. */
  #roundsWithoutRest = 0
  /** Every frame after this position is here. */
  #floor: number
  readonly #frames = new Fifo<FeedFrame>()
  #start = 0
  /** The position of the newest frame, or where the feed began. */
  #newest: number
  /**
   * The last spans created, by their first offset: most subscribers of a turn begin at the same few
   * offsets.
   */
  readonly #spans = new Map<number, Span>()

  constructor(selection: Selection, isForEventSources: boolean, position: number) {
    this.selection = selection
    this.isForEventSources = isForEventSources
    this.#floor = position
    this.#newest = position
  }

  /** The offset of the oldest frame here. */
  get start(): number {
    return this.#start
  }

  /** The offset that the next frame will have. */
  get end(): number {
    return this.#start + this.#frames.length
  }

  get newestPosition(): number {
    return this.#newest
  }

  /** The offset up to which the round that began last serves its subscribers. */
  get roundEnd(): number {
    return this.#roundEnd
  }

  /** How many subscribers were sent everything there was at their turn. */
  get servedCount(): number {
    return this.#served.length
  }

  /** Whether a subscriber that has everything up to this position can continue from this feed. */
  reaches(position: number): boolean {
    return position >= this.#floor
  }

  /** The offset of the first frame after this position. */
  offsetAfter(position: number): number {
    return this.#start + indexAfter(this.#frames, position)
  }

  append(frame: FeedFrame): void {
    this.#frames.push(frame)
    this.#newest = frame.position
    this.#spans.clear()
  }

  dropOldest(): void {
    const oldest = this.#frames.shift()
    if (!oldest) return
    this.#start++
    this.#floor = oldest.position
  }

  /**
   * Restarts at a position, without subscribers, because something before it may be missing here.
   */
  restart(position: number): void {
    while (this.#frames.length > 0) this.dropOldest()
    // As if a frame had come and gone: even a subscriber at the end no longer is there.
    this.#start++
    this.#floor = this.#newest = position
    this.#spans.clear()
  }

  addServed(subscriber: Member): void {
    subscriber.servedIndex = this.#served.length
    this.#served.push(subscriber)
  }

  /** Removes a subscriber that has left. Those behind are noticed at their turn. */
  leave(subscriber: Member): void {
    if (this.#served[subscriber.servedIndex] !== subscriber) return
    const last = this.#served.pop()!
    if (last === subscriber) return
    last.servedIndex = subscriber.servedIndex
    this.#served[last.servedIndex] = last
  }

  /** Removes and returns the waiting subscribers, which must be placed again. */
  takeServed(): readonly Member[] {
    const subscribers = this.#served
    this.#served = []
    return subscribers
  }

  /** Puts all waiting subscribers behind. Returns `false` if there are none. */
  beginRound(): boolean {
    const served = this.#served
    if (served.length === 0) return false
    this.#noteGathered(this.end - this.#roundEnd)
    this.#roundEnd = this.end
    this.#roundMs = 0
    for (const subscriber of served) this.behind.push(subscriber)
    // The array is reused, and keeps its space: most feeds have one subscriber, and a round for
    // each event.
    while (served.length > 0) served.pop()
    return true
  }

  /**
   * Adds to the time of this round. Returns whether there is more to do: in this round, or in the
   * next if it is over.
   */
  hasWorked(milliseconds: number, now: number): boolean {
    this.#roundMs += milliseconds
    if (this.behind.length > 0) return true
    this.#hasRested = this.#roundMs >= leastRoundMs && this.#isRestDue()
    if (this.#hasRested) {
      this.#restsUntil = Math.max(this.#restsUntil, now + Math.min(this.#roundMs * restPerRound, maxRestMs))
    }
    this.#roundMs = 0
    // A feed may be quiet for days now, and a span would keep more memory than its own: it is a
    // part of what Node allocates at once.
    this.#spans.clear()
    return this.end > this.#roundEnd
  }

  /** Whether a rest would gather something, judging by the last ones. */
  #isRestDue(): boolean {
    if (this.#roundsWithoutRest === 0) return true
    this.#roundsWithoutRest--
    return false
  }

  /**
   * Notes how many frames came since the last round began. One of them would have come without a
   * rest too, and sooner.
   */
  #noteGathered(frames: number): void {
    if (frames > 1) this.#roundsWithoutRest = 0
    else if (this.#hasRested) this.#roundsWithoutRest = roundsBetweenTrials
    this.#hasRested = false
  }

  /** How long it still rests before it may begin a round. */
  restMs(now: number): number {
    return this.#restsUntil - now
  }

  /**
   * Returns the frames from this offset on, as many as there are, up to the one that reaches
   * `maxBytes`.
   */
  spanFrom(offset: number, maxBytes: number): Span {
    const first = offset - this.#start
    const only = this.#frames.at(first)!
    // Usually there is only one frame: nothing to join or to cache.
    if (first === this.#frames.length - 1 || only.bytes.length >= maxBytes) {
      return { bytes: only.bytes, end: offset + 1, position: only.position, eventCount: Number(only.isEvent) }
    }
    const known = this.#spans.get(offset)
    if (known) return known
    const frames: FeedFrame[] = []
    let bytes = 0
    for (let index = first; index < this.#frames.length && bytes < maxBytes; index++) {
      const frame = this.#frames.at(index)!
      frames.push(frame)
      bytes += frame.bytes.length
    }
    const span: Span = {
      bytes: Buffer.concat(frames.map((frame) => frame.bytes)),
      end: offset + frames.length,
      position: frames.at(-1)!.position,
      eventCount: frames.reduce((count, { isEvent }) => count + Number(isEvent), 0),
    }
    if (this.#spans.size === maxCachedSpans) this.#spans.clear()
    this.#spans.set(offset, span)
    return span
  }
}
