/** The size of the pieces of memory that small frames share. */
const slabBytes = 64 * 1024
/** A larger frame has memory of its own. */
const maxSharedBytes = 4 * 1024

/**
 * Memory for the frames of feeds. A frame of some hundred bytes in an allocation of its own costs more than all else about it, and in the
 * buffer pool of Node it would keep what others put beside it from being freed. Frames leave their feeds in the order in which they came,
 * so that a slab of nothing but frames is freed as a whole soon after its first.
 */
export class FrameSlab {
  #slab = Buffer.allocUnsafeSlow(0)
  #used = 0

  /** The bytes of a text. */
  encode(text: string): Buffer {
    const length = Buffer.byteLength(text)
    if (length > maxSharedBytes) {
      const own = Buffer.allocUnsafeSlow(length)
      own.write(text)
      return own
    }
    if (length > this.#slab.length - this.#used) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += this.#slab.write(text, start)
    return this.#slab.subarray(start, this.#used)
  }
}
