import { namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
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
  checkNames('the options of openStore', options, openStoreNames)
  if (url === 'memory:') {
    const { maxAgeMs, maxEvents, maxBytes, idempotencyMs, now } = options
    return createMemoryStore({ maxAgeMs, maxEvents, maxBytes, idempotencyMs, now })
  }
  const { onCaution, ...rest } = options
  if (isPostgresUrl(url)) {
    const { maxAgeMs, maxEvents, maxBytes, idempotencyMs, onError, now } = rest
    return await openPostgresStore({ url, maxAgeMs, maxEvents, maxBytes, idempotencyMs, onError, onCaution, now })
  }
  const directory = directoryOf(url)
  if (directory !== undefined) return await openSqliteStore({ ...rest, directory })
  throw new HubError(
    'INVALID_OPTION',
    `${JSON.stringify(withoutPassword(url))} is not the URL of a store. Write file:DIRECTORY, such as file:./headwater-data, memory:, or postgres://USER@HOST/DATABASE.`,
  )
}

const openStoreNames = namesOf<OpenStoreOptions>({
  durability: true,
  maxAgeMs: true,
  maxEvents: true,
  maxBytes: true,
  idempotencyMs: true,
  onError: true,
  onUncleanStop: true,
  onLoss: true,
  onCaution: true,
  now: true,
})

/** The directory in the URL of a store; `undefined` if the URL names none. */
export function directoryOf(url: string): string | undefined {
  return /^file:(?:\/\/(?=\/)|(?!\/\/))(?<path>.+)$/.exec(url)?.groups?.path
}
