import { Fifo } from '../base/fifo.ts'

/**
 * Bounds how much work is done at once. Further callers wait in line, first come, first served.
 * They hold nothing but their place, and leave it when their signal aborts.
 */
export class Turns {
  readonly #max: number
  #taken = 0
  readonly #line = new Fifo<Place>()

  constructor(max: number) {
    this.#max = max
  }

  /** Does some work when its turn comes. Rejects with the signal's reason if that aborts first. */
  async take<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    if (this.#taken < this.#max) this.#taken++
    else await this.#wait(signal)
    try {
      return await work()
    } finally {
      this.#passOn()
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const place: Place = {}
      const leave = () => {
        place.enter = undefined
        reject(signal?.reason)
      }
      place.enter = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#line.push(place)
    })
  }

  #passOn(): void {
    for (let next = this.#line.shift(); next; next = this.#line.shift()) {
      if (!next.enter) continue
      next.enter()
      return
    }
    this.#taken--
  }
}

interface Place {
  /** `undefined` after its caller has left. */
  enter?: (() => void) | undefined
}
