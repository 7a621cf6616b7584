import type { EventIdentity } from '../hub/content.ts'

/** The number of events that were delivered, and of those that were delivered wrongly. */
export interface Faults {
  lost: number
  duplicated: number
  reordered: number
  /** Data that nobody published, or that was altered. */
  corrupted: number
  /** Events of a stream that was not requested. */
  misdirected: number
  /** Gaps reported to a subscriber that was never away for longer than the history reaches back. */
  gaps: number
  /** Responses that were not an event stream, or broke off inside a chunk. */
  broken: number
  /** Streams that the hub ended without a reason. */
  closed: number
  /** Events that the hub did not accept. */
  refused: number
}

export function noFaults(): Faults {
  const none = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, misdirected: 0, gaps: 0, broken: 0, closed: 0 }
  return { ...none, refused: 0 }
}

/**
 * What one subscriber must receive next, over all the connections of its life: of each stream, the
 * event after the last one. It keeps one number for each stream, however long the soak lasts.
 */
export class Order {
  delivered = 0
  readonly #faults: Faults
  #hasBegun = false
  readonly #nextOf = new Map<number, number>()
  /**
   * The ranges in which streams may begin of which nothing has arrived yet: they continued while
   * the subscription was under way. Others begin with 0.
   */
  #earliest = new Map<number, number>()
  #latest = new Map<number, number>()
  /** Events that were skipped: if they arrive after all, they were not lost, but late. */
  readonly #missing = new Map<number, Set<number>>()
  /** Streams that may continue anywhere, since a gap was reported. */
  #mayJump: Set<number> | undefined

  constructor(faults: Faults) {
    this.#faults = faults
  }

  /**
   * The events of each stream that were acknowledged when the subscription was sent, and those that
   * had been sent when it was answered.
   */
  begin(earliest: Map<number, number>, latest: Map<number, number>): void {
    this.#earliest = earliest
    this.#latest = latest
    this.#hasBegun = true
  }

  receive({ stream, seq }: EventIdentity): void {
    const next = this.#nextOf.get(stream)
    if (next === undefined) this.#receiveFirst(stream, seq)
    else if (seq >= next) this.#passOver(stream, next, seq)
    else if (this.#missing.get(stream)?.delete(seq)) {
      this.#faults.lost--
      this.#faults.reordered++
    } else this.#faults.duplicated++
    this.#nextOf.set(stream, Math.max(next ?? 0, seq + 1))
    this.#mayJump?.delete(stream)
    this.delivered++
  }

  /**
   * Called when a gap was reported: of each of these streams, some events may be missing at this
   * point.
   */
  allowJump(streams: Iterable<number>): void {
    this.#mayJump = new Set(streams)
  }

  /** The number of events still missing, if this many of a stream were published. */
  lacks(stream: number, published: number): number {
    if (!this.#hasBegun || this.#mayJump?.has(stream)) return 0
    return Math.max(0, published - (this.#nextOf.get(stream) ?? this.#latest.get(stream) ?? 0))
  }

  /** Called when a stream has ended: what has not arrived is lost, and the stream is forgotten. */
  end(stream: number, published: number): void {
    this.#faults.lost += this.lacks(stream, published)
    for (const map of [this.#nextOf, this.#earliest, this.#latest, this.#missing]) map.delete(stream)
    this.#mayJump?.delete(stream)
  }

  #receiveFirst(stream: number, seq: number): void {
    const earliest = this.#earliest.get(stream) ?? 0
    if (seq < earliest) this.#faults.duplicated++
    else this.#passOver(stream, Math.min(seq, Math.max(earliest, this.#latest.get(stream) ?? 0)), seq)
  }

  #passOver(stream: number, from: number, to: number): void {
    if (from === to || this.#mayJump?.has(stream)) return
    const missing = this.#missing.get(stream) ?? new Set()
    this.#missing.set(stream, missing)
    for (let seq = from; seq < to; seq++) missing.add(seq)
    this.#faults.lost += to - from
  }
}
