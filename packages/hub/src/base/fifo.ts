/**
 * A queue with access by index: first in, first out. An array would do except for `shift`, which
 * moves all remaining items. This queue uses the space of removed items again once it is empty, and
 * frees it once they are half of all.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** Returns the item `index` places behind the oldest. */
  at(index: number): T | undefined {
    return this.#items[this.#start + index]
  }

  push(item: T): void {
    this.#items[this.#end++] = item
  }

  /** Removes and returns the oldest item. */
  shift(): T | undefined {
    if (this.#start === this.#end) return undefined
    const item = this.#items[this.#start]
    this.#items[this.#start] = undefined
    this.#start++
    if (this.#start === this.#end) {
      if (this.#items.length > mostKept) this.#items = []
      this.#start = this.#end = 0
    } else if (this.#start >= 32 && this.#start * 2 >= this.#end) {
      this.#items = this.#items.slice(this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
    return item
  }
}

/** How much space an empty queue keeps. */
const mostKept = 1024

/**
 * Returns the index of the first item after `position`, by binary search. The items must be in
 * order of position.
 */
export function indexAfter(items: Fifo<{ readonly position: number }>, position: number): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (items.at(middle)!.position > position) high = middle
    else low = middle + 1
  }
  return low
}
