/** Settles the promise that a `send` returned. */
export interface Delivery {
  resolve(): void
  reject(error: Error): void
}

/** Encoded frames that a session accepted and its connection has not accepted yet, in order. */
export class FrameQueue {
  byteLength = 0
  #frames: (QueuedFrame | undefined)[] = []
  #first = 0
  /** How many bytes of the first frame are already taken. */
  #taken = 0

  push(bytes: Uint8Array, delivery?: Delivery): void {
    this.#frames.push({ bytes, delivery })
    this.byteLength += bytes.length
  }

  /**
   * Takes up to `maxBytes` from the front: several small frames joined, or a piece of a large one.
   * Large pieces would hide a slow client's progress, which shows only when a whole piece is sent.
   */
  take(maxBytes: number): { bytes: Uint8Array; deliveries: Delivery[] } {
    const deliveries: Delivery[] = []
    const pieces: Uint8Array[] = []
    let length = 0
    while (this.#first < this.#frames.length && length < maxBytes) {
      const frame = this.#frames[this.#first] as QueuedFrame
      const piece = frame.bytes.subarray(this.#taken, this.#taken + maxBytes - length)
      pieces.push(piece)
      length += piece.length
      this.#taken += piece.length
      if (this.#taken < frame.bytes.length) break
      if (frame.delivery) deliveries.push(frame.delivery)
      this.#dropFirst()
    }
    this.byteLength -= length
    return { bytes: pieces.length === 1 ? (pieces[0] as Uint8Array) : join(pieces, length), deliveries }
  }

  /** Drops the oldest frame of which nothing was taken. Returns `false` if there is none. */
  dropOldest(): boolean {
    const index = this.#taken > 0 ? this.#first + 1 : this.#first
    const frame = this.#frames[index]
    if (!frame) return false
    this.byteLength -= frame.bytes.length
    // Resolves: the promise says only that the session no longer holds the frame.
    frame.delivery?.resolve()
    if (index === this.#first) this.#dropFirst()
    else this.#frames.splice(index, 1)
    return true
  }

  /** Empties the queue and returns the promises to settle. */
  clear(): Delivery[] {
    const deliveries: Delivery[] = []
    for (const frame of this.#frames) if (frame?.delivery) deliveries.push(frame.delivery)
    this.#frames = []
    this.#first = this.#taken = this.byteLength = 0
    return deliveries
  }

  /**
   * Moves to the next frame. Removes frames from the array in bulk: shifting a long array one by
   * one is quadratic.
   */
  #dropFirst(): void {
    this.#frames[this.#first++] = undefined
    this.#taken = 0
    if (this.#first === this.#frames.length || this.#first >= 1024) {
      this.#frames = this.#frames.slice(this.#first)
      this.#first = 0
    }
  }
}

interface QueuedFrame {
  bytes: Uint8Array
  delivery: Delivery | undefined
}

function join(pieces: Uint8Array[], length: number): Uint8Array {
  const joined = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
