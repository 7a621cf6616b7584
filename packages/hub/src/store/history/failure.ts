import { HubError, type HubErrorCode } from '../../base/errors.ts'

/**
 * An error as it is sent between threads: of the properties of an error, cloning keeps only the
 * message.
 */
export interface Failure {
  readonly code: HubErrorCode
  readonly message: string
}

/**
 * A commit failed, but may still be found on the disk if the machine stops before the next one. Its
 * cause is the error of SQLite.
 */
export class UncertainCommit extends Error {}

/**
 * An error of SQLite or below it, in words for an operator. `doing` says what failed: "The event
 * was not stored".
 */
export function storeFailure(doing: string, error: unknown, directory: string): Failure {
  if (error instanceof HubError) return { code: error.code, message: error.message }
  const cause = error instanceof UncertainCommit ? error.cause : error
  return { code: 'STORE_FAILED', message: `${doing}: ${explain(cause, directory)}` }
}

/** {@link storeFailure} as an error to throw. */
export function storeError(doing: string, error: unknown, directory: string): HubError {
  const { code, message } = storeFailure(doing, error, directory)
  return new HubError(code, message, { cause: error })
}

/** The primary result code of SQLite; `undefined` if the error is not one of SQLite. */
export function sqliteCodeOf(error: unknown): number | undefined {
  // Extended codes hold details in their higher bits.
  const code = extendedCodeOf(error)
  return code === undefined ? undefined : code & 0xff
}

export const sqliteCode = {
  error: 1,
  busy: 5,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/**
 * Whether an event is already stored at the position of a new one (`SQLITE_CONSTRAINT_PRIMARYKEY`).
 */
export function isPositionTaken(error: unknown): boolean {
  return extendedCodeOf(error) === 1555
}

/** An event in the database is missing, or not as it was stored. */
export class DamagedEvent extends Error {}

/**
 * Whether an error means that what was read is damaged. What is stored never has a number that
 * JavaScript cannot hold.
 */
export function isDamage(error: unknown): boolean {
  const code = sqliteCodeOf(error)
  if (code === sqliteCode.corrupt || code === sqliteCode.notADatabase || error instanceof DamagedEvent) return true
  // The file ends before the page (`SQLITE_IOERR_SHORT_READ`).
  if (extendedCodeOf(error) === 522) return true
  return error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE'
}

function extendedCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

function explain(error: unknown, directory: string): string {
  const said = error instanceof Error ? error.message : String(error)
  if (isDamage(error)) return damageAdvice(directory, said)
  switch (sqliteCodeOf(error)) {
    case sqliteCode.full:
      return `the disk is full (${said}). Free some space for ${directory}; the store continues by itself once there is room.`
    case sqliteCode.readOnly:
    case sqliteCode.cannotOpen:
      return `${directory} is not writable (${said}). Check its owner, its mode and its file system.`
    case sqliteCode.inputOutput:
      return `the disk failed (${said}). Check the system log for the disk of ${directory}.`
    // A statement that does not fit the tables: they are not as they were made.
    case sqliteCode.error:
      return damageAdvice(directory, said)
    case sqliteCode.busy:
      return `another program has held the database in ${directory} locked for too long (${said}). Stop it, or make it commit.`
    default:
      return `${said}.`
  }
}

function damageAdvice(directory: string, said: string): string {
  return (
    `the files in ${directory} are damaged (${said}). Stop the hub, then restore a backup of the directory, or move it ` +
    `away to begin a new history: subscribers that return are told of the gap.`
  )
}
