/** How many there are of each name, for as long as there are any. */
export class CountByName {
  readonly #counts = new Map<string, number>()

  /** Of nobody there are none. */
  of(name: string | undefined): number {
    return (name !== undefined && this.#counts.get(name)) || 0
  }

  /** One more, until the function it returns is called, once. */
  add(name: string | undefined): () => void {
    if (name === undefined) return () => {}
    this.#counts.set(name, this.of(name) + 1)
    return () => {
      const left = this.of(name) - 1
      if (left > 0) this.#counts.set(name, left)
      else this.#counts.delete(name)
    }
  }
}
