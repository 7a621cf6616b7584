/**
 * Work that several callers may want at the same time, done once for all of them. It continues
 * while any of them wants it. A caller that leaves is rejected at once, and the last one to leave
 * stops the work.
 */
export class SharedWork<T> {
  readonly #underWay = new Map<string, Shared<T>>()

  /** Whether this work is under way. */
  has(key: string): boolean {
    return this.#underWay.has(key)
  }

  /**
   * Does the work, or joins it if it is under way. Rejects as the work does, or with the signal's
   * reason.
   */
  do(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    let shared = this.#underWay.get(key)
    if (!shared) {
      const controller = new AbortController()
      shared = { result: work(controller.signal), controller, wanted: 0 }
      this.#underWay.set(key, shared)
      const begun = shared
      const forget = () => this.#forget(key, begun)
      begun.result.then(forget, forget)
    }
    return this.#join(key, shared, signal)
  }

  #join(key: string, shared: Shared<T>, signal: AbortSignal | undefined): Promise<T> {
    shared.wanted++
    if (!signal) return shared.result
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason)
        shared.wanted--
        if (shared.wanted > 0) return
        // A later caller begins it again.
        this.#forget(key, shared)
        shared.controller.abort(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      const stay = () => signal.removeEventListener('abort', leave)
      shared.result.then(
        (result) => {
          stay()
          resolve(result)
        },
        (error: unknown) => {
          stay()
          reject(error)
        },
      )
    })
  }

  #forget(key: string, shared: Shared<T>): void {
    if (this.#underWay.get(key) === shared) this.#underWay.delete(key)
  }
}

interface Shared<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  /** How many callers wait for it. A caller without a signal waits to the end. */
  wanted: number
}
