import { existsSync } from 'node:fs'
import { sqliteCode, sqliteCodeOf } from '../history/failure.ts'
import { createDatabase } from './create-database.ts'

/**
 * Whether somebody else has a database in WAL mode open. Each of its users has a lock on the file
 * itself, which ends with that user and not with another file.
 */
export function isOpenElsewhere(path: string): boolean {
  if (!existsSync(path)) return false
  const database = createDatabase(path)
  try {
    // Only a sole user can be an exclusive one.
    database.exec('PRAGMA busy_timeout = 500; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK')
    return false
  } catch (error) {
    if (sqliteCodeOf(error) !== sqliteCode.busy) throw error
    return true
  } finally {
    database.close()
  }
}

/** Whether a process of this machine runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
