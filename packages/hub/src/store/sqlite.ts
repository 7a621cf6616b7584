import { createEpoch } from '@headwater/sse/server'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import type { Retention } from './retention.ts'
import { LogThread } from './sqlite/log-thread.ts'
import { type Durability, type EventRow, type Question, topicsOf, type WorkerOptions } from './sqlite/messages.ts'
import { RecentPositions } from './sqlite/recent-positions.ts'
import {
  type Append,
  type AppendOptions,
  type Bounds,
  defaultIdempotencyMs,
  type EventRecord,
  type EventStore,
  type Follower,
  type HistoryPosition,
  type PositionState,
  type ReadBackPage,
  type ReadBackQuery,
  type ReadPage,
  type ReadQuery,
  type StoredEvent,
} from './store.ts'

export interface SqliteStoreOptions extends Retention {
  /** Where the history is. Made if it is not there; then only its owner may enter it. */
  readonly directory: string
  /**
   * What an event has survived when its append resolves. Default `full`.
   *
   * - `full`: everything the disk survives. Each append is synced; those that wait share one sync.
   * - `fast`: the end of this process, by whatever means, but not a power loss or a crash of the system, which takes the last
   *   moments' events with it. What is left is in order; subscribers who saw more are told of the gap. On disks that take long to
   *   sync this stores many times as many events.
   */
  readonly durability?: Durability | undefined
  /** The most events to keep. Default `Infinity`: age and bytes decide. */
  readonly maxEvents?: number | undefined
  /** The most bytes to keep, each event counted as `storedBytes` does. The files take about as much. Default 1073741824 (1 GiB). */
  readonly maxBytes?: number | undefined
  /** How long an idempotency key is remembered, in milliseconds. Default 3600000 (an hour). */
  readonly idempotencyMs?: number | undefined
  /** Gets what went wrong without anybody to reject to, such as trimming on a full disk. Default: it goes to `console.error`. */
  readonly onError?: ((error: HubError) => void) | undefined
  /**
   * Called, before the store is there, if the process that had the directory last did not close it: it was killed, or the power failed. Gets
   * which one that was, in words. Nothing has to be done: the history is as it was promised. Default: nobody is told.
   */
  readonly onUncleanStop?: ((holder: string) => void) | undefined
  /** The clock, in milliseconds. Default `Date.now`; tests bring their own. */
  readonly now?: (() => number) | undefined
}

/** What of {@link SqliteStoreOptions} holds unless told otherwise. */
export const sqliteDefaults = {
  durability: 'full',
  maxAgeMs: Infinity,
  maxEvents: Infinity,
  maxBytes: 1024 ** 3,
} as const satisfies Partial<SqliteStoreOptions>

/**
 * Keeps events in a directory on a local disk, in an SQLite database that a thread of its own works on. One process at a time may
 * have a directory; it is free again as soon as that process is gone, however it went.
 *
 * `sqlite3 <directory>/headwater.db` reads it at any time, and `VACUUM INTO` or `.backup` makes a backup of it while it is in use.
 * (Copying the files of a store in use can give a damaged copy, and a program must not do so in this very process: closing the
 * copied file would end SQLite's locks on it.)
 *
 * @throws HubError `INVALID_OPTION`, `STORE_LOCKED` (another process has the directory), `STORE_FAILED`
 */
export async function openSqliteStore({
  directory,
  durability = sqliteDefaults.durability,
  maxAgeMs = sqliteDefaults.maxAgeMs,
  maxEvents = sqliteDefaults.maxEvents,
  maxBytes = sqliteDefaults.maxBytes,
  idempotencyMs = defaultIdempotencyMs,
  onError = console.error,
  onUncleanStop,
  now = Date.now,
}: SqliteStoreOptions): Promise<EventStore> {
  if (typeof directory !== 'string' || directory === '') {
    throw new HubError(
      'INVALID_OPTION',
      `directory is ${JSON.stringify(directory)}: name the directory of the history.`,
    )
  }
  if (durability !== 'full' && durability !== 'fast') {
    throw new HubError('INVALID_OPTION', `durability is ${JSON.stringify(durability)}: it must be "full" or "fast".`)
  }
  const workerOptions: WorkerOptions = {
    directory,
    durability,
    maxAgeMs: assertNotNegative('maxAgeMs', maxAgeMs),
    maxEvents: assertNotNegative('maxEvents', maxEvents),
    maxBytes: assertNotNegative('maxBytes', maxBytes),
    idempotencyMs: assertNotNegative('idempotencyMs', idempotencyMs),
    newEpoch: createEpoch(),
  }
  const thread = await LogThread.start(workerOptions, now)
  if (thread.uncleanHolder !== undefined) onUncleanStop?.(thread.uncleanHolder)
  return new SqliteStore(thread, workerOptions, now, onError)
}

/** SQLite takes a billion bytes, and a character is at most three. */
const maxCharacters = 256 * 1024 ** 2
/** A thread that has died is not started more often than this. */
const restartMs = 1000

class SqliteStore implements EventStore {
  readonly epoch: string
  readonly #options: WorkerOptions
  readonly #now: () => number
  readonly #onError: (error: HubError) => void
  readonly #tickTimer: NodeJS.Timeout
  readonly #followers = new Set<Follower>()
  readonly #recent = new RecentPositions()
  #bounds: Bounds
  /** `undefined` after it has died, until it is needed again. */
  #thread: LogThread | undefined
  #starting: Promise<LogThread> | undefined
  #notBefore = 0
  #death: HubError | undefined
  #closing: Promise<void> | undefined

  constructor(thread: LogThread, options: WorkerOptions, now: () => number, onError: (error: HubError) => void) {
    this.epoch = thread.epoch
    this.#options = options
    this.#now = now
    this.#onError = onError
    this.#bounds = thread.bounds
    this.#use(thread)
    // Often enough for the shorter of the two times; a second is little to pay for looking, and a minute little to be late.
    const tickMs = Math.min(options.maxAgeMs, options.idempotencyMs) / 20
    this.#tickTimer = setInterval(() => this.#thread?.tick(), Math.min(Math.max(tickMs, 1000), 60_000))
    this.#tickTimer.unref()
  }

  append(event: EventRecord, { idempotencyKey }: AppendOptions = {}): Promise<HistoryPosition> {
    if (this.#closing) return Promise.reject(this.#closedError())
    if (event.data.length > maxCharacters) return Promise.reject(tooLarge(event))
    if (this.#thread) return this.#thread.append(event, idempotencyKey)
    return this.#start().then((thread) => thread.append(event, idempotencyKey))
  }

  async appendAll(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    if (this.#closing) throw this.#closedError()
    for (const { event } of appends) if (event.data.length > maxCharacters) throw tooLarge(event)
    const thread = this.#thread ?? (await this.#start())
    const last = appends.length - 1
    return await Promise.all(
      appends.map(({ event, idempotencyKey }, index) => thread.append(event, idempotencyKey, index < last)),
    )
  }

  async read({ after, through, topics, maxEvents, maxBytes }: ReadQuery): Promise<ReadPage> {
    const thread = await this.#start()
    const page = await thread.ask<Extract<Question, { name: 'read' }>>({
      name: 'read',
      after,
      through,
      topics: topics && [...topics],
      maxEvents,
      maxBytes,
    })
    return { events: page.rows.map(toStoredEvent), through: page.through, lost: page.lost, bounds: page.bounds }
  }

  async readBack({ before, topics, maxEvents, maxBytes }: ReadBackQuery): Promise<ReadBackPage> {
    const thread = await this.#start()
    const { rows, from } = await thread.ask<Extract<Question, { name: 'readBack' }>>({
      name: 'readBack',
      before,
      topics: topics && [...topics],
      maxEvents,
      maxBytes,
    })
    return { events: rows.map(toStoredEvent), from }
  }

  async bounds(): Promise<Bounds> {
    await this.#start()
    return this.#bounds
  }

  async inspect(position: number): Promise<PositionState> {
    const thread = await this.#start()
    const tag = position > this.#bounds.trimmed.position ? this.#recent.tagOf(position) : undefined
    if (tag !== undefined) return { name: 'kept', tag }
    return await thread.askOnce<Extract<Question, { name: 'inspect' }>>(`inspect ${position}`, {
      name: 'inspect',
      position,
    })
  }

  async find(id: string): Promise<HistoryPosition | undefined> {
    const thread = await this.#start()
    return await thread.askOnce<Extract<Question, { name: 'find' }>>(`find ${id}`, { name: 'find', id })
  }

  async follow(follower: Follower): Promise<() => void> {
    await this.#start()
    follower.onStart(this.#bounds)
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
    }
  }

  async trim(): Promise<void> {
    const thread = await this.#start()
    await thread.ask<Extract<Question, { name: 'trim' }>>({ name: 'trim' })
  }

  async check(): Promise<void> {
    const thread = await this.#start()
    await thread.ask<Extract<Question, { name: 'check' }>>({ name: 'check' })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearInterval(this.#tickTimer)
    await this.#starting?.catch(this.#onError)
    await this.#thread?.close()
    this.#followers.clear()
  }

  /** The thread; a new one if the last has died. */
  async #start(): Promise<LogThread> {
    if (this.#closing) throw this.#closedError()
    if (this.#thread) return this.#thread
    if (!this.#starting && performance.now() < this.#notBefore) throw this.#death
    this.#starting ??= this.#restart().finally(() => {
      this.#starting = undefined
    })
    return await this.#starting
  }

  async #restart(): Promise<LogThread> {
    this.#notBefore = performance.now() + restartMs
    const thread = await LogThread.start(this.#options, this.#now)
    if (thread.epoch !== this.epoch) {
      await thread.close()
      throw new HubError(
        'STORE_FAILED',
        `The history in ${this.#options.directory} is another one since the thread of the store ended. Start the hub again.`,
      )
    }
    this.#bounds = thread.bounds
    this.#use(thread)
    return thread
  }

  #use(thread: LogThread): void {
    this.#thread = thread
    thread.listen({
      onAppended: (events) => this.#onAppended(events),
      onTrimmed: (trimmed, earliest) => this.#onTrimmed(trimmed, earliest),
      onTrouble: (error) => this.#onError(error),
      onDeath: (error) => this.#onDeath(error),
    })
  }

  #onAppended(events: readonly StoredEvent[]): void {
    for (const event of events) this.#recent.add(event)
    const { trimmed, earliest } = this.#bounds
    this.#bounds = { head: markOf(events.at(-1)!), trimmed, earliest: earliest ?? markOf(events[0]!) }
    for (const follower of this.#followers) follower.onAppend(events)
  }

  #onTrimmed(trimmed: HistoryPosition, earliest: HistoryPosition | undefined): void {
    this.#bounds = { head: this.#bounds.head, trimmed, earliest }
    for (const follower of this.#followers) follower.onTrim(trimmed)
  }

  #onDeath(error: HubError): void {
    this.#thread = undefined
    this.#death = error
    this.#onError(error)
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onFailure(error)
  }

  #closedError(): HubError {
    return new HubError(
      'STORE_CLOSED',
      `The event store in ${this.#options.directory} is closed: nothing was read or stored.`,
    )
  }
}

function toStoredEvent([position, tag, topic, alternates, isPrivate, id, type, retryMs, data]: EventRow): StoredEvent {
  return {
    topics: topicsOf(topic, alternates),
    data: typeof data === 'string' ? data : Buffer.from(data).toString(),
    isPrivate: isPrivate === 1,
    id: id ?? undefined,
    type: type ?? undefined,
    retryMs: retryMs ?? undefined,
    position,
    tag,
  }
}

function tooLarge({ data }: EventRecord): HubError {
  return new HubError(
    'TOO_LARGE',
    `The event was not stored: its data has ${data.length} characters, and the store takes ${maxCharacters}.`,
  )
}

function markOf({ position, tag }: HistoryPosition): HistoryPosition {
  return { position, tag }
}
