import { createEpoch } from '@headwater/sse/internal'
import { HubError } from '../../src/base/errors.ts'
import { storedBytes } from '../../src/store/retention.ts'
import type {
  Append,
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  Follower,
  HistoryPosition,
  PositionState,
  ReadBackPage,
  ReadBackQuery,
  ReadPage,
  ReadQuery,
  StoredEvent,
  Tombstone,
} from '../../src/store/store.ts'
import { Process, type Scheduler } from './scheduler.ts'
import { TrueHistory } from './true-history.ts'

/** What a store may do by its contract, and how often an engine does it. */
export interface EngineManners {
  /** How long a call takes at the most, in milliseconds, and how long the tail may lag. */
  readonly callMs: number
  readonly lagMs: number
  /** How likely it is that a position is left out before an event. */
  readonly holes: number
  /** How likely an append fails, and any other call. */
  readonly appendFailures: number
  readonly otherFailures: number
  /** Whether it can append all or none, and read backwards. */
  readonly appendsAll: boolean
  readonly readsBack: boolean
  /** Pages may be smaller than asked for. */
  readonly maxPage: number
  /** How likely it is that trimming forgets what it trimmed. */
  readonly forgetting: number
}

interface PendingAppend {
  readonly owner: Process
  readonly appends: readonly Append[]
  readonly resolve: (marks: readonly HistoryPosition[]) => void
  readonly reject: (error: Error) => void
}

/**
 * Where events are kept, safe from the death of any hub: a disk, or a sequencer that several hubs share. It does whatever the contract
 * of a store allows, and nothing else.
 */
export class Engine {
  history = new TrueHistory(createEpoch())
  manners: EngineManners
  readonly #scheduler: Scheduler
  readonly #process = new Process('engine')
  #keys = new Map<string, HistoryPosition>()
  #pending: PendingAppend[] = []
  #isCommitting = false
  readonly #stores = new Set<EngineStore>()
  #backup: { readonly history: TrueHistory; readonly keys: Map<string, HistoryPosition> } | undefined

  constructor(scheduler: Scheduler, manners: EngineManners) {
    this.#scheduler = scheduler
    this.manners = manners
  }

  /** The store of one hub, which ends with its process. */
  open(process: Process): EngineStore {
    const store = new EngineStore(this, this.#scheduler, process)
    this.#stores.add(store)
    return store
  }

  forget(store: EngineStore): void {
    this.#stores.delete(store)
  }

  /** Takes an append that has arrived. All that wait together are stored in any order. */
  submit(append: PendingAppend): void {
    this.#pending.push(append)
    if (this.#isCommitting) return
    this.#isCommitting = true
    this.#scheduler.after(this.#scheduler.random() * this.manners.callMs, this.#process, () => this.#commit())
  }

  /** What a process had under way when it died is stored, or is not. */
  onDeath(process: Process): void {
    for (const store of this.#stores) if (!store.process.isAlive) this.#stores.delete(store)
    this.#pending = this.#pending.filter(({ owner }) => owner !== process || this.#scheduler.chance(0.5))
  }

  /** Trims the oldest events, but none that a follower has not been told of. */
  trim(count: number): void {
    const { events, trimmed } = this.history
    const following = [...this.#stores].filter((store) => store.isFollowed)
    const told = Math.min(...following.map((store) => store.told.position), this.history.head)
    const candidates = events.filter(({ position }) => position > trimmed && position <= told)
    const last = candidates[Math.min(count, candidates.length) - 1]
    if (!last) return
    this.history.trimmed = last.position
    if (this.#scheduler.chance(this.manners.forgetting)) this.history.forgotten = last.position
    this.#scheduler.note(`trimmed through ${last.position}`)
    for (const store of this.#stores) store.hasNews()
  }

  keep(): void {
    const { history } = this
    this.#backup = { history: history.backup(history.events.length, history.trimmed), keys: new Map(this.#keys) }
    this.#scheduler.note(`backup at ${history.head}`)
  }

  /** Goes back to the backup. Only while no hub is up. */
  restore(): void {
    if (!this.#backup || this.#stores.size > 0) return
    const { history, keys } = this.#backup
    this.history = history.backup(history.events.length, history.trimmed)
    this.#keys = new Map(keys)
    this.#pending = []
    this.#scheduler.note(`restored at ${this.history.head}`)
  }

  #commit(): void {
    this.#isCommitting = false
    const scheduler = this.#scheduler
    const batch: PendingAppend[] = []
    while (this.#pending.length > 0) {
      batch.push(...this.#pending.splice(Math.floor(scheduler.random() * this.#pending.length), 1))
    }
    for (const { appends, owner, resolve, reject } of batch) {
      const reply = (answer: () => void) => scheduler.after(scheduler.random() * this.manners.callMs, owner, answer)
      const isRefused = scheduler.chance(this.manners.appendFailures / 2)
      const marks = isRefused ? [] : this.#store(appends)
      if (isRefused || scheduler.chance(this.manners.appendFailures / 2)) {
        scheduler.note(isRefused ? 'refuses an append' : 'stores an append and says that it failed')
        reply(() => reject(new HubError('STORE_FAILED', 'The engine failed. The event may be stored all the same.')))
      } else reply(() => resolve(marks))
    }
    for (const store of this.#stores) store.hasNews()
  }

  #store(appends: readonly Append[]): HistoryPosition[] {
    return appends.map(({ event, idempotencyKey }) => {
      const earlier = idempotencyKey === undefined ? undefined : this.#keys.get(idempotencyKey)
      if (earlier) return earlier
      const hole = this.#scheduler.chance(this.manners.holes) ? this.#scheduler.between(1, 3) : 0
      const mark = { position: this.history.head + 1 + hole, tag: Math.floor(this.#scheduler.random() * 2 ** 32) }
      this.history.add({ ...event, ...mark })
      if (idempotencyKey !== undefined) this.#keys.set(idempotencyKey, mark)
      this.#scheduler.note(`stored ${mark.position}: ${event.data.slice(0, 20)} of ${event.topics.join(' ')}`)
      return mark
    })
  }
}

/** An engine as one hub sees it: every answer late, the tail later. */
export class EngineStore implements EventStore {
  readonly epoch: string
  readonly process: Process
  /** The newest event that it has told of. */
  told: HistoryPosition
  /** Trimmed up to here, as far as it has told. */
  #toldTrimmed: number
  readonly #engine: Engine
  readonly #history: TrueHistory
  readonly #scheduler: Scheduler
  readonly #followers = new Set<Follower>()
  #isTelling = false
  #isClosed = false
  readonly appendAll?: (appends: readonly Append[]) => Promise<readonly HistoryPosition[]>
  readonly readBack?: (query: ReadBackQuery) => Promise<ReadBackPage>

  constructor(engine: Engine, scheduler: Scheduler, process: Process) {
    this.#engine = engine
    this.#history = engine.history
    this.#scheduler = scheduler
    this.process = process
    this.epoch = engine.history.epoch
    // It may begin with what it knew long ago; but what is trimmed by now it has heard of.
    const known = engine.history.events.filter(({ position }) => position >= engine.history.trimmed)
    const lag = scheduler.chance(0.3) ? scheduler.between(0, 5) : 0
    const last = known[Math.max(0, known.length - 1 - lag)] ?? engine.history.events.at(-1)
    this.told = engine.history.markAt(last?.position ?? 0)!
    this.#toldTrimmed = engine.history.trimmed
    if (engine.manners.appendsAll) this.appendAll = (appends) => this.#append(appends)
    if (engine.manners.readsBack) this.readBack = (query) => this.#call(() => this.#readBack(query))
  }

  async append(event: EventRecord, options?: AppendOptions): Promise<HistoryPosition> {
    const [mark] = await this.#append([{ event, ...options }])
    return mark!
  }

  read(query: ReadQuery): Promise<ReadPage> {
    return this.#call(() => this.#read(query))
  }

  bounds(): Promise<Bounds> {
    return this.#call(() => {
      // What it says here can be read from now on, whether or not the tail has brought it.
      const head = this.#scheduler.chance(0.2) ? this.#history.markAt(this.#history.head)! : this.told
      return { ...this.#bounds(), head }
    })
  }

  inspect(position: number): Promise<PositionState> {
    return this.#call(() => {
      const { head, trimmed } = this.#history
      if (position > head) return { name: 'ahead' }
      if (position > 0 && position <= trimmed) {
        return { name: 'trimmed', tag: position === trimmed ? this.#history.at(position)?.tag : undefined }
      }
      const mark = this.#history.markAt(position)
      return mark ? { name: 'kept', tag: mark.tag } : { name: 'vacant' }
    })
  }

  find(id: string): Promise<HistoryPosition | undefined> {
    return this.#call(() => {
      const found = this.#kept().find((event) => event.id === id)
      return found && { position: found.position, tag: found.tag }
    })
  }

  async follow(follower: Follower): Promise<() => void> {
    await this.#call(() => {
      follower.onStart(this.#bounds())
      this.#followers.add(follower)
      this.hasNews()
    })
    return () => void this.#followers.delete(follower)
  }

  async trim(): Promise<void> {
    await this.#call(() => this.#engine.trim(1))
  }

  async check(): Promise<void> {
    await this.#call(() => {})
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#followers.clear()
    this.#engine.forget(this)
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  /** The tail breaks: whoever follows has to begin again. */
  failTail(): void {
    if (this.#followers.size === 0) return
    this.#scheduler.note('the tail fails')
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onFailure(new HubError('STORE_FAILED', 'The tail failed.'))
  }

  /** There is something that followers have not been told. */
  hasNews(): void {
    if (this.#isTelling || this.#isClosed || this.#followers.size === 0) return
    this.#isTelling = true
    this.#scheduler.after(this.#scheduler.random() * this.#engine.manners.lagMs, this.process, () => {
      this.#isTelling = false
      if (this.#followers.size > 0 && !this.#isClosed) this.#tell()
    })
  }

  #tell(): void {
    const { trimmed } = this.#history
    const news = this.#history.events.filter(({ position }) => position > this.told.position)
    if (news.length > 0) {
      const events = news.slice(0, this.#scheduler.between(1, news.length))
      const { position, tag } = events.at(-1)!
      this.told = { position, tag }
      this.#scheduler.note(`the tail tells of ${events.map((event) => event.position).join(' ')}`)
      for (const follower of this.#followers) follower.onAppend(events)
    } else if (trimmed > this.#toldTrimmed) {
      this.#toldTrimmed = trimmed
      for (const follower of this.#followers) follower.onTrim(this.#history.markAt(trimmed)!)
    } else return
    this.hasNews()
  }

  #append(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError())
      this.#scheduler.after(this.#scheduler.random() * this.#engine.manners.callMs, this.process, () => {
        this.#engine.submit({ owner: this.process, appends, resolve, reject })
      })
    })
  }

  /** Asks the engine: it answers as of one moment between the question and the answer. */
  #call<T>(answer: () => T): Promise<T> {
    const { callMs, otherFailures } = this.#engine.manners
    const later = (run: () => void) => this.#scheduler.after(this.#scheduler.random() * callMs, this.process, run)
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError())
      later(() => {
        if (this.#isClosed) return reject(closedError())
        if (this.#scheduler.chance(otherFailures)) {
          this.#scheduler.note('the store fails')
          later(() => reject(new HubError('STORE_FAILED', 'The engine gave no answer.')))
          return
        }
        const result = answer()
        later(() => resolve(result))
      })
    })
  }

  #kept(): StoredEvent[] {
    return this.#history.events.filter(({ position }) => position > this.#history.trimmed)
  }

  #bounds(): Bounds {
    const { trimmed } = this.#history
    const kept = this.#kept()
    const [earliest] = kept
    // What was trimmed while nobody followed.
    if (this.told.position < trimmed) this.told = this.#history.markAt(trimmed)!
    return {
      head: this.told,
      trimmed: this.#history.markAt(trimmed)!,
      earliest: earliest && { position: earliest.position, tag: earliest.tag },
      count: kept.length,
    }
  }

  #read({ after, through, topics, maxEvents, maxBytes }: ReadQuery): ReadPage {
    const wanted = this.#kept().filter(
      ({ position, topics: its }) => position > after && position <= through && isOf(its, topics),
    )
    const events = firstOf(wanted, this.#limit(maxEvents), maxBytes)
    const isWhole = events.length === wanted.length
    return {
      events,
      through: isWhole ? through : events.at(-1)!.position,
      lost: this.#lost(after, topics),
      bounds: this.#bounds(),
    }
  }

  #readBack({ before, topics, maxEvents, maxBytes }: ReadBackQuery): ReadBackPage {
    const wanted = this.#kept()
      .filter(({ position, topics: its }) => position < before && isOf(its, topics))
      .reverse()
    const events = firstOf(wanted, this.#limit(maxEvents), maxBytes)
    return { events, from: events.length === wanted.length ? 0 : events.at(-1)!.position }
  }

  #limit(maxEvents: number): number {
    return Math.min(maxEvents, this.#scheduler.between(1, this.#engine.manners.maxPage))
  }

  /** Of each set of topics, the newest that is trimmed. */
  #lost(after: number, topics: ReadonlySet<string> | undefined): Tombstone[] {
    const { events, trimmed, forgotten } = this.#history
    const newest = new Map<string, Tombstone>()
    for (const { position, topics: its, isPrivate } of events) {
      if (position > trimmed) break
      if (position > forgotten && isOf(its, topics)) {
        newest.set(JSON.stringify([isPrivate, its]), { position, topics: its, isPrivate })
      }
    }
    const lost = [...newest.values()].filter(({ position }) => position > after)
    return forgotten > after ? [{ position: forgotten, topics: undefined, isPrivate: false }, ...lost] : lost
  }
}

function isOf(topics: readonly string[], wanted: ReadonlySet<string> | undefined): boolean {
  return wanted === undefined || topics.some((topic) => wanted.has(topic))
}

function firstOf(events: readonly StoredEvent[], maxEvents: number, maxBytes: number): StoredEvent[] {
  const first: StoredEvent[] = []
  let bytes = 0
  for (const event of events) {
    first.push(event)
    bytes += storedBytes(event)
    if (first.length >= maxEvents || bytes >= maxBytes) break
  }
  return first
}

function closedError(): HubError {
  return new HubError('STORE_CLOSED', 'The store is closed.')
}
