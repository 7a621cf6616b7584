import { HubError } from '../base/errors.ts'
import { LogThread } from './sqlite/log-thread.ts'
import { SqliteHistory } from './sqlite/sqlite-history.ts'
import { checkOptions, reportStart, type SqliteStoreOptions } from './sqlite.ts'
import type { EventStore, HistoryPosition, StoredEvent } from './store.ts'

/**
 * A local copy of a history that is sequenced elsewhere. It is read and followed like any other
 * history.
 */
export interface Replica extends Omit<EventStore, 'append' | 'appendAll'> {
  /**
   * Stores events at the positions they have, all or none of them, in one transaction. Their
   * positions grow and come after the head; there may be holes between them. Resolves when the
   * events are as safe as the durability says, and followers have received them. With `previous`,
   * rejects unless that is the head: events before these may have failed.
   */
  apply(events: readonly StoredEvent[], previous?: HistoryPosition): Promise<void>

  /**
   * Trims all events up to a mark, as the sequencer did. If the mark is after the head, events were
   * trimmed before they reached this replica: it continues after the mark, and its followers fail.
   */
  trimThrough(mark: HistoryPosition): Promise<void>

  /**
   * Drops all events after a mark, which is one that both histories have: the sequencer no longer has
   * them. Followers fail with `STORE_DIVERGED`.
   */
  dropAfter(mark: HistoryPosition): Promise<void>
}

/** A replica in a directory, of a history that may no longer be anywhere else. */
export interface RestoringReplica extends Replica {
  /** The same as `apply`, but the events are as old as they were: stored at their `storedAt`. */
  restore(events: readonly StoredEvent[]): Promise<void>
}

export interface ReplicaOptions extends SqliteStoreOptions {
  /** The epoch of the replicated history. */
  readonly epoch: string
}

/**
 * Opens the replica of a history in a directory of its own, which is created if it does not exist.
 *
 * @throws HubError as `openSqliteStore` does; `STORE_FAILED` if the directory holds another history
 */
export async function openReplica({ epoch, ...options }: ReplicaOptions): Promise<RestoringReplica> {
  const checked = checkOptions(options, epoch)
  const thread = await LogThread.start(checked)
  if (thread.epoch !== epoch) {
    await thread.close()
    throw new HubError(
      'STORE_FAILED',
      `The directory ${options.directory} holds the history ${thread.epoch}, not ${epoch}, the one to replicate. Give the ` +
        'replica a directory of its own.',
    )
  }
  reportStart(thread, options)
  return new SqliteReplica(thread, checked)
}

class SqliteReplica extends SqliteHistory implements RestoringReplica {
  apply(events: readonly StoredEvent[], previous?: HistoryPosition): Promise<void> {
    return this.ask((thread) => thread.apply(events, previous))
  }

  restore(events: readonly StoredEvent[]): Promise<void> {
    return this.ask((thread) => thread.apply(events, undefined, true))
  }

  trimThrough(mark: HistoryPosition): Promise<void> {
    return this.ask((thread) => thread.trimThrough(mark))
  }

  dropAfter(mark: HistoryPosition): Promise<void> {
    return this.ask((thread) => thread.dropAfter(mark))
  }
}
