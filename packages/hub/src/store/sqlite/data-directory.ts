import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HubError } from '../../base/errors.ts'
import { sqliteCode, sqliteCodeOf, storeFailure } from '../history/failure.ts'
import { applicationId, migrate, migrations } from '../history/schema.ts'
import { createDatabase } from './create-database.ts'
import type { Durability } from './messages.ts'

/** A data directory that is this process's own until it is closed, and the database in it. */
export interface DataDirectory {
  readonly database: DatabaseSync
  /** Which process had it last, in words, if that ended without closing it. */
  readonly uncleanHolder: string | undefined
  /** Whether the database is still the file of its name. One that was moved or removed must not take events any more. */
  isInPlace(): boolean
  close(): void
}

/** The names of the files. SQLite keeps two more beside the database: `-wal` and `-shm`. */
export const files = { database: 'headwater.db', lock: 'headwater.lock', holder: 'headwater.pid' } as const

/**
 * Makes the directory if there is none, locks it, and opens its database, which is brought to the newest schema.
 *
 * @throws HubError `STORE_LOCKED`, `STORE_FAILED`
 */
export function openDataDirectory(given: string, durability: Durability): DataDirectory {
  const directory = resolve(given)
  try {
    makeDirectory(directory)
    const lock = lockDirectory(directory)
    try {
      const database = openDatabase(directory, durability)
      const file = join(directory, files.database)
      const { dev, ino } = statSync(file)
      return {
        database,
        uncleanHolder: lock.uncleanHolder,
        isInPlace: () => {
          const found = statSync(file, { throwIfNoEntry: false })
          return found?.ino === ino && found.dev === dev
        },
        close: () => {
          database.close()
          lock.close()
        },
      }
    } catch (error) {
      lock.close()
      throw error
    }
  } catch (error) {
    const { code, message } = storeFailure(`The event store in ${directory} cannot be opened`, error, directory)
    throw new HubError(code, message, { cause: error })
  }
}

/** Private events are in it: a new directory is its owner's alone. */
function makeDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
  // SQLite sees to the files in it, but a new directory's own name is safe from power loss only when its parent is.
  if (made !== undefined) syncDirectory(dirname(made))
}

function syncDirectory(directory: string): void {
  // Windows can neither open nor sync one.
  if (process.platform === 'win32') return
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Takes the lock that SQLite puts on an empty database of its own. The system frees it with the process, however that ends, so
 * it is never stale; and the history itself stays open to readers, such as `sqlite3` while the hub runs.
 */
function lockDirectory(directory: string): { readonly uncleanHolder: string | undefined; close(): void } {
  const lock = createDatabase(join(directory, files.lock))
  const holderFile = join(directory, files.holder)
  try {
    lock.exec('BEGIN EXCLUSIVE')
    // Who has gone by the rules takes its name away.
    const last = existsSync(holderFile) ? readHolder(holderFile) : undefined
    const uncleanHolder = last && !isOfThisProcess(last) ? describe(last) : undefined
    // Only for people and for the messages; not part of the lock.
    const since = new Date().toISOString()
    writeFileSync(holderFile, `${JSON.stringify({ pid: process.pid, host: hostname(), since })}\n`)
    return {
      uncleanHolder,
      close() {
        removeName(holderFile)
        lock.close()
      },
    }
  } catch (error) {
    lock.close()
    if (sqliteCodeOf(error) !== sqliteCode.busy) throw error
    throw new HubError(
      'STORE_LOCKED',
      `The data directory ${directory} is in use by ${describe(readHolder(holderFile))}. ` +
        'Each hub needs one of its own: stop the other, or give this one another directory.',
    )
  }
}

/** A thread of this process may have died, and another took its place. In a container each process may have the same number: it had it before this one began. */
function isOfThisProcess(holder: ReturnType<typeof readHolder>): boolean {
  if ('error' in holder || holder.pid !== process.pid || holder.host !== hostname()) return false
  // That of the whole process, in a worker thread, too.
  const startedAt = Date.now() - process.uptime() * 1000
  return Date.parse(String(holder.since)) >= startedAt
}

/** On a disk that takes no more changes it stays, and the next start will call this end an unclean one: no reason not to end. */
function removeName(holderFile: string): void {
  try {
    rmSync(holderFile, { force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

/** Who says to use a directory, or used it last and did not close it. */
export function holderOf(
  directory: string,
): { readonly pid: number; readonly host: string; readonly text: string } | undefined {
  const holderFile = join(directory, files.holder)
  if (!existsSync(holderFile)) return undefined
  const holder = readHolder(holderFile)
  const isKnown = !('error' in holder)
  return { pid: isKnown ? Number(holder.pid) : 0, host: isKnown ? String(holder.host) : '', text: describe(holder) }
}

interface Holder {
  readonly pid: unknown
  readonly host: unknown
  readonly since: unknown
}

/** Gives the error if it cannot be read: it says no more than who it was. */
function readHolder(holderFile: string): Holder | { readonly pid?: undefined; readonly error: unknown } {
  try {
    return JSON.parse(readFileSync(holderFile, 'utf8')) as Holder
  } catch (error) {
    return { error }
  }
}

function describe(holder: ReturnType<typeof readHolder>): string {
  if ('error' in holder) return `another process (which one is not known: ${String(holder.error)})`
  return `process ${String(holder.pid)} on host "${String(holder.host)}", since ${String(holder.since)}`
}

function openDatabase(directory: string, durability: Durability): DatabaseSync {
  const database = createDatabase(join(directory, files.database))
  try {
    // Somebody who writes with `sqlite3` is waited for; not long, as everything else waits too.
    database.exec('PRAGMA busy_timeout = 1000')
    bringUpToDate(database)
    const mode = pragma(database, 'journal_mode = WAL')
    if (mode !== 'wal') {
      throw new HubError(
        'STORE_FAILED',
        `The file system of ${directory} cannot hold a database in WAL mode (SQLite fell back to "${mode}"). Use a local disk.`,
      )
    }
    database.exec(`
      PRAGMA synchronous = ${synchronousFor[durability]};
      PRAGMA fullfsync = ON;         -- on macOS, where fsync alone leaves data in the disk's cache
      PRAGMA cache_size = -32768;    -- 32 MiB
      PRAGMA cell_size_check = ON;   -- finds a damaged page when it is read
      PRAGMA journal_size_limit = 67108864;
    `)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** See {@link SqliteStoreOptions.durability}. `OFF` would be little faster than `NORMAL`, and a power loss could damage the database. */
const synchronousFor = { full: 'FULL', fast: 'NORMAL' } as const

function bringUpToDate(database: DatabaseSync): void {
  const version = Number(pragma(database, 'user_version'))
  const isOurs = pragma(database, 'application_id') === applicationId
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
  if (!isOurs && (version !== 0 || tables > 0)) {
    throw new HubError(
      'STORE_FAILED',
      `${files.database} is a database, but not one of Headwater's. Give the hub a directory of its own.`,
    )
  }
  if (version > migrations.length) {
    throw new HubError(
      'STORE_FAILED',
      `${files.database} was written by a newer Headwater: its schema is version ${version}, and this one knows ` +
        `${migrations.length}. Run the newer Headwater, or give this one another directory.`,
    )
  }
  if (!isOurs) database.exec(`PRAGMA application_id = ${applicationId}`)
  migrate(database, version)
}

/** The value of a setting of SQLite, once it is set if the text says so. */
export function pragma(database: DatabaseSync, text: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${text}`).get() ?? {})[0]
}
