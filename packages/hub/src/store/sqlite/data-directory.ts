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
import { sqliteCode, sqliteCodeOf, storeError } from '../history/failure.ts'
import { applicationId, migrate, migrations } from '../history/schema.ts'
import { createDatabase } from './create-database.ts'
import type { Durability } from './messages.ts'
import { makePrivate } from './private-files.ts'
import { isOpenElsewhere, isRunning } from './sole-user.ts'

/** A data directory that belongs to this process until it is closed, and its database. */
export interface DataDirectory {
  readonly database: DatabaseSync
  /** The process that used it last, in words, if that process ended without closing it. */
  readonly uncleanHolder: string | undefined
  /**
   * Whether the database is still the file at its path, and the directory this process's. If not,
   * it must not store events any more.
   */
  isInPlace(): boolean
  close(): void
}

/** The names of the files. SQLite keeps two more beside the database: `-wal` and `-shm`. */
export const files = {
  database: 'headwater.db',
  lock: 'headwater.lock',
  holder: 'headwater.pid',
  head: 'headwater.head',
} as const

/**
 * Creates the directory if it does not exist, locks it, and opens its database, which is migrated
 * to the newest schema.
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
          return found?.ino === ino && found.dev === dev && lock.isHeld()
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
    throw storeError(`The event store in ${directory} cannot be opened`, error, directory)
  }
}

/** A new directory is accessible to its owner only: it will contain private events. */
function makeDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
  // SQLite syncs the files in it, but the name of a new directory is safe from power loss only once
  // its parent is synced.
  if (made !== undefined) syncDirectory(dirname(made))
}

function syncDirectory(directory: string): void {
  // Windows can neither open nor sync a directory.
  if (process.platform === 'win32') return
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Acquires the lock that SQLite puts on an empty database of its own. The system releases it when
 * the process ends, in any way, so that it is never stale. The history itself stays open to
 * readers, such as `sqlite3` while the hub runs.
 */
function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, files.lock)
  const holderFile = join(directory, files.holder)
  for (const file of [path, holderFile]) makePrivate(file, { create: file === path })
  let lock = acquire(path) ?? refuse(directory, holderFile)
  let { ino } = statSync(path)
  // A process that closes the directory removes the file.
  const last = existsSync(holderFile) ? readHolder(holderFile) : undefined
  if (last && !isGone(last) && isOpenElsewhere(join(directory, files.database))) {
    lock.close()
    refuse(directory, holderFile)
  }
  const uncleanHolder = last && !isOfThisProcess(last) ? describe(last) : undefined
  writeHolder(holderFile)
  return {
    uncleanHolder,
    isHeld() {
      if (statSync(path, { throwIfNoEntry: false })?.ino === ino) return true
      // Somebody removed the file, and with it what keeps other hubs out.
      makePrivate(path, { create: true })
      const next = acquire(path)
      if (!next) return false
      lock.close()
      lock = next
      ino = statSync(path).ino
      writeHolder(holderFile)
      return true
    },
    close() {
      removeName(holderFile)
      lock.close()
    },
  }
}

interface DirectoryLock {
  readonly uncleanHolder: string | undefined
  /** Whether no other process can have the directory. Locks again if the lock's file was removed. */
  isHeld(): boolean
  close(): void
}

/** Returns `undefined` if another process has the lock. */
function acquire(path: string): DatabaseSync | undefined {
  const lock = createDatabase(path)
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if (sqliteCodeOf(error) !== sqliteCode.busy) throw error
    return undefined
  }
}

function refuse(directory: string, holderFile: string): never {
  throw new HubError(
    'STORE_LOCKED',
    `The data directory ${directory} is in use by ${describe(readHolder(holderFile))}. ` +
      'Each hub needs a directory of its own: stop the other, or give this one another directory.',
  )
}

/** Only for people and for the error messages; not part of the lock. */
function writeHolder(holderFile: string): void {
  const since = new Date().toISOString()
  const text = `${JSON.stringify({ pid: process.pid, host: hostname(), since })}\n`
  writeFileSync(holderFile, text, { mode: 0o600 })
}

/** Whether a process has ended for certain: of another machine or container that is not known. */
function isGone(holder: ReturnType<typeof readHolder>): boolean {
  return !('error' in holder) && holder.host === hostname() && !isRunning(Number(holder.pid))
}

/**
 * Whether the holder is this process: one of its threads may have died, and another took its place.
 * In a container, every process may have the same number. A holder from before this process began
 * is another one.
 */
function isOfThisProcess(holder: ReturnType<typeof readHolder>): boolean {
  if ('error' in holder || holder.pid !== process.pid || holder.host !== hostname()) return false
  // The uptime of the whole process, in a worker thread too.
  const startedAt = Date.now() - process.uptime() * 1000
  return Date.parse(String(holder.since)) >= startedAt
}

/**
 * If the disk accepts no more changes, the file stays, and the next start will report this stop as
 * an unclean one. That must not keep this process from closing.
 */
function removeName(holderFile: string): void {
  try {
    rmSync(holderFile, { force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

/** The process that claims to use a directory, or used it last and did not close it. */
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

/** Returns the error if the file cannot be read: the file only says who the holder was. */
function readHolder(holderFile: string): Holder | { readonly pid?: undefined; readonly error: unknown } {
  try {
    return JSON.parse(readFileSync(holderFile, 'utf8')) as Holder
  } catch (error) {
    return { error }
  }
}

function describe(holder: ReturnType<typeof readHolder>): string {
  if ('error' in holder) return `another process (unknown which: ${String(holder.error)})`
  return `process ${String(holder.pid)} on host "${String(holder.host)}", since ${String(holder.since)}`
}

function openDatabase(directory: string, durability: Durability): DatabaseSync {
  const path = join(directory, files.database)
  for (const file of [path, `${path}-wal`, `${path}-shm`]) makePrivate(file, { create: file === path })
  const database = createDatabase(path)
  try {
    // The hub waits for a program that writes, such as `sqlite3`; not for long, as everything else
    // waits too.
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

/**
 * See {@link SqliteStoreOptions.durability}. `OFF` would be little faster than `NORMAL`, and a
 * power loss could damage the database.
 */
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
      `${files.database} was written by a newer Headwater: its schema is version ${version}, and this one supports ` +
        `${migrations.length}. Run the newer Headwater, or give this hub another directory.`,
    )
  }
  if (!isOurs) database.exec(`PRAGMA application_id = ${applicationId}`)
  migrate(database, version)
}

/** Returns the value of a setting of SQLite, after setting it if the text says so. */
export function pragma(database: DatabaseSync, text: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${text}`).get() ?? {})[0]
}
