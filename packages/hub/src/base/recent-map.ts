/** Keeps the entries that were set last. Beyond `maxEntries`, drops the one set longest ago. */
export class RecentMap<Value> {
  readonly #maxEntries: number
  /** The one set longest ago comes first. */
  readonly #entries = new Map<string, Value>()

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#maxEntries) return
    const [oldest] = this.#entries.keys()
    this.#entries.delete(oldest!)
  }

  clear(): void {
    this.#entries.clear()
  }
}
