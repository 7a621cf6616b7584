import { createEpoch, namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { Fifo, indexAfter } from '../base/fifo.ts'
import { AgeClock, StoredTimes } from './event-age.ts'
import { idTaken } from './id-taken.ts'
import { RandomTags } from './random-tags.ts'
import { maxIdempotencyKeys, type Retention, storedBytes } from './retention.ts'
import {
  type Append,
  type AppendOptions,
  type Bounds,
  beginning,
  defaultIdempotencyMs,
  type EventRecord,
  type EventStore,
  type Follower,
  type HistoryPosition,
  markOf,
  type PositionState,
  type ReadBackPage,
  type ReadBackQuery,
  type ReadPage,
  type ReadQuery,
  type StoredEvent,
} from './store.ts'
import { Tombstones } from './tombstones.ts'

export interface MemoryStoreOptions extends Retention {
  /** Default 100000. */
  readonly maxEvents?: number | undefined
  /** Default 67108864 (64 MiB). */
  readonly maxBytes?: number | undefined
  /** How long an idempotency key is remembered, in milliseconds. Default 3600000 (an hour). */
  readonly idempotencyMs?: number | undefined
  /** The clock, in milliseconds. Default `Date.now`; tests bring their own. */
  readonly now?: (() => number) | undefined
}

/** The defaults of {@link MemoryStoreOptions}. */
export const memoryDefaults = { maxAgeMs: Infinity, maxEvents: 100_000, maxBytes: 64 * 1024 ** 2 } as const

/**
 * Stores events in this process and nowhere else: for tests, development and history that may be lost. "Durable" lasts
 * as long as the process; the next one has a new epoch, so that its subscribers are told of the gap.
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): EventStore {
  checkNames('the options of createMemoryStore', options, optionNames)
  return new MemoryStore(options)
}

const optionNames = namesOf<MemoryStoreOptions>({
  maxAgeMs: true,
  maxEvents: true,
  maxBytes: true,
  idempotencyMs: true,
  now: true,
})

interface Kept extends StoredEvent {
  readonly bytes: number
  readonly storedAt: number
}

class MemoryStore implements EventStore {
  readonly epoch = createEpoch()
  readonly #maxAgeMs: number
  readonly #maxEvents: number
  readonly #maxBytes: number
  readonly #idempotencyMs: number
  readonly #now: () => number

  readonly #tags = new RandomTags()
  readonly #events = new Fifo<Kept>()
  readonly #byTopic = new Map<string, Fifo<Kept>>()
  readonly #byId = new Map<string, Kept>()
  readonly #followers = new Set<Follower>()
  readonly #clock = new AgeClock()
  readonly #times = new StoredTimes()
  #bytes = 0
  #head: HistoryPosition = beginning
  #trimmed: HistoryPosition = beginning
  readonly #traces = new Tombstones()
  /** The recent idempotency keys and their appends, the oldest first. */
  readonly #byKey = new Map<string, { readonly mark: HistoryPosition; readonly storedAt: number }>()
  #ageTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({
    maxAgeMs = memoryDefaults.maxAgeMs,
    maxEvents = memoryDefaults.maxEvents,
    maxBytes = memoryDefaults.maxBytes,
    idempotencyMs = defaultIdempotencyMs,
    now = Date.now,
  }: MemoryStoreOptions) {
    this.#maxAgeMs = assertNotNegative('maxAgeMs', maxAgeMs)
    this.#maxEvents = assertNotNegative('maxEvents', maxEvents)
    this.#maxBytes = assertNotNegative('maxBytes', maxBytes)
    this.#idempotencyMs = assertNotNegative('idempotencyMs', idempotencyMs)
    this.#now = now
  }

  async append(event: EventRecord, options?: AppendOptions): Promise<HistoryPosition> {
    this.#assertOpen()
    this.#assertFreeIds([{ event, ...options }])
    return this.#append(event, options)
  }

  async appendAll(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    this.#assertOpen()
    this.#assertFreeIds(appends)
    return appends.map(({ event, idempotencyKey }) => this.#append(event, { idempotencyKey }))
  }

  async read({ after, through, topics, maxEvents, maxBytes }: ReadQuery): Promise<ReadPage> {
    this.#assertOpen()
    const candidates = topics ? this.#ofTopics(topics, after, through, maxEvents) : from(this.#events, after)
    const events: Kept[] = []
    let bytes = 0
    for (const event of candidates) {
      if (event.position > through) break
      events.push(event)
      bytes += event.bytes
      if (events.length === maxEvents || bytes >= maxBytes) {
        return { events, through: event.position, lost: this.#traces.after(after, topics), bounds: this.#bounds() }
      }
    }
    return { events, through, lost: this.#traces.after(after, topics), bounds: this.#bounds() }
  }

  async readBack({ before, topics, maxEvents, maxBytes }: ReadBackQuery): Promise<ReadBackPage> {
    this.#assertOpen()
    const lists = topics ? [...topics].map((topic) => this.#byTopic.get(topic)) : [this.#events]
    const events: Kept[] = []
    let bytes = 0
    for (const event of backwards(
      lists.filter((list) => list !== undefined),
      before,
    )) {
      events.push(event)
      bytes += event.bytes
      if (events.length === maxEvents || bytes >= maxBytes) return { events, from: event.position }
    }
    return { events, from: 0 }
  }

  async bounds(): Promise<Bounds> {
    this.#assertOpen()
    return this.#bounds()
  }

  async inspect(position: number): Promise<PositionState> {
    this.#assertOpen()
    if (position === 0) return { name: 'kept', tag: beginning.tag }
    if (position > this.#head.position) return { name: 'ahead' }
    if (position <= this.#trimmed.position) {
      return { name: 'trimmed', tag: position === this.#trimmed.position ? this.#trimmed.tag : undefined }
    }
    const event = this.#events.at(indexAfter(this.#events, position - 1))
    return event?.position === position ? { name: 'kept', tag: event.tag } : { name: 'vacant' }
  }

  async find(id: string): Promise<HistoryPosition | undefined> {
    this.#assertOpen()
    const event = this.#byId.get(id)
    return event && markOf(event)
  }

  async follow(follower: Follower): Promise<() => void> {
    this.#assertOpen()
    follower.onStart(this.#bounds())
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
    }
  }

  async trim(through = 0): Promise<void> {
    this.#assertOpen()
    this.#enforceRetention(through)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#followers.clear()
    clearTimeout(this.#ageTimer)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new HubError('STORE_CLOSED', 'The memory store is closed: nothing was read or stored.')
  }

  #append(event: EventRecord, { idempotencyKey }: AppendOptions = {}): HistoryPosition {
    const earlier = idempotencyKey === undefined ? undefined : this.#findKey(idempotencyKey)
    if (earlier) return earlier
    const { topics, data, isPrivate, id, type, retryMs, traceContext } = event
    const kept: Kept = {
      topics,
      data,
      isPrivate,
      id,
      type,
      retryMs,
      traceContext,
      position: this.#head.position + 1,
      tag: this.#tags.next(),
      bytes: storedBytes(event),
      storedAt: this.#now(),
    }
    const mark = markOf(kept)
    this.#keep(kept, mark)
    if (idempotencyKey !== undefined) this.#remember(idempotencyKey, mark, kept.storedAt)
    for (const follower of this.#followers) follower.onAppend([kept])
    this.#enforceRetention()
    return mark
  }

  /** @throws HubError `EVENT_ID_TAKEN` if one of the events has the ID of another. */
  #assertFreeIds(appends: readonly Append[]): void {
    const ids = new Map<string, string | undefined>()
    for (const { event, idempotencyKey: key } of appends) {
      const { id } = event
      if (id === undefined || (key !== undefined && this.#findKey(key))) continue
      const isSame = ids.has(id) && key !== undefined && ids.get(id) === key
      if (!isSame && (ids.has(id) || this.#byId.has(id))) throw idTaken(id)
      ids.set(id, key)
    }
  }

  #remember(key: string, mark: HistoryPosition, storedAt: number): void {
    this.#byKey.set(key, { mark, storedAt })
    if (this.#byKey.size <= maxIdempotencyKeys(this.#maxBytes)) return
    const [oldest] = this.#byKey.keys()
    this.#byKey.delete(oldest!)
  }

  #findKey(key: string): HistoryPosition | undefined {
    const tooOld = this.#now() - this.#idempotencyMs
    for (const [key, { storedAt }] of this.#byKey) {
      if (storedAt > tooOld) break
      this.#byKey.delete(key)
    }
    return this.#byKey.get(key)?.mark
  }

  #keep(event: Kept, mark: HistoryPosition): void {
    this.#head = mark
    this.#bytes += event.bytes
    this.#events.push(event)
    for (const topic of event.topics) addTo(this.#byTopic, topic, event)
    if (event.id !== undefined) this.#byId.set(event.id, event)
    this.#times.add(event.position, event.storedAt)
  }

  #ofTopics(topics: ReadonlySet<string>, after: number, through: number, maxEvents: number): Iterable<Kept> {
    const lists = [...topics].map((topic) => this.#byTopic.get(topic)).filter((list) => list !== undefined)
    if (lists.length === 1) return from(lists[0]!, after)
    // An event with two of the topics is in two lists: the set holds it once.
    const merged = new Set<Kept>()
    for (const list of lists) {
      let taken = 0
      for (const event of from(list, after)) {
        if (event.position > through || taken++ === maxEvents) break
        merged.add(event)
      }
    }
    return [...merged].sort((a, b) => a.position - b.position)
  }

  #bounds(): Bounds {
    const oldest = this.#events.at(0)
    return {
      head: this.#head,
      trimmed: this.#trimmed,
      earliest: oldest && markOf(oldest),
      count: this.#events.length,
    }
  }

  #enforceRetention(through = 0): void {
    const before = this.#trimmed
    const tooOld = this.#clock.now(this.#now()) - this.#maxAgeMs
    for (let oldest = this.#events.at(0); oldest; oldest = this.#events.at(0)) {
      const isYoung = this.#times.latest(oldest.position, oldest.storedAt) > tooOld
      const isKept = this.#events.length <= this.#maxEvents && this.#bytes <= this.#maxBytes && isYoung
      if (isKept && oldest.position > through) break
      this.#drop(oldest)
    }
    this.#times.forget(this.#trimmed.position)
    if (this.#trimmed !== before) for (const follower of this.#followers) follower.onTrim(this.#trimmed)
    this.#awaitNextExpiry()
  }

  #drop(oldest: Kept): void {
    this.#events.shift()
    this.#bytes -= oldest.bytes
    for (const topic of oldest.topics) removeFrom(this.#byTopic, topic)
    if (oldest.id !== undefined) this.#byId.delete(oldest.id)
    this.#trimmed = markOf(oldest)
    this.#traces.add({ position: oldest.position, topics: oldest.topics, isPrivate: oldest.isPrivate })
  }

  /** Sets one timer at a time, for the oldest event; none without an age limit. */
  #awaitNextExpiry(): void {
    const oldest = this.#events.at(0)
    if (this.#maxAgeMs === Infinity || this.#ageTimer || !oldest) return
    // At least a second, so that a steady stream is trimmed in batches; at most a minute, so that
    // the clock's jumps are noticed.
    const storedAt = this.#times.latest(oldest.position, oldest.storedAt)
    const delay = Math.min(Math.max(storedAt + this.#maxAgeMs - this.#clock.now(this.#now()), 1000), 60_000)
    this.#ageTimer = setTimeout(() => {
      this.#ageTimer = undefined
      this.#enforceRetention()
    }, delay)
    this.#ageTimer.unref()
  }
}

function* from(list: Fifo<Kept>, after: number): Generator<Kept> {
  for (let index = indexAfter(list, after); index < list.length; index++) yield list.at(index)!
}

/** The events of several lists before a position, the newest first, each once. */
function* backwards(lists: readonly Fifo<Kept>[], before: number): Generator<Kept> {
  const ends = lists.map((list) => indexAfter(list, before - 1))
  for (;;) {
    const newest = Math.max(0, ...lists.map((list, index) => list.at(ends[index]! - 1)?.position ?? 0))
    if (newest === 0) return
    let event: Kept | undefined
    for (const [index, list] of lists.entries()) {
      const candidate = list.at(ends[index]! - 1)
      if (candidate?.position !== newest) continue
      event = candidate
      ends[index]! -= 1
    }
    yield event!
  }
}

function addTo(index: Map<string, Fifo<Kept>>, key: string, event: Kept): void {
  let list = index.get(key)
  if (!list) {
    list = new Fifo()
    index.set(key, list)
  }
  list.push(event)
}

/** Events are removed in order of arrival, so the one to remove is the oldest of its list. */
function removeFrom(index: Map<string, Fifo<Kept>>, key: string): void {
  const list = index.get(key)
  list?.shift()
  if (list?.length === 0) index.delete(key)
}
