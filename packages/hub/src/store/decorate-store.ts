import type { EventStore } from './store.ts'

/** A store that does what another does, but for these of its methods. What the other can not, it can not either, unless it is among them. */
export function decorateStore(store: EventStore, methods: Partial<EventStore>): EventStore {
  const { appendAll, readBack, check } = store
  return {
    epoch: store.epoch,
    append: (event, options) => store.append(event, options),
    ...(appendAll && { appendAll: (appends) => appendAll.call(store, appends) }),
    read: (query) => store.read(query),
    ...(readBack && { readBack: (query) => readBack.call(store, query) }),
    bounds: () => store.bounds(),
    inspect: (position) => store.inspect(position),
    find: (id) => store.find(id),
    follow: (follower) => store.follow(follower),
    trim: () => store.trim(),
    ...(check && { check: () => check.call(store) }),
    close: () => store.close(),
    ...methods,
  }
}
