import { HubError } from '../../base/errors.ts'
import { Connection } from '../history/connection.ts'
import { type Failure, isPositionTaken, storeError, storeFailure, UncertainCommit } from '../history/failure.ts'
import { HistoryLog } from '../history/history-log.ts'
import type { HistoryPosition } from '../store.ts'
import { AcknowledgedHead } from './acknowledged-head.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import type { HistoryEnd } from './history-end.ts'
import type { AppendResult, AppendTuple, ApplyTuple, WorkerOptions } from './messages.ts'
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
  readonly #acknowledged: AcknowledgedHead
  /** Whether the history went as far as events had been acknowledged when it was opened. */
  readonly end: HistoryEnd
  /** The time of the last write; `undefined` if it failed. */
  #lastWrittenAt: number | undefined
  #recordedAt = -Infinity
  #hasFailedToRecord = false
  readonly #troubles: Failure[] = []
  #reportedDamage: string | undefined

  /** @throws HubError `STORE_LOCKED`, `STORE_FAILED` */
  constructor(options: WorkerOptions) {
    this.#options = options
    this.#directory = openDataDirectory(options.directory, options.durability)
    let acknowledged: AcknowledgedHead | undefined
    try {
      const connection = new Connection(this.#directory.database)
      acknowledged = new AcknowledgedHead(options.directory)
      this.#acknowledged = acknowledged
      this.history = new HistoryLog(connection, options, options.newEpoch, (epoch) => this.#acknowledged.knownOf(epoch))
      this.end = this.#acknowledged.compare(this.history.epoch, this.history.loss)
      this.#sequencer = new Sequencer(connection, this.history, options)
      // Also the second slot, so that no later write needs space.
      for (let slot = 0; slot < 2; slot++) this.#record(options.openedAt)
    } catch (error) {
      acknowledged?.close()
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
   * of them are safe, except those that are refused; if it throws, none is stored.
   */
  append(records: readonly AppendTuple[], at: number): AppendResult {
    const answers = this.#write('The event was not stored', () => this.#sequencer.append(records, at))
    this.#onWritten(at)
    return answers
  }

  /**
   * Stores events at the positions they have, in one transaction. When it returns, all of them are
   * safe; if it throws, none is stored.
   */
  apply(events: readonly ApplyTuple[], previous: HistoryPosition | undefined, at: number): void {
    this.#assertAfterHead(events, previous)
    this.#write('The events were not applied', () =>
      this.history.write(at, (insert) => {
        for (const event of events) insert(event, { position: event[7], tag: event[8] }, event[9])
      }),
    )
    this.#onWritten(at)
  }

  /** Drops everything after a mark; see `HistoryLog.dropAfter`. */
  dropAfter(mark: HistoryPosition, at: number): void {
    this.#write('The events were not dropped', () => this.history.dropAfter(mark))
    this.#onWritten(at)
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

  /** Notes that time has passed, at most once a minute: a stop may be long, and is no jump. */
  tick(at: number): void {
    if (this.#options.maxAgeMs !== Infinity && at >= this.#recordedAt + 60_000) this.#record(at)
  }

  /**
   * What an operator should know that no request has reported; `undefined` if there is nothing new.
   */
  nextTrouble(): Failure | undefined {
    const { damage } = this.history
    if (damage !== undefined && damage !== this.#reportedDamage) {
      this.#reportedDamage = damage
      const message = `The files in ${this.#options.directory} are damaged: ${damage}. The rest is served. To repair it, stop the hub and restore a backup.`
      this.#troubles.push({ code: 'STORE_FAILED', message })
    }
    return this.#troubles.shift()
  }

  isTrimDue(): boolean {
    return this.history.isTrimDue() || this.#sequencer.hasTooManyKeys()
  }

  hasExpired(at: number): boolean {
    return this.history.hasExpired(this.history.timeAt(at)) || this.#sequencer.hasExpiredKeys(at)
  }

  /** Trims some of what is past its bounds by now. Returns whether that was all. */
  trimStep(at: number): { hasTrimmed: boolean; isDone: boolean } {
    const before = this.history.head
    const { hasTrimmed, isDone } = this.history.trimStep(this.history.timeAt(at))
    if (this.history.head !== before) this.#record(at)
    return { hasTrimmed, isDone: this.#sequencer.forgetKeys(at) && isDone }
  }

  close(): void {
    this.#acknowledged.close()
    this.#directory.close()
  }

  #onWritten(at: number): void {
    this.#lastWrittenAt = at
    this.#record(at)
  }

  /** Before the events are acknowledged; see {@link AcknowledgedHead}. */
  #record(at: number): void {
    const { epoch, head } = this.history
    this.#recordedAt = at
    try {
      this.#acknowledged.write(epoch, head, this.history.timeAt(at))
      this.#hasFailedToRecord = false
    } catch (error) {
      if (!this.#hasFailedToRecord) {
        const doing = 'The newest position cannot be recorded, so that a later start may not notice a loss'
        this.#troubles.push(storeFailure(doing, error, this.#options.directory))
      }
      this.#hasFailedToRecord = true
    }
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

  #assertAfterHead(events: readonly ApplyTuple[], previous: HistoryPosition | undefined): void {
    const { head } = this.history
    let last = head.position
    if (previous && (previous.position !== head.position || previous.tag !== head.tag)) {
      throw new HubError(
        'STORE_FAILED',
        `The events were not applied: they follow position ${previous.position}, and the newest in ${this.#options.directory} is ${last}.`,
      )
    }
    for (const [, , , , , , , position] of events) {
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
