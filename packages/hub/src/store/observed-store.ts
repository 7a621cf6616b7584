import { decorateStore } from './decorate-store.ts'
import type { EventStore } from './store.ts'

/** Is called about what a store is asked. */
export interface StoreObserver {
  /** The store is asked to keep so many events, or, with 0, whether it could keep one. Called before it answers. */
  onStart?(): void
  /** It answered after so many milliseconds: the events are kept. */
  onStored(events: number, ms: number): void
  /** It answered after so many milliseconds: it failed. */
  onFailed(events: number, ms: number, error: unknown): void
  /** It read a page of the history in so many milliseconds, or failed to. */
  onRead?(ms: number): void
}

/** A store that does what another does, and is observed. `now` is in milliseconds. */
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

  /** Returns the promise itself: one more around it, and the turn that it takes, would cost as much as all else here. */
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
