import type { HistoryPosition } from '../store.ts'

/** How many are known by heart. */
const capacity = 4096

/** The places of the newest events, for those who were just cut off and come back: to ask another thread takes longer than all else they need. */
export class RecentPositions {
  readonly #positions = new Float64Array(capacity)
  readonly #tags = new Float64Array(capacity)
  #count = 0

  /** Takes in the next event's, in the place of the oldest. */
  add({ position, tag }: HistoryPosition): void {
    const index = this.#count % capacity
    this.#positions[index] = position
    this.#tags[index] = tag
    this.#count++
  }

  /** The tag of the event at a position; `undefined` where it is not among them. */
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
