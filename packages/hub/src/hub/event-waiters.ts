import type { StoredEvent } from '../store/store.ts'
import type { Selection } from './selection.ts'
import { SelectionIndex } from './selection-index.ts'

/**
 * Readers that wait for the next event of a selection and then read it from the history: the loops
 * of programs. They are found as feeds are, by what an event is about, so that events of other
 * topics cost them nothing. Only waiting readers are here: the hub does not know of one that is
 * busy with its events, and holds nothing for it.
 */
export class EventWaiters {
  readonly #waiters = new Set<Waiter>()
  readonly #index = new SelectionIndex<Waiter>()

  get isEmpty(): boolean {
    return this.#waiters.size === 0
  }

  /**
   * Resolves when an event of the selection arrives, to a position before it and after all other
   * events that arrived meanwhile and are not in the selection. Resolves to `undefined` if the
   * signal aborts first. Resolves as `wakeAll` says if that is called first.
   */
  wait(selection: Selection, signal: AbortSignal | undefined): Promise<number | undefined> {
    if (signal?.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const leave = () => this.#wake(waiter, undefined)
      const waiter: Waiter = {
        selection,
        wake: (position) => {
          signal?.removeEventListener('abort', leave)
          resolve(position)
        },
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
      this.#index.add(waiter)
    })
  }

  /** Wakes the readers that an event concerns. */
  onEvent(event: StoredEvent): void {
    this.#index.select(event, (waiter) => this.#wake(waiter, event.position - 1))
  }

  /**
   * Wakes all readers, because there may be events for any of them after this position; `undefined`
   * if there will be none.
   */
  wakeAll(position: number | undefined): void {
    for (const waiter of this.#waiters) this.#wake(waiter, position)
  }

  #wake(waiter: Waiter, position: number | undefined): void {
    this.#waiters.delete(waiter)
    this.#index.delete(waiter)
    waiter.wake(position)
  }
}

interface Waiter {
  readonly selection: Selection
  readonly wake: (position: number | undefined) => void
}
