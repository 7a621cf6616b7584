import { HubError, type HubErrorCode } from '../../base/errors.ts'

/** An error as it crosses threads: of an error's own properties, cloning keeps only the message. */
export interface Failure {
  readonly code: HubErrorCode
  readonly message: string
}

/** What went wrong in SQLite or below it, in words for an operator; `doing` says in what: "The event was not stored". */
export function storeFailure(doing: string, error: unknown, directory: string): Failure {
  if (error instanceof HubError) return { code: error.code, message: error.message }
  return { code: 'STORE_FAILED', message: `${doing}: ${explain(error, directory)}` }
}

/** The primary result code of SQLite; `undefined` if the error is not SQLite's. */
export function sqliteCodeOf(error: unknown): number | undefined {
  // Extended codes say more in their higher bits.
  const code = extendedCodeOf(error)
  return code === undefined ? undefined : code & 0xff
}

export const sqliteCode = {
  busy: 5,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/** Whether there is an event already where one was to be stored (`SQLITE_CONSTRAINT_PRIMARYKEY`). */
export function isPositionTaken(error: unknown): boolean {
  return extendedCodeOf(error) === 1555
}

function extendedCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

function explain(error: unknown, directory: string): string {
  const said = error instanceof Error ? error.message : String(error)
  switch (sqliteCodeOf(error)) {
    case sqliteCode.full:
      return `the disk is full (${said}). Free some space for ${directory}; the store goes on by itself as soon as there is.`
    case sqliteCode.readOnly:
    case sqliteCode.cannotOpen:
      return `${directory} cannot be written to (${said}). Check its owner, its mode and its file system.`
    case sqliteCode.inputOutput:
      return `the disk failed (${said}). Look into the system's log for the disk of ${directory}.`
    case sqliteCode.corrupt:
    case sqliteCode.notADatabase:
      return (
        `the files in ${directory} are damaged (${said}). Stop the hub, then restore a backup of the directory, or move it ` +
        `away to begin a new history: subscribers that come back are told of the gap.`
      )
    case sqliteCode.busy:
      return `another program has held the database in ${directory} locked for too long (${said}). End it, or have it commit.`
    default:
      return `${said}.`
  }
}
