import { SseError } from '../protocol/index.ts'

/** An Observable: of RxJS, and so of Nest and Angular, or of any other library with its `subscribe`. */
export interface ObservableSource<T> {
  subscribe(observer: { next(item: T): void; error(error: unknown): void; complete(): void }): { unsubscribe(): void }
}

export function isObservable(value: object): value is ObservableSource<unknown> {
  return 'subscribe' in value && typeof value.subscribe === 'function'
}

/**
 * Subscribes to an Observable, and reads what it emits like an iterator. An Observable cannot wait:
 * what is not read yet is kept, so whoever reads must not wait either.
 */
export function readObservable<T>(source: ObservableSource<T>) {
  let items: T[] = []
  let taken = 0
  let ending: { failed: boolean; error?: unknown } | undefined
  let wake: (() => void) | undefined
  const arrived = () => {
    wake?.()
    wake = undefined
  }
  const end = (how: { failed: boolean; error?: unknown }) => {
    ending ??= how
    arrived()
  }
  const subscription = source.subscribe({
    next(item) {
      items.push(item)
      arrived()
    },
    error: (error) => end({ failed: true, error }),
    complete: () => end({ failed: false }),
  })
  if (typeof subscription?.unsubscribe !== 'function') {
    throw new SseError(
      'INVALID_OPTION',
      `pipe() got an object whose subscribe() returned ${typeof subscription}, not a subscription: it is not an Observable.`,
    )
  }
  const take = (): IteratorResult<T> => {
    if (taken < items.length) return { done: false, value: items[taken++] as T }
    if (ending?.failed) throw ending.error
    return { done: true, value: undefined }
  }
  return {
    next(): IteratorResult<T> | Promise<IteratorResult<T>> {
      if (taken < items.length) return take()
      items = []
      taken = 0
      const more = ending ? Promise.resolve() : new Promise<void>((resolve) => (wake = resolve))
      return more.then(take)
    },
    stop: () => subscription.unsubscribe(),
  }
}
