/** The size of the blocks of memory that small frames share. */
const slabBytes = 64 * 1024
/** A larger frame has its own memory. */
const maxSharedBytes = 4 * 1024

/**
 * Memory for the frames of feeds. For a frame of a few hundred bytes, its own allocation costs more
 * than everything else. In Node's buffer pool it would keep neighbours of other kinds from being
 * freed. Frames leave their feeds in the order in which they came, so a slab with nothing but
 * frames is freed as a whole soon after its first one.
 */
export class FrameSlab {
  #slab = Buffer.allocUnsafeSlow(0)
  #used = 0

  /** Encodes a text as UTF-8. */
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
