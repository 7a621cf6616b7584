import type { EventIdentity } from '../content.ts'
import type { Reference } from './reference.ts'
import type { Tally } from './tally.ts'

/**
 * What one subscriber has received, event by event. It is only kept for subscribers whose stream
 * once differed from that of the others, or from what was expected: it is exact about faults, and
 * slow.
 */
export class Received {
  /** The number of different expected events. */
  distinct = 0
  /** The number of events that were wrong in themselves, or in the wrong place. */
  faults = 0
  readonly #reference: Reference
  readonly #seen = new Map<number, Set<number>>()
  readonly #newest = new Map<number, number>()

  /** Begins with the first `events` events of the reference. */
  constructor(reference: Reference, events: number) {
    this.#reference = reference
    for (let index = 0; index < events; index++) {
      this.#note({ stream: reference.streams[index]!, seq: reference.seqs[index]! })
    }
  }

  receive(identity: EventIdentity, at: number, tally: Tally): void {
    const { stream, seq } = identity
    const first = this.#reference.selection.get(stream)
    if (first === undefined) {
      this.faults++
      tally.misdirected++
    } else if (seq < first || this.#seen.get(stream)?.has(seq)) {
      this.faults++
      tally.duplicated++
    } else {
      if (seq < (this.#newest.get(stream) ?? -1)) {
        this.faults++
        tally.reordered++
      }
      this.#note(identity)
      tally.onDelivered(this.#reference.dueOf(identity), at)
    }
  }

  #note({ stream, seq }: EventIdentity): void {
    let seen = this.#seen.get(stream)
    if (!seen) {
      seen = new Set()
      this.#seen.set(stream, seen)
    }
    seen.add(seq)
    this.#newest.set(stream, Math.max(seq, this.#newest.get(stream) ?? -1))
    this.distinct++
  }
}
