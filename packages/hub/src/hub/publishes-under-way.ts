/** Counts publishes that the store has not answered yet, so that closing can wait for them. */
export class PublishesUnderWay {
  #count = 0
  #onNone: (() => void) | undefined

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) this.#onNone?.()
  }

  /** Resolves when there are none. No further ones may begin meanwhile. */
  whenNone(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onNone = resolve
    })
  }
}
