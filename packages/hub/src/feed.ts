import { Fifo, indexAfter } from './fifo.ts'
import type { Selection } from './selection.ts'
import type { Subscriber } from './subscriber.ts'

/** Something every subscriber of a feed is to get: encoded once, the bytes shared by all. It carries the ID of its position. */
export interface FeedFrame {
  readonly position: number
  readonly bytes: Uint8Array
  /** Whether it is an event of the application, rather than one of the hub's own. */
  readonly isEvent: boolean
}

const maxCachedSpans = 8

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
 * The recent events of one selection as encoded frames, shared by all its subscribers. A subscriber in it is an offset: how many
 * frames, of all there ever were, it has been given. Offsets before `start` are no longer here; the store has them.
 */
export class Feed {
  readonly selection: Selection
  subscriberCount = 0
  /** Subscribers who have been given all there is, and only wait. */
  readonly caughtUp = new Set<Subscriber>()
  /** Every frame after this position is here. */
  #floor: number
  readonly #frames = new Fifo<FeedFrame>()
  #start = 0
  /** The position of the newest frame, or from where the feed began. */
  #newest: number
  /** The last spans made, by where they begin: most subscribers of a turn begin at the same few places. */
  readonly #spans = new Map<number, Span>()

  constructor(selection: Selection, position: number) {
    this.selection = selection
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

  /** Whether a subscriber that has everything up to this position can go on from here. */
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

  /** Begins anew at a position, with no subscriber in it, because something before it may be missing here. */
  restart(position: number): void {
    while (this.#frames.length > 0) this.dropOldest()
    // As if a frame had come and gone: even whoever was at the end is not any more.
    this.#start++
    this.#floor = this.#newest = position
    this.#spans.clear()
  }

  /** The subscribers that were caught up, and are not any more. */
  takeCaughtUp(): Subscriber[] {
    const subscribers = [...this.caughtUp]
    this.caughtUp.clear()
    return subscribers
  }

  /** The frames from this offset on, as many as there are, up to the one that reaches `maxBytes`. */
  spanFrom(offset: number, maxBytes: number): Span {
    const known = this.#spans.get(offset)
    if (known) return known
    const frames: FeedFrame[] = []
    let bytes = 0
    for (let index = offset - this.#start; index < this.#frames.length && bytes < maxBytes; index++) {
      const frame = this.#frames.at(index)!
      frames.push(frame)
      bytes += frame.bytes.length
    }
    const span: Span = {
      bytes: frames.length === 1 ? frames[0]!.bytes : Buffer.concat(frames.map((frame) => frame.bytes)),
      end: offset + frames.length,
      position: frames.at(-1)!.position,
      eventCount: frames.reduce((count, { isEvent }) => count + Number(isEvent), 0),
    }
    if (this.#spans.size === maxCachedSpans) this.#spans.clear()
    this.#spans.set(offset, span)
    return span
  }
}
