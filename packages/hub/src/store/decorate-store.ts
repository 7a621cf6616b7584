import type { EventStore } from './store.ts'

/**
 * Returns a store with these methods, and those of another store for the rest. An optional method
 * that neither has is missing.
 */
export function decorateStore(store: EventStore, methods: Partial<EventStore>): EventStore {
  const { appendAll, readBack, check, nodes, upstream } = store
  return {
    epoch: store.epoch,
    ...(nodes && { nodes }),
    append: (event, options) => store.append(event, options),
    ...(appendAll && { appendAll: (appends) => appendAll.call(store, appends) }),
    read: (query) => store.read(query),
    ...(readBack && { readBack: (query) => readBack.call(store, query) }),
    bounds: () => store.bounds(),
    inspect: (position) => store.inspect(position),
    find: (id) => store.find(id),
    follow: (follower) => store.follow(follower),
    trim: (through) => store.trim(through),
    ...(check && { check: () => check.call(store) }),
    ...(upstream && { upstream: () => upstream.call(store) }),
    close: () => store.close(),
    ...methods,
  }
}
