/**
 * The replays that are under way, by stream. The SDK's transport sends a message that was just stored only if the
 * stream has a connection, and a stream has none until its replay is over: what is stored during a replay, and
 * after its last read, would reach nobody. So its sender waits for the replay. If the replay sent it, too, the
 * transport does not send it twice.
 */
export class Replays {
  readonly #underWay = new Map<string, Set<Promise<void>>>()

  /** Begins a replay. Call the result when it is over. */
  begin(streamId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    const replays = this.#underWay.get(streamId) ?? new Set()
    this.#underWay.set(streamId, replays.add(promise))
    return () => {
      // Once the transport has registered the connection, which it does when the replay's promise has resolved.
      setImmediate(() => {
        replays.delete(promise)
        if (replays.size === 0 && this.#underWay.get(streamId) === replays) this.#underWay.delete(streamId)
        resolve()
      })
    }
  }

  /** Resolves when no replay of a stream is under way. */
  async settled(streamId: string): Promise<void> {
    for (;;) {
      const replays = this.#underWay.get(streamId)
      if (!replays) return
      await Promise.all(replays)
    }
  }
}
