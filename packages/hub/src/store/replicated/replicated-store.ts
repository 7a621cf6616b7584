import { HubError } from '../../base/errors.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import type { Replica } from '../replica.ts'
import {
  type Append,
  type AppendOptions,
  type Bounds,
  beginning,
  type EventRecord,
  type EventStore,
  type Follower,
  type HistoryPosition,
  markOf,
  type NodeDirectory,
  type PositionState,
  type ReadBackPage,
  type ReadBackQuery,
  type ReadPage,
  type ReadQuery,
  type StoredEvent,
  type UpstreamStatus,
} from '../store.ts'
import { findCommonMark } from './find-common-mark.ts'
import type { HistorySource, Sequenced, SourcePage } from './history-source.ts'

export interface ReplicatedStoreOptions {
  /** The local copy. It has the epoch of the source. */
  readonly replica: Replica
  readonly source: HistorySource
  /** How long a reader waits for the source, in milliseconds. */
  readonly waitMs: number
  /** Receives errors that reject no call. */
  readonly onError: (error: HubError) => void
  /**
   * Whether the source could not be reached just now: the store then opens with what the copy has,
   * and catches up when it can. Default: false.
   */
  readonly isSourceAway?: boolean | undefined
}

/** How long after a change without a word of the source it is asked, in milliseconds. */
const pollMs = 1000
/** The most events that wait to be applied. Those beyond are read from the source again. */
const maxApplying = 20_000

/**
 * A history that is sequenced elsewhere, read from a local copy. Appends go to the source. What any
 * node has appended comes back from there, in order, and is applied to the copy; what this node has
 * appended is applied at once if nothing else came before it.
 */
export class ReplicatedStore implements EventStore {
  readonly epoch: string
  readonly nodes: NodeDirectory | undefined
  readonly #replica: Replica
  readonly #source: HistorySource
  readonly #waitMs: number
  readonly #onError: (error: HubError) => void
  readonly #pollTimer: NodeJS.Timeout
  /** The head that the copy has once everything under way is applied. */
  #scheduled: HistoryPosition = beginning
  #applyingEvents = 0
  readonly #applying = new Set<Promise<void>>()
  /** Events that are scheduled, and not yet passed to the copy. */
  #gathered: StoredEvent[] = []
  #trimmedPosition = 0
  /** The round under way, and whether another one has to follow it. */
  #syncing: Promise<void> | undefined
  #isSyncDue = false
  /** The question to the source under way, and the one after it. */
  #reading: Promise<void> | undefined
  #nextReading: Promise<void> | undefined
  #reportedFailure: string | undefined
  #isClosed = false

  /**
   * Resolves when the copy has everything that the source has, or at once if that is away. Rejects,
   * with both closed, if that fails.
   */
  static async open(options: ReplicatedStoreOptions): Promise<ReplicatedStore> {
    const store = new ReplicatedStore(options)
    try {
      const { head, trimmed } = await options.replica.bounds()
      store.#scheduled = head
      store.#trimmedPosition = trimmed.position
      options.source.onChange(() => store.#syncSoon())
      if (options.isSourceAway) store.#syncSoon()
      else await store.#sync()
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  private constructor({ replica, source, waitMs, onError }: ReplicatedStoreOptions) {
    this.epoch = source.epoch
    this.nodes = source.nodes
    this.#replica = replica
    this.#source = source
    this.#waitMs = waitMs
    this.#onError = onError
    this.#pollTimer = setInterval(() => this.#syncSoon(), pollMs)
    this.#pollTimer.unref()
  }

  async append(event: EventRecord, { idempotencyKey }: AppendOptions = {}): Promise<HistoryPosition> {
    return (await this.appendAll([{ event, idempotencyKey }]))[0]!
  }

  async appendAll(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    this.#assertOpen()
    const sequenced = await this.#source.append(appends)
    this.#onSequenced(appends, sequenced)
    return sequenced.marks
  }

  read(query: ReadQuery): Promise<ReadPage> {
    return this.#replica.read(query)
  }

  readBack(query: ReadBackQuery): Promise<ReadBackPage> {
    return this.#replica.readBack!(query)
  }

  bounds(): Promise<Bounds> {
    return this.#replica.bounds()
  }

  /** A position after the head may be known to another node: the source is asked first. */
  async inspect(position: number): Promise<PositionState> {
    const state = await this.#replica.inspect(position)
    if (state.name !== 'ahead') return state
    await this.#catchUp()
    return await this.#replica.inspect(position)
  }

  async find(id: string): Promise<HistoryPosition | undefined> {
    const mark = await this.#replica.find(id)
    if (mark) return mark
    await this.#catchUp()
    return await this.#replica.find(id)
  }

  follow(follower: Follower): Promise<() => void> {
    return this.#replica.follow(follower)
  }

  async trim(through?: number): Promise<void> {
    this.#assertOpen()
    if (through !== undefined) {
      throw new HubError(
        'INVALID_REQUEST',
        'This hub has a copy of a history that is kept elsewhere. Trim it at the hub upstream; one in PostgreSQL is trimmed by --max-age, --max-events and --max-bytes of its hubs.',
      )
    }
    // What is trimmed before it is known here leaves only a tombstone without topics.
    await this.#catchUp()
    await this.#source.trim()
    await this.#catchUp()
  }

  /** Reading goes on without the source, so only a failure of the copy is one of this node. */
  async check(): Promise<void> {
    const { failure } = this.#source
    if (failure) throw failure
    await this.#replica.check!()
  }

  async upstream(): Promise<UpstreamStatus | undefined> {
    const status = this.#source.status?.()
    if (!status) return undefined
    const { isConnected, headPosition, silentMs } = status
    const behind = headPosition === undefined ? undefined : Math.max(0, headPosition - this.#scheduled.position)
    return { isConnected, silentMs, behind }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#pollTimer)
    await this.#source.close()
    await this.#syncing?.catch(() => {})
    await this.#replica.close()
  }

  /** Applies what this node appended, if it follows what the copy has; otherwise reads on from there. */
  #onSequenced(appends: readonly Append[], { marks, previous }: Sequenced): void {
    const isNext = previous && !this.#syncing && isSame(previous, this.#scheduled)
    if (!previous || !isNext || this.#applyingEvents + appends.length > maxApplying) {
      this.#syncSoon()
      return
    }
    if (this.#gathered.length === 0) process.nextTick(() => this.#applyGathered(previous))
    for (const [index, { event }] of appends.entries()) this.#gathered.push({ ...event, ...marks[index]! })
    this.#schedule(appends.length, marks.at(-1)!)
  }

  /** All appends of a batch, whose promises resolve one after the other, are applied together. */
  #applyGathered(previous: HistoryPosition): void {
    const events = this.#gathered
    this.#gathered = []
    this.#applyScheduled(events, previous).catch(() => this.#syncSoon())
  }

  #schedule(events: number, head: HistoryPosition): void {
    this.#scheduled = head
    this.#applyingEvents += events
  }

  async #apply(events: readonly StoredEvent[]): Promise<void> {
    const previous = this.#scheduled
    this.#schedule(events.length, markOf(events.at(-1)!))
    await this.#applyScheduled(events, previous)
  }

  async #applyScheduled(events: readonly StoredEvent[], previous: HistoryPosition): Promise<void> {
    const applying = this.#replica.apply(events, previous)
    this.#applying.add(applying)
    try {
      await applying
    } finally {
      this.#applying.delete(applying)
      this.#applyingEvents -= events.length
    }
  }

  /** Resolves when the copy has everything that the source had when this was called. */
  async #catchUp(): Promise<void> {
    this.#assertOpen()
    const reading = this.#readAllTogether().then(() => true)
    if (await withTimeout(this.#waitMs, reading, false)) return
    throw new HubError('STORE_FAILED', `There was no answer in time: ${this.#source.name} did not say what it has.`)
  }

  /** Any number of callers share one question to the source: one that begins after their call. */
  #readAllTogether(): Promise<void> {
    if (!this.#reading) {
      this.#reading = this.#readAll().finally(() => {
        this.#reading = undefined
      })
      return this.#reading
    }
    this.#nextReading ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#nextReading = undefined
        return this.#readAllTogether()
      })
    return this.#nextReading
  }

  async #readAll(): Promise<void> {
    await this.#source.refresh?.()
    await this.#nextSync()
  }

  /** A round that begins after this call: one that is under way may have asked before. */
  #nextSync(): Promise<void> {
    if (!this.#syncing) return this.#sync()
    this.#isSyncDue = true
    return this.#syncing.then(() => this.#syncing ?? this.#sync())
  }

  #syncSoon(): void {
    if (this.#isClosed) return
    this.#nextSync().then(
      () => {
        this.#reportedFailure = undefined
      },
      (error: unknown) => this.#report(error),
    )
  }

  #sync(): Promise<void> {
    this.#isSyncDue = false
    this.#syncing = this.#readOn().finally(() => {
      this.#syncing = undefined
      if (this.#isSyncDue) this.#syncSoon()
    })
    return this.#syncing
  }

  async #readOn(): Promise<void> {
    for (;;) {
      if (this.#isClosed) return
      await this.#whenApplied()
      const page = await this.#source.read(this.#scheduled.position)
      if (!continues(this.#scheduled, page)) {
        await this.#dropDiverged()
        continue
      }
      if (page.trimmed.position > this.#trimmedPosition) {
        await this.#replica.trimThrough(page.trimmed)
        this.#trimmedPosition = page.trimmed.position
        // Events may have been trimmed before they came here.
        if (page.trimmed.position > this.#scheduled.position) {
          this.#scheduled = page.trimmed
          continue
        }
      }
      if (page.events.length > 0) await this.#apply(page.events)
      if (page.isLast || page.events.length === 0) return
    }
  }

  /** After a failure, nothing that was scheduled behind it was applied either. */
  async #whenApplied(): Promise<void> {
    while (this.#applyingEvents > 0) {
      await Promise.allSettled([...this.#applying, new Promise((resolve) => setImmediate(resolve))])
    }
    this.#scheduled = (await this.#replica.bounds()).head
  }

  /**
   * The source was restored, or lost its last events in a failover: the copy has events that it has
   * not. They are dropped. Their subscribers come back and are told of a gap.
   */
  async #dropDiverged(): Promise<void> {
    const common = await findCommonMark(this.#replica, this.#source)
    await this.#replica.dropAfter(common)
    this.#scheduled = common
    this.#onError(
      new HubError(
        'STORE_DIVERGED',
        `The history no longer has the events after position ${common.position} that this node has sent: ${this.#source.name} was ` +
          'restored, or failed over to a server without them. Subscribers that got them are told of a gap.',
      ),
    )
  }

  #report(error: unknown): void {
    if (this.#isClosed) return
    const failure = error instanceof HubError ? error : new HubError('STORE_FAILED', String(error), { cause: error })
    if (failure.message === this.#reportedFailure) return
    this.#reportedFailure = failure.message
    this.#onError(failure)
  }

  #assertOpen(): void {
    if (this.#isClosed) {
      throw new HubError('STORE_CLOSED', 'The replicated event store is closed: nothing was read or stored.')
    }
  }
}

function isSame(one: HistoryPosition, other: HistoryPosition): boolean {
  return one.position === other.position && one.tag === other.tag
}

/** Whether the history of a source goes on from a mark, as far as anybody can know. */
function continues({ position, tag }: HistoryPosition, { head, trimmed, tagBefore }: SourcePage): boolean {
  if (position === 0 || position < trimmed.position) return true
  if (position === trimmed.position) return tag === trimmed.tag
  return position <= head.position && tag === tagBefore
}
