import { checkNames } from '../base/check-names.ts'
import { HubError } from '../base/errors.ts'
import { createMemoryStore } from './memory.ts'
import { openSqliteStore, type SqliteStoreOptions, sqliteNames } from './sqlite.ts'
import type { EventStore } from './store.ts'

/**
 * The options of a store, wherever it is. A store in memory has no `durability` and nothing to
 * report.
 */
export type OpenStoreOptions = Omit<SqliteStoreOptions, 'directory'>

/**
 * Opens the store that a URL names, as the option `--store` of the command does.
 *
 * - `file:DIRECTORY`, such as `file:./headwater-data`: see `openSqliteStore`. A relative directory
 *   is relative to the current directory of this process. `file:///DIRECTORY` is an absolute
 *   directory; nothing in it is decoded.
 * - `memory:`: see `createMemoryStore`.
 *
 * @throws HubError `INVALID_OPTION` for any other URL; what opening the store throws
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<EventStore> {
  checkNames('the options of openStore', options, sqliteNames)
  if (url === 'memory:') {
    const { maxAgeMs, maxEvents, maxBytes, idempotencyMs, now } = options
    return createMemoryStore({ maxAgeMs, maxEvents, maxBytes, idempotencyMs, now })
  }
  const directory = directoryOf(url)
  if (directory !== undefined) return await openSqliteStore({ ...options, directory })
  throw new HubError(
    'INVALID_OPTION',
    `${JSON.stringify(url)} is not the URL of a store. Write file:DIRECTORY, such as file:./headwater-data, or memory:.`,
  )
}

/** The directory in the URL of a store; `undefined` if the URL names none. */
export function directoryOf(url: string): string | undefined {
  return /^file:(?:\/\/(?=\/)|(?!\/\/))(?<path>.+)$/.exec(url)?.groups?.path
}
