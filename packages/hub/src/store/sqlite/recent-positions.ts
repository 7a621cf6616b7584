import type { HistoryPosition } from '../store.ts'

/** The number of events whose positions are remembered. */
const capacity = 4096

/**
 * The positions and tags of the newest events, for clients that were just cut off and return:
 * asking another thread takes longer than everything else they need.
 */
export class RecentPositions {
  readonly #positions = new Float64Array(capacity)
  readonly #tags = new Float64Array(capacity)
  #count = 0

  /** Adds the position and tag of the next event, in place of the oldest. */
  add({ position, tag }: HistoryPosition): void {
    const index = this.#count % capacity
    this.#positions[index] = position
    this.#tags[index] = tag
    this.#count++
  }

  clear(): void {
    this.#count = 0
  }

  /** Returns the tag of the event at a position; `undefined` if it is not among the newest. */
  tagOf(position: number): number | undefined {
    let low = Math.max(this.#count - capacity, 0)
    let high = this.#count
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#positions[middle % capacity]! < position) low = middle + 1
      else high = middle
    }
    const index = low % capacity
    return low < this.#count && this.#positions[index] === position ? this.#tags[index] : undefined
  }
}
