import type { Outages, Want } from './outages.ts'

interface Name {
  readonly publisher: number
  readonly number: number
}

/** When each event was sent and stored, so that one can say how long it took to be received. */
export class Deliveries {
  readonly #times = new Map<string, { readonly begunAt: number; storedAt: number | undefined }>()
  readonly #outages: Outages

  constructor(outages: Outages) {
    this.#outages = outages
  }

  begun({ publisher, number }: Name): void {
    this.#times.set(`${publisher}:${number}`, { begunAt: performance.now(), storedAt: undefined })
  }

  stored({ publisher, number }: Name): void {
    const times = this.#times.get(`${publisher}:${number}`)
    if (times) times.storedAt = performance.now()
  }

  /** Returns when the event was sent; `undefined` of anything else. `want`: what it counts as to have waited for it. */
  received(data: string, want: Want | undefined): number | undefined {
    const times = this.#times.get(data.slice(0, Math.max(0, data.indexOf(' '))))
    if (want && times?.storedAt !== undefined) this.#outages.waited(want, times.storedAt)
    return times?.begunAt
  }
}
