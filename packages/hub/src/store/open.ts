import { HubError } from '../base/errors.ts'
import { createMemoryStore } from './memory.ts'
import { isPostgresUrl, withoutPassword } from './postgres/address.ts'
import { openPostgresStore, type PostgresStoreOptions } from './postgres.ts'
import { openSqliteStore, type SqliteStoreOptions } from './sqlite.ts'
import type { EventStore } from './store.ts'

/**
 * The options of a store, wherever it is. A store in memory has no `durability` and nothing to
 * report.
 */
export interface OpenStoreOptions
  extends Omit<SqliteStoreOptions, 'directory'>,
    Pick<PostgresStoreOptions, 'onCaution'> {}

/**
 * Opens the store that a URL names, as the option `--store` of the command does.
 *
 * - `file:DIRECTORY`, such as `file:./headwater-data`: see `openSqliteStore`. A relative directory
 *   is relative to the current directory of this process. `file:///DIRECTORY` is an absolute
 *   directory; nothing in it is decoded.
 * - `memory:`: see `createMemoryStore`.
 * - `postgres://USER@HOST/DATABASE`, for several hubs: see `openPostgresStore`.
 *
 * @throws HubError `INVALID_OPTION` for any other URL; what opening the store throws
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<EventStore> {
  if (url === 'memory:') return createMemoryStore(options)
  if (isPostgresUrl(url)) return await openPostgresStore({ ...options, url })
  const directory = directoryOf(url)
  if (directory !== undefined) return await openSqliteStore({ ...options, directory })
  throw new HubError(
    'INVALID_OPTION',
    `${JSON.stringify(withoutPassword(url))} is not the URL of a store. Write file:DIRECTORY, such as file:./headwater-data, memory:, or postgres://USER@HOST/DATABASE.`,
  )
}

/** The directory in the URL of a store; `undefined` if the URL names none. */
export function directoryOf(url: string): string | undefined {
  return /^file:(?:\/\/(?=\/)|(?!\/\/))(?<path>.+)$/.exec(url)?.groups?.path
}
