import { HubError } from '../../base/errors.ts'
import { Connection } from '../history/connection.ts'
import { isPositionTaken, storeError, UncertainCommit } from '../history/failure.ts'
import { HistoryLog } from '../history/history-log.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import type { AppendTuple, ApplyTuple, WorkerOptions } from './messages.ts'
import { Sequencer } from './sequencer.ts'

/**
 * The history in a data directory, as its thread writes it. Appended events are sequenced here;
 * applied events were sequenced elsewhere. Errors of writes are in words for an operator.
 */
export class EventLog {
  readonly history: HistoryLog
  readonly #options: WorkerOptions
  readonly #directory: DataDirectory
  readonly #sequencer: Sequencer
  /** The time of the last write; `undefined` if it failed. */
  #lastWrittenAt: number | undefined

  /** @throws HubError `STORE_LOCKED`, `STORE_FAILED` */
  constructor(options: WorkerOptions) {
    this.#options = options
    this.#directory = openDataDirectory(options.directory, options.durability)
    try {
      const connection = new Connection(this.#directory.database)
      this.history = new HistoryLog(connection, options, options.newEpoch)
      this.#sequencer = new Sequencer(connection, this.history, options)
    } catch (error) {
      this.#directory.close()
      throw storeError('The history cannot be read', error, options.directory)
    }
  }

  /**
   * The process that used the directory last, in words, if that process ended without closing it.
   */
  get uncleanHolder(): string | undefined {
    return this.#directory.uncleanHolder
  }

  /**
   * Assigns the next positions to events, and stores them in one transaction. When it returns, all
   * of them are safe; if it throws, none is stored.
   */
  append(records: readonly AppendTuple[], at: number): { positions: number[]; tags: number[] } {
    const marks = this.#write('The event was not stored', () => this.#sequencer.append(records, at))
    this.#lastWrittenAt = at
    return marks
  }

  /**
   * Stores events at the positions they have, in one transaction. When it returns, all of them are
   * safe; if it throws, none is stored.
   */
  apply(events: readonly ApplyTuple[], at: number): void {
    this.#assertAfterHead(events)
    this.#write('The events were not applied', () =>
      this.history.write(at, (insert) => {
        for (const event of events) insert(event, { position: event[6], tag: event[7] })
      }),
    )
    this.#lastWrittenAt = at
  }

  /**
   * Finds out whether events can be stored, by writing something else as safely. Writes nothing if
   * an event was stored in the last second: that is proof enough.
   */
  check(at: number): void {
    if (this.#lastWrittenAt !== undefined && at >= this.#lastWrittenAt && at < this.#lastWrittenAt + 1000) return
    this.#write('No event can be stored', () => this.history.check(at))
    this.#lastWrittenAt = at
  }

  isTrimDue(): boolean {
    return this.history.isTrimDue() || this.#sequencer.hasTooManyKeys()
  }

  hasExpired(at: number): boolean {
    return this.history.hasExpired(at) || this.#sequencer.hasExpiredKeys(at)
  }

  /** Trims some of what is past its bounds by now. Returns whether that was all. */
  trimStep(at: number): { hasTrimmed: boolean; isDone: boolean } {
    const { hasTrimmed, isDone } = this.history.trimStep(at)
    return { hasTrimmed, isDone: this.#sequencer.forgetKeys(at) && isDone }
  }

  close(): void {
    this.#directory.close()
  }

  #write<T>(failing: string, write: () => T): T {
    try {
      this.#assertInPlace()
      return write()
    } catch (error) {
      this.#lastWrittenAt = undefined
      // Another process has written events: the head that this thread knows is wrong. The thread
      // ends, and the next one reads the head anew.
      if (isPositionTaken(error)) throw error
      const doing = error instanceof UncertainCommit ? 'The event may or may not be stored' : failing
      throw storeError(doing, error, this.#options.directory)
    }
  }

  /**
   * If the database was removed or replaced while open (a restored backup, a cleaned-up directory),
   * what is written to it is lost at the next start.
   */
  #assertInPlace(): void {
    if (this.#directory.isInPlace()) return
    throw new Error(
      `the database in ${this.#options.directory} was moved, removed or replaced while the hub had it open, or another hub has taken the directory. ` +
        'Stop the hub, check the directory, and start it again',
    )
  }

  #assertAfterHead(events: readonly ApplyTuple[]): void {
    let last = this.history.head.position
    for (const [, , , , , , position] of events) {
      if (!(Number.isSafeInteger(position) && position > last)) {
        throw new HubError(
          'STORE_FAILED',
          `The events were not applied: position ${position} does not come after ${last}, the newest position in ` +
            `${this.#options.directory}. Apply what comes after that, in order.`,
        )
      }
      last = position
    }
  }
}
