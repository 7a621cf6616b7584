import type { EventIdentity } from '../hub/content.ts'

/** How many events were delivered, and how many not as they should be. */
export interface Faults {
  lost: number
  duplicated: number
  reordered: number
  /** Data that nobody published, or not to the letter. */
  corrupted: number
  /** Of a stream that was not asked for. */
  misdirected: number
  /** Gaps told to somebody who was never away for longer than the history goes back. */
  gaps: number
  /** Answers that were no event stream, or broke off inside a chunk. */
  broken: number
  /** Streams that the hub ended without a reason. */
  closed: number
  /** Events that the hub did not take. */
  refused: number
}

export function noFaults(): Faults {
  const none = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, misdirected: 0, gaps: 0, broken: 0, closed: 0 }
  return { ...none, refused: 0 }
}

/**
 * What one subscriber has to get next, over all the connections of its life: of each stream, the event that follows the last one. What
 * it keeps is a number for each stream, however long it goes on.
 */
export class Order {
  delivered = 0
  readonly #faults: Faults
  #hasBegun = false
  readonly #nextOf = new Map<number, number>()
  /** Where a stream may begin that nothing has come of: it went on while the subscription was under way. Others begin with 0. */
  #earliest = new Map<number, number>()
  #latest = new Map<number, number>()
  /** Events that were passed over: if they come after all, they were not lost, but late. */
  readonly #missing = new Map<number, Set<number>>()
  /** Streams that may go on anywhere, since a gap was told. */
  #mayJump: Set<number> | undefined

  constructor(faults: Faults) {
    this.#faults = faults
  }

  /** How much of each stream was acknowledged when the subscription was sent, and had been sent when that was answered. */
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

  /** A gap was told: of each of these streams, some events may be missing at this place. */
  allowJump(streams: Iterable<number>): void {
    this.#mayJump = new Set(streams)
  }

  /** How many events are still to come, when so many of a stream were published. */
  lacks(stream: number, published: number): number {
    if (!this.#hasBegun || this.#mayJump?.has(stream)) return 0
    return Math.max(0, published - (this.#nextOf.get(stream) ?? this.#latest.get(stream) ?? 0))
  }

  /** Nothing comes of a stream any more: what has not come is lost, and the stream is forgotten. */
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
