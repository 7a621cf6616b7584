import { decorateStore } from './decorate-store.ts'
import type { EventStore } from './store.ts'

/** Called with the requests to a store and their outcome. */
export interface StoreObserver {
  /**
   * Called when the store is asked to store events, or whether it could store one, before it
   * answers.
   */
  onStart?(): void
  /**
   * Called when the store has stored this many events, or, with 0, answered that it could store
   * one, after this many milliseconds.
   */
  onStored(events: number, ms: number): void
  /** Called when the store has failed to do so, after this many milliseconds. */
  onFailed(events: number, ms: number, error: unknown): void
  /**
   * Called when the store has read a page of the history in this many milliseconds, or failed to.
   */
  onRead?(ms: number): void
}

/**
 * Returns a store that passes all requests to another, and calls the observers. `now` is in
 * milliseconds.
 */
export function observeStore(
  store: EventStore,
  observers: readonly StoreObserver[],
  now: () => number = () => performance.now(),
): EventStore {
  const { appendAll, check } = store
  return decorateStore(store, {
    append: (event, options) => observe(1, store.append(event, options)),
    ...(appendAll && { appendAll: (appends) => observe(appends.length, appendAll.call(store, appends)) }),
    ...(check && { check: () => observe(0, check.call(store)) }),
    read: async (query) => {
      const start = now()
      try {
        return await store.read(query)
      } finally {
        for (const observer of observers) observer.onRead?.(now() - start)
      }
    },
  })

  /**
   * Returns the promise itself: another promise around it, and the turn that it takes, would cost
   * as much as everything else here.
   */
  function observe<T>(events: number, answer: Promise<T>): Promise<T> {
    const start = now()
    for (const observer of observers) observer.onStart?.()
    answer.then(
      () => {
        const ms = now() - start
        for (const observer of observers) observer.onStored(events, ms)
      },
      (error: unknown) => {
        const ms = now() - start
        for (const observer of observers) observer.onFailed(events, ms, error)
      },
    )
    return answer
  }
}
