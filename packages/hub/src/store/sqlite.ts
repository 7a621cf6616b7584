import { resolve } from 'node:path'
import { createEpoch, namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import type { Retention } from './retention.ts'
import { describeEnd, type HistoryEnd } from './sqlite/history-end.ts'
import { LogThread } from './sqlite/log-thread.ts'
import type { Durability } from './sqlite/messages.ts'
import { SqliteHistory, type SqliteHistoryOptions } from './sqlite/sqlite-history.ts'
import {
  type Append,
  type AppendOptions,
  defaultIdempotencyMs,
  type EventRecord,
  type EventStore,
  type HistoryPosition,
} from './store.ts'

export interface SqliteStoreOptions extends Retention {
  /** The directory of the history. Created if it does not exist. Its files are for their owner only. */
  readonly directory: string
  /**
   * What an event is safe from when its append resolves. Default `full`.
   *
   * - `full`: everything the disk survives. Each append is synced; those that wait share one sync.
   * - `fast`: the end of this process, by whatever means, but not a power loss or a crash of the system, which takes the last
   *   moments' events with it. What is left is in order; subscribers who saw more are told of the gap. On disks that take long to
   *   sync this stores many times as many events.
   */
  readonly durability?: Durability | undefined
  /** The most events to keep. Default `Infinity`: age and bytes decide. */
  readonly maxEvents?: number | undefined
  /** The most bytes of `storedBytes` to keep. Files take about as much. Default 1073741824 (1 GiB). */
  readonly maxBytes?: number | undefined
  /** How long an idempotency key is remembered, in milliseconds. Default 3600000 (an hour). */
  readonly idempotencyMs?: number | undefined
  /** Called with errors that reject no call, such as of a trim on a full disk. Default `console.error`. */
  readonly onError?: ((error: HubError) => void) | undefined
  /**
   * Called, before the store is open, if the last process with the directory did not close it (it was killed, or the power failed),
   * with a description of that process, and with whether the history goes as far as events were acknowledged. Default: not reported.
   */
  readonly onUncleanStop?: ((holder: string, end: HistoryEnd) => void) | undefined
  /**
   * Called, before the store is open, if acknowledged events are not there: the files were damaged, cut off, or replaced by an
   * older backup. Subscribers that return are told of a gap. The positions of those events are not used again. Default: it is
   * passed to `onError` as an error.
   */
  readonly onLoss?: ((end: HistoryEnd) => void) | undefined
  /** The clock, in milliseconds. Default `Date.now`; tests bring their own. */
  readonly now?: (() => number) | undefined
}

/** The defaults of {@link SqliteStoreOptions}. */
export const sqliteDefaults = {
  durability: 'full',
  maxAgeMs: Infinity,
  maxEvents: Infinity,
  maxBytes: 1024 ** 3,
} as const satisfies Partial<SqliteStoreOptions>

/**
 * Stores events in a directory on a local disk, in an SQLite database with a thread of its own. One process at a time may
 * use a directory; it is free again as soon as that process has ended, in any way.
 *
 * `sqlite3 <directory>/headwater.db` reads it at any time, and `VACUUM INTO` or `.backup` makes a backup of it while it is in use.
 * (Copying the files of a store in use can give a damaged copy, and a program must not do so in this very process: closing the
 * copied file would end SQLite's locks on it.)
 *
 * @throws HubError `INVALID_OPTION`, `STORE_LOCKED` (another process has the directory), `STORE_FAILED`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<EventStore> {
  checkNames('the options of openSqliteStore', options, sqliteNames)
  const checked = checkOptions(options, createEpoch())
  const thread = await LogThread.start(checked)
  reportStart(thread, options)
  return new SqliteStore(thread, checked)
}

/** The names of {@link SqliteStoreOptions}. */
export const sqliteNames = namesOf<SqliteStoreOptions>({
  directory: true,
  durability: true,
  maxAgeMs: true,
  maxEvents: true,
  maxBytes: true,
  idempotencyMs: true,
  onError: true,
  onUncleanStop: true,
  onLoss: true,
  now: true,
})

/** Reports what the last process with the directory left behind. */
export function reportStart(
  { uncleanHolder, end }: LogThread,
  { directory, onUncleanStop, onLoss, onError = console.error }: SqliteStoreOptions,
): void {
  if (uncleanHolder !== undefined) onUncleanStop?.(uncleanHolder, end)
  if (end.name !== 'lost' && end.name !== 'replaced') return
  if (onLoss) onLoss(end)
  else onError(new HubError('STORE_FAILED', `${describeEnd(end)} (${directory})`))
}

/** @throws HubError `INVALID_OPTION` */
export function checkOptions(
  {
    directory,
    durability = sqliteDefaults.durability,
    maxAgeMs = sqliteDefaults.maxAgeMs,
    maxEvents = sqliteDefaults.maxEvents,
    maxBytes = sqliteDefaults.maxBytes,
    idempotencyMs = defaultIdempotencyMs,
    onError = console.error,
    now = Date.now,
  }: SqliteStoreOptions,
  newEpoch: string,
): SqliteHistoryOptions {
  if (typeof directory !== 'string' || directory === '') {
    throw new HubError(
      'INVALID_OPTION',
      `directory is ${JSON.stringify(directory)}: name the directory of the history.`,
    )
  }
  if (durability !== 'full' && durability !== 'fast') {
    throw new HubError('INVALID_OPTION', `durability is ${JSON.stringify(durability)}: it must be "full" or "fast".`)
  }
  return {
    // The thread may be started again after the process has changed its current directory.
    directory: resolve(directory),
    durability,
    maxAgeMs: assertNotNegative('maxAgeMs', maxAgeMs),
    maxEvents: assertNotNegative('maxEvents', maxEvents),
    maxBytes: assertNotNegative('maxBytes', maxBytes),
    idempotencyMs: assertNotNegative('idempotencyMs', idempotencyMs),
    newEpoch,
    now,
    onError,
  }
}

/** SQLite stores at most a billion bytes in a value, and a character is at most three. */
const maxCharacters = 256 * 1024 ** 2

class SqliteStore extends SqliteHistory implements EventStore {
  append(event: EventRecord, { idempotencyKey }: AppendOptions = {}): Promise<HistoryPosition> {
    if (event.data.length > maxCharacters) return Promise.reject(tooLarge(event))
    return this.ask((thread) => thread.append(event, idempotencyKey))
  }

  async appendAll(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    for (const { event } of appends) if (event.data.length > maxCharacters) throw tooLarge(event)
    const last = appends.length - 1
    return await this.ask((thread) =>
      Promise.all(
        appends.map(({ event, idempotencyKey }, index) => thread.append(event, idempotencyKey, index < last)),
      ),
    )
  }
}

function tooLarge({ data }: EventRecord): HubError {
  return new HubError(
    'TOO_LARGE',
    `The event was not stored: its data has ${data.length} characters; the most is ${maxCharacters}.`,
  )
}
