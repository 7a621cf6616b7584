/**
 * The tags of one store's events, 32 random bits each. Asked from the system by the thousand: each time takes as long as all else that
 * an append in memory does.
 */
export class RandomTags {
  readonly #tags = new Uint32Array(1024)
  #next = this.#tags.length

  next(): number {
    if (this.#next === this.#tags.length) {
      crypto.getRandomValues(this.#tags)
      this.#next = 0
    }
    return this.#tags[this.#next++]!
  }
}
