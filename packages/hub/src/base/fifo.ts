/**
 * A queue that can be looked into: first in, first out, and every item reachable by its place. An array would do but for
 * `shift`, which moves all that remain; here the space of what has left is used again once the queue is empty, or returned once it is
 * half of the whole.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** The item `index` places behind the oldest. */
  at(index: number): T | undefined {
    return this.#items[this.#start + index]
  }

  push(item: T): void {
    this.#items[this.#end++] = item
  }

  /** Takes the oldest item out. */
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

/** The place of the first item after `position`, in a queue whose items are in order of position: a binary search. */
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
