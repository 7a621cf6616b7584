const leastCapacity = 256
const none = Buffer.alloc(0)

/**
 * Bytes that come in pieces, copied together. Each piece is an object of a hundred bytes, and may
 * keep all that was read with it. A client that sends one byte at a time would otherwise take a
 * hundred times the memory of its bytes.
 */
export class GatheredBytes {
  #bytes: Buffer = none
  #length = 0

  get length(): number {
    return this.#length
  }

  add(piece: Uint8Array): void {
    const needed = this.#length + piece.length
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length, leastCapacity))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(piece, this.#length)
    this.#length = needed
  }

  /** What came since it was last taken. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = none
    this.#length = 0
    return taken
  }
}
