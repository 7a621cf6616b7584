import { MatcherIndex } from '../matching/matcher-index.ts'
import { toTopics } from '../matching/topic.ts'
import type { StoredEvent } from '../store/store.ts'
import type { Selection } from './selection.ts'

/**
 * Those who wait for the next event of a selection, and read it from the history then: the loops of programs. They are found as feeds are,
 * by what an event is about, so that events of other topics cost them nothing. Only who waits is here; whoever is busy with what it
 * has is known to nobody, and holds nothing.
 */
export class EventWaiters {
  readonly #waiters = new Set<Waiter>()
  readonly #index = new MatcherIndex<Waiter>()

  get isEmpty(): boolean {
    return this.#waiters.size === 0
  }

  /**
   * Resolves, when an event of the selection comes, to a position before it and after every other event that came meanwhile and is not
   * of the selection; to `undefined` when the signal aborts, or `wakeAll` says so, first.
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
      this.#index.add(selection.matchers.matchers, waiter)
    })
  }

  /** Wakes those whom an event concerns. */
  onEvent({ position, isPrivate, topics }: StoredEvent): void {
    const read = isPrivate ? toTopics(topics) : undefined
    for (const waiter of this.#index.select(topics)) {
      if (!read || waiter.selection.grants(read)) this.#wake(waiter, position - 1)
    }
  }

  /** Wakes all, because after this position there may be events of anyone; with `undefined`, because there will be none. */
  wakeAll(position: number | undefined): void {
    for (const waiter of this.#waiters) this.#wake(waiter, position)
  }

  #wake(waiter: Waiter, position: number | undefined): void {
    this.#waiters.delete(waiter)
    this.#index.delete(waiter.selection.matchers.matchers, waiter)
    waiter.wake(position)
  }
}

interface Waiter {
  readonly selection: Selection
  readonly wake: (position: number | undefined) => void
}
