import { idTaken } from '../../src/store/id-taken.ts'
import { RandomTags } from '../../src/store/random-tags.ts'
import { openReplica, type ReplicaOptions } from '../../src/store/replica.ts'
import { maxIdempotencyKeys } from '../../src/store/retention.ts'
import { beginning, type EventRecord, type EventStore, type HistoryPosition } from '../../src/store/store.ts'

/** Says where events come, as an engine elsewhere does: each position is one to three after the last, or very many. */
export class SparseSequencer {
  readonly #tags = new RandomTags()
  readonly #byKey = new Map<string, { readonly mark: HistoryPosition; readonly at: number }>()
  readonly #byId = new Map<string, number>()
  #position = 0
  #count = 0

  next(): HistoryPosition {
    this.#count += 1
    this.#position += this.#count % 7 === 0 ? 2 ** 33 : 1 + (this.#count % 3)
    return { position: this.#position, tag: this.#tags.next() }
  }

  /** Notes where an event with an id of its publisher is. */
  take(id: string, { position }: HistoryPosition): void {
    this.#byId.set(id, position)
  }

  isTaken(id: string, trimmed: HistoryPosition): boolean {
    return (this.#byId.get(id) ?? 0) > trimmed.position
  }

  markOf(key: string, since: number): HistoryPosition | undefined {
    const known = this.#byKey.get(key)
    return known && known.at > since ? known.mark : undefined
  }

  remember(key: string, mark: HistoryPosition, at: number, most: number): void {
    // To the end: the first are the oldest.
    this.#byKey.delete(key)
    this.#byKey.set(key, { mark, at })
    if (this.#byKey.size > most) this.#byKey.delete(this.#byKey.keys().next().value!)
  }
}

/** A store in SQLite whose events are sequenced elsewhere: positions have holes. */
export async function openSparseStore(options: ReplicaOptions, sequencer: SparseSequencer): Promise<EventStore> {
  const replica = await openReplica(options)
  const now = options.now ?? Date.now
  const underWay = new Map<HistoryPosition, Promise<void>>()

  const appendAll: NonNullable<EventStore['appendAll']> = async (appends) => {
    const hasIds = appends.some(({ event }) => event.id !== undefined)
    const trimmed = hasIds ? (await replica.bounds()).trimmed : beginning
    const since = now() - (options.idempotencyMs ?? 3_600_000)
    const ids = new Set<string>()
    for (const { event, idempotencyKey: key } of appends) {
      if (event.id === undefined || (key !== undefined && (sequencer.markOf(key, since) || ids.has(key)))) continue
      if (ids.has(event.id) || sequencer.isTaken(event.id, trimmed)) throw idTaken(event.id)
      ids.add(event.id)
      if (key !== undefined) ids.add(key)
    }
    const marks: HistoryPosition[] = []
    const added: (EventRecord & HistoryPosition)[] = []
    for (const { event, idempotencyKey: key } of appends) {
      const known = key === undefined ? undefined : sequencer.markOf(key, since)
      const mark = known ?? sequencer.next()
      marks.push(mark)
      if (known) continue
      added.push({ ...event, ...mark })
      if (event.id !== undefined) sequencer.take(event.id, mark)
      if (key !== undefined) sequencer.remember(key, mark, now(), maxIdempotencyKeys(options.maxBytes ?? 1024 ** 3))
    }
    if (added.length > 0) {
      const applying = replica.apply(added)
      for (const mark of marks) if (!underWay.has(mark)) underWay.set(mark, applying)
    }
    await Promise.all(marks.map((mark) => underWay.get(mark)))
    return marks
  }

  return {
    epoch: replica.epoch,
    append: async (event, { idempotencyKey } = {}) => (await appendAll([{ event, idempotencyKey }]))[0]!,
    appendAll,
    read: (query) => replica.read(query),
    readBack: (query) => replica.readBack!(query),
    bounds: () => replica.bounds(),
    inspect: (position) => replica.inspect(position),
    find: (id) => replica.find(id),
    follow: (follower) => replica.follow(follower),
    trim: (through) => replica.trim(through),
    check: () => replica.check!(),
    close: () => replica.close(),
  }
}
