import { HubError } from '../base/errors.ts'
import { LogThread } from './sqlite/log-thread.ts'
import { SqliteHistory } from './sqlite/sqlite-history.ts'
import { checkOptions, type SqliteStoreOptions } from './sqlite.ts'
import type { EventStore, HistoryPosition, StoredEvent } from './store.ts'

/** A history that is sequenced elsewhere, as it is kept here. It is read and followed like any other. */
export interface Replica extends Omit<EventStore, 'append' | 'appendAll'> {
  /**
   * Stores events at the places they have, all or none of them, in one transaction. Their positions grow and come after the head; between
   * them there may be holes. Resolves when they are as safe as the durability says, and followers have been told of them.
   */
  apply(events: readonly StoredEvent[]): Promise<void>

  /**
   * Trims all up to a mark, as the sequencer did. If that is after the head, events were trimmed before they came here: the replica goes
   * on after the mark, and its followers fail.
   */
  trimThrough(mark: HistoryPosition): Promise<void>
}

export interface ReplicaOptions extends SqliteStoreOptions {
  /** The name of the history that is replicated. */
  readonly epoch: string
}

/**
 * Opens the replica of a history in a directory of its own, which is made if it is not there.
 *
 * @throws HubError as `openSqliteStore` does; `STORE_FAILED` if the directory has another history
 */
export async function openReplica({ epoch, ...options }: ReplicaOptions): Promise<Replica> {
  const checked = checkOptions(options, epoch)
  const thread = await LogThread.start(checked)
  if (thread.epoch !== epoch) {
    await thread.close()
    throw new HubError(
      'STORE_FAILED',
      `The directory ${options.directory} has the history ${thread.epoch}, and not ${epoch}, which it should replicate. Give the ` +
        'replica a directory of its own.',
    )
  }
  if (thread.uncleanHolder !== undefined) options.onUncleanStop?.(thread.uncleanHolder)
  return new SqliteReplica(thread, checked)
}

class SqliteReplica extends SqliteHistory implements Replica {
  apply(events: readonly StoredEvent[]): Promise<void> {
    return this.ask((thread) => thread.apply(events))
  }

  trimThrough(mark: HistoryPosition): Promise<void> {
    return this.ask((thread) => thread.trimThrough(mark))
  }
}
