/**
 * The memory held for receivers that do not read what they were given. Memory that several share
 * counts once: a frame that waits for a thousand subscribers exists once. It counts as a whole,
 * because it is kept until its last byte has left.
 */
export class HeldBytes<Receiver> {
  #total = 0
  /** Who waits the longest comes first. */
  readonly #heldBy = new Map<Receiver, ArrayBufferLike>()
  readonly #holdersOf = new Map<ArrayBufferLike, number>()

  get total(): number {
    return this.#total
  }

  /** Who has waited the longest. */
  get slowest(): Receiver | undefined {
    return this.#heldBy.keys().next().value
  }

  /** Notes that somebody has no room for more, having been given this last. */
  hold(receiver: Receiver, { buffer }: Uint8Array): void {
    if (this.#heldBy.has(receiver)) return
    this.#heldBy.set(receiver, buffer)
    const holders = this.#holdersOf.get(buffer) ?? 0
    this.#holdersOf.set(buffer, holders + 1)
    if (holders === 0) this.#total += buffer.byteLength
  }

  /** Notes that somebody has room again, or is gone. */
  release(receiver: Receiver): void {
    const buffer = this.#heldBy.get(receiver)
    if (!buffer) return
    this.#heldBy.delete(receiver)
    const holders = this.#holdersOf.get(buffer)! - 1
    if (holders > 0) {
      this.#holdersOf.set(buffer, holders)
      return
    }
    this.#holdersOf.delete(buffer)
    this.#total -= buffer.byteLength
  }
}
