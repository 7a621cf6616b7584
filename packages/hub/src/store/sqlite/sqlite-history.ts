import { HubError } from '../../base/errors.ts'
import { topicsOf } from '../history/event-row.ts'
import type { EventRow } from '../history/event-tuples.ts'
import {
  type Bounds,
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
} from '../store.ts'
import { LogThread, type ThreadOptions } from './log-thread.ts'
import { RecentPositions } from './recent-positions.ts'

/** The shortest time between two starts of the thread, in milliseconds. */
const restartMs = 1000

/** The options of a store with a thread of its own, in addition to those of the thread. */
export interface SqliteHistoryOptions extends ThreadOptions {
  readonly onError: (error: HubError) => void
}

/**
 * An event store in a data directory, without how it grows. That is left to subclasses: they append
 * events that the thread sequences, or apply events that were sequenced elsewhere.
 */
export class SqliteHistory implements Omit<EventStore, 'append' | 'appendAll'> {
  readonly epoch: string
  readonly #options: SqliteHistoryOptions
  readonly #tickTimer: NodeJS.Timeout
  readonly #followers = new Set<Follower>()
  readonly #recent = new RecentPositions()
  #bounds: Bounds
  /** `undefined` after the thread has died, until it is needed again. */
  #thread: LogThread | undefined
  #starting: Promise<LogThread> | undefined
  #notBefore = 0
  #death: HubError | undefined
  #closing: Promise<void> | undefined

  constructor(thread: LogThread, options: SqliteHistoryOptions) {
    this.epoch = thread.epoch
    this.#options = options
    this.#bounds = thread.bounds
    this.#use(thread)
    // Often enough for the shorter of the two times. One check a second costs little, and trimming
    // a minute late matters little.
    const tickMs = Math.min(options.maxAgeMs, options.idempotencyMs) / 20
    this.#tickTimer = setInterval(() => this.#thread?.tick(), Math.min(Math.max(tickMs, 1000), 60_000))
    this.#tickTimer.unref()
  }

  async read({ after, through, topics, maxEvents, maxBytes }: ReadQuery): Promise<ReadPage> {
    const thread = await this.#start()
    const page = await thread.ask({
      name: 'read',
      after,
      through,
      topics: topics && [...topics],
      maxEvents,
      maxBytes,
    })
    const { rows, through: reach, lost, damaged, bounds } = page
    return { events: rows.map(toStoredEvent), through: reach, lost, ...(damaged && { damaged }), bounds }
  }

  async readBack({ before, topics, maxEvents, maxBytes }: ReadBackQuery): Promise<ReadBackPage> {
    const thread = await this.#start()
    const { rows, from } = await thread.ask({
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
    return await thread.askOnce(`inspect ${position}`, {
      name: 'inspect',
      position,
    })
  }

  async find(id: string): Promise<HistoryPosition | undefined> {
    const thread = await this.#start()
    return await thread.askOnce(`find ${id}`, { name: 'find', id })
  }

  async follow(follower: Follower): Promise<() => void> {
    await this.#start()
    follower.onStart(this.#bounds)
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
    }
  }

  async trim(through?: number): Promise<void> {
    const thread = await this.#start()
    if (through === undefined) return void (await thread.ask({ name: 'trim' }))
    const { head } = this.#bounds
    const position = Math.min(through, head.position)
    // Only of a mark beyond the head does the tag count.
    await thread.trimThrough({ position, tag: head.tag })
  }

  async check(): Promise<void> {
    const thread = await this.#start()
    await thread.ask({ name: 'check' })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearInterval(this.#tickTimer)
    await this.#starting?.catch(this.#options.onError)
    await this.#thread?.close()
    this.#followers.clear()
  }

  /** Sends a request to the thread: at once, if it is running. */
  protected ask<T>(ask: (thread: LogThread) => Promise<T>): Promise<T> {
    if (this.#thread && !this.#closing) return ask(this.#thread)
    return this.#start().then(ask)
  }

  /** Returns the thread; starts a new one if the last has died. */
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
    const thread = await LogThread.start(this.#options)
    if (thread.epoch !== this.epoch) {
      await thread.close()
      throw new HubError(
        'STORE_FAILED',
        `The history in ${this.#options.directory} is a different one since the thread of the store ended. Restart the hub.`,
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
      onTrimmed: (bounds) => this.#onTrimmed(bounds),
      onDropped: (bounds) => this.#onDropped(bounds),
      onTrouble: (error) => this.#options.onError(error),
      onDeath: (error) => this.#onDeath(error),
    })
  }

  #onAppended(events: readonly StoredEvent[]): void {
    for (const event of events) this.#recent.add(event)
    const { trimmed, earliest, count } = this.#bounds
    this.#bounds = {
      head: markOf(events.at(-1)!),
      trimmed,
      earliest: earliest ?? markOf(events[0]!),
      count: count + events.length,
    }
    for (const follower of this.#followers) follower.onAppend(events)
  }

  #onTrimmed(bounds: Bounds): void {
    const hasMissed = bounds.head.position > this.#bounds.head.position
    this.#bounds = bounds
    if (hasMissed) {
      const { directory } = this.#options
      this.#failFollowers(
        new HubError('STORE_FAILED', `Events were trimmed elsewhere before they reached the replica in ${directory}.`),
      )
    }
    for (const follower of this.#followers) follower.onTrim(bounds.trimmed)
  }

  #onDropped(bounds: Bounds): void {
    this.#bounds = bounds
    this.#recent.clear()
    this.#failFollowers(
      new HubError(
        'STORE_DIVERGED',
        `Events after position ${bounds.head.position} were dropped, because the history elsewhere no longer has them.`,
      ),
    )
  }

  #onDeath(error: HubError): void {
    this.#thread = undefined
    this.#death = error
    this.#options.onError(error)
    this.#failFollowers(error)
  }

  #failFollowers(error: HubError): void {
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

/** The event in a row. */
export function toStoredEvent([
  position,
  tag,
  topic,
  alternates,
  isPrivate,
  id,
  type,
  retryMs,
  data,
  storedAt,
  traceContext,
]: EventRow): StoredEvent {
  return {
    topics: topicsOf(topic, alternates),
    data: typeof data === 'string' ? data : Buffer.from(data).toString(),
    isPrivate: isPrivate === 1,
    id: id ?? undefined,
    type: type ?? undefined,
    retryMs: retryMs ?? undefined,
    traceContext: traceContext ?? undefined,
    position,
    tag,
    storedAt,
  }
}
