/**
 * The tags of one store's events, 32 random bits each. They are requested from the system by the
 * thousand: each request takes as long as the rest of an append in memory.
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
