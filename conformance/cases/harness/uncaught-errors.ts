/** Collects what reaches the host's error reporting; each target feeds it from wherever that is. */
export class UncaughtErrors {
  readonly #texts: string[] = []
  #wake = new Set<() => void>()

  add(error: unknown): void {
    this.#texts.push(error instanceof Error ? error.message : String(error))
    for (const wake of this.#wake) wake()
  }

  async including(part: string): Promise<string> {
    for (;;) {
      const found = this.#texts.find((text) => text.includes(part))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wake.delete(wake)
          resolve()
        }
        this.#wake.add(wake)
      })
    }
  }
}
