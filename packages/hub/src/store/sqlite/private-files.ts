import { chmodSync, statSync, writeFileSync } from 'node:fs'

/**
 * Makes files their owner's alone, whatever the umask: creates one that must exist, and takes the
 * rights of others from one that does. SQLite gives its `-wal` and `-shm` the mode of the database.
 * A file of another owner stays as it is.
 *
 * Opens no file that exists: when it was closed again, the process would lose its locks on it.
 */
export function makePrivate(path: string, { create }: { readonly create: boolean }): void {
  // Windows has no such modes.
  if (process.platform === 'win32') return
  const found = statSync(path, { throwIfNoEntry: false })
  try {
    if (found) takeFromOthers(path, found.mode)
    else if (create) writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Another process created it in this moment; or it belongs to another user, or the disk is
    // read-only, which matters only to whoever writes.
    if (code !== 'EEXIST' && code !== 'EPERM' && code !== 'EROFS') throw error
  }
}

function takeFromOthers(path: string, mode: number): void {
  if (othersMayUse(mode)) chmodSync(path, mode & 0o700)
}

/** Whether a mode gives anything to anyone but the owner. */
export function othersMayUse(mode: number): boolean {
  return (mode & 0o077) !== 0
}
