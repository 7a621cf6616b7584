import { setImmediate as turn } from 'node:timers/promises'
import { createMemoryStore, type MemoryStoreOptions } from '../../src/store/memory.ts'
import type {
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  Follower,
  HistoryPosition,
} from '../../src/store/store.ts'

/**
 * A store as a remote engine would give it, made from a memory store: positions with holes, appends that overtake one
 * another and resolve before or after the tail tells of them, every answer late. What the hub may not assume, this does not do.
 */
export function createRemoteStore({ seed = 1, ...options }: MemoryStoreOptions & { seed?: number } = {}): EventStore {
  const engine = createMemoryStore(options)
  const random = seeded(seed)
  const pending = new Set<Promise<unknown>>()
  let told: HistoryPosition = { position: 0, tag: 0 }
  let isClosed = false

  const late = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await turn()
  }

  /** The tail of the engine, brought here late but in order: what this store has told of. */
  let tail: Promise<void> = late()
  const followers = new Set<Follower>()
  const relay = (tell: () => void): void => {
    tail = tail.then(late).then(tell)
  }
  const following = engine.follow({
    onStart: () => {},
    onAppend: (events) =>
      relay(() => {
        const spaced = events.map((stored) => ({ ...stored, position: outer(stored.position) }))
        told = markOf(spaced.at(-1)!)
        for (const follower of followers) follower.onAppend(spaced)
      }),
    onTrim: (trimmed) =>
      relay(() => {
        for (const follower of followers) follower.onTrim(outerMark(trimmed))
      }),
    onFailure: (error) => {
      for (const follower of followers) follower.onFailure(error)
    },
  })

  const started = async (): Promise<void> => {
    await following
    await late()
    if (isClosed) await engine.bounds()
  }

  let appended: Promise<unknown> = Promise.resolve()
  const append = async (event: EventRecord, options?: AppendOptions): Promise<HistoryPosition> => {
    await late()
    // An append may trim, and what is trimmed has to be told before: so each waits until the one before it was.
    const appending = appended.then(() => tail).then(() => engine.append(event, options))
    appended = appending.catch(() => {})
    const mark = await appending
    await late()
    return outerMark(mark)
  }

  return {
    epoch: engine.epoch,
    append(event, options) {
      if (isClosed) return engine.append(event)
      const appending = append(event, options)
      pending.add(appending)
      const settled = () => void pending.delete(appending)
      appending.then(settled, settled)
      return appending
    },
    async read({ after, through, topics, maxEvents, maxBytes }) {
      await started()
      const end = Math.floor(through / spacing)
      const page = await engine.read({ after: Math.floor(after / spacing), through: end, topics, maxEvents, maxBytes })
      await late()
      return {
        events: page.events.map((stored) => ({ ...stored, position: outer(stored.position) })),
        through: page.through === end ? through : outer(page.through),
        lost: page.lost.map((trace) => ({ ...trace, position: outer(trace.position) })),
        bounds: outerBounds(page.bounds),
      }
    },
    async bounds() {
      await started()
      return { ...outerBounds(await engine.bounds()), head: told }
    },
    async inspect(position) {
      await started()
      const { head, trimmed } = await engine.bounds()
      if (position > outer(head.position)) return { name: 'ahead' }
      if (position % spacing === 0) return await engine.inspect(position / spacing)
      return position < outer(trimmed.position) ? { name: 'trimmed', tag: undefined } : { name: 'vacant' }
    },
    async find(id) {
      await started()
      const mark = await engine.find(id)
      return mark && outerMark(mark)
    },
    async follow(follower) {
      await started()
      const bounds = outerBounds(await engine.bounds())
      follower.onStart({ ...bounds, head: told })
      followers.add(follower)
      await late()
      return () => void followers.delete(follower)
    },
    async trim(through) {
      await started()
      await engine.trim(through === undefined ? undefined : Math.floor(through / spacing))
    },
    async close() {
      isClosed = true
      await Promise.allSettled(pending)
      await tail
      followers.clear()
      await engine.close()
    },
  }
}

/** Two positions of three are never used. */
const spacing = 3

function outer(position: number): number {
  return position * spacing
}

function outerMark({ position, tag }: HistoryPosition): HistoryPosition {
  return { position: outer(position), tag }
}

function outerBounds({ head, trimmed, earliest, count }: Bounds): Bounds {
  return { head: outerMark(head), trimmed: outerMark(trimmed), earliest: earliest && outerMark(earliest), count }
}

function markOf({ position, tag }: HistoryPosition): HistoryPosition {
  return { position, tag }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
