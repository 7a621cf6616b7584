import type { EventStore, ReadBackQuery } from '../../src/store/store.ts'

export interface CountingStore {
  readonly store: EventStore
  /** How many pages were read so far, in either direction. */
  readonly reads: number
  /** The most that were read at the same time. */
  readonly mostAtOnce: number
  /** Has reads wait from now on, until the function is called that it returns. */
  hold(): () => void
}

/** A store that counts how often its history is read. */
export function countReads(store: EventStore): CountingStore {
  let reads = 0
  let underWay = 0
  let mostAtOnce = 0
  let held: Promise<void> | undefined
  const count = async <T>(read: () => Promise<T>): Promise<T> => {
    reads++
    underWay++
    mostAtOnce = Math.max(mostAtOnce, underWay)
    try {
      await held
      return await read()
    } finally {
      underWay--
    }
  }
  const { read, readBack } = store
  store.read = (query) => count(() => read.call(store, query))
  if (readBack) {
    store.readBack = (query) =>
      isOwnRead(query) ? readBack.call(store, query) : count(() => readBack.call(store, query))
  }
  return {
    store,
    get reads() {
      return reads
    },
    get mostAtOnce() {
      return mostAtOnce
    },
    hold() {
      let release = () => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      return () => {
        held = undefined
        release()
      }
    },
  }
}

/** Whether a hub reads for itself: a second after its start, which streams are open. */
export function isOwnRead({ topics }: Pick<ReadBackQuery, 'topics'>): boolean {
  return [...(topics ?? [])].some((topic) => topic.endsWith('/headwater/v1/streams'))
}
