import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { HubError } from '../../base/errors.ts'
import { eventColumns, isIntact, toEventRow } from '../history/event-row.ts'
import type { CheckedRow } from '../history/event-tuples.ts'
import { storeError } from '../history/failure.ts'
import { applicationId, migrations } from '../history/schema.ts'
import type { HistoryPosition, StoredEvent } from '../store.ts'
import { createDatabase } from './create-database.ts'
import { files, pragma } from './data-directory.ts'
import { toStoredEvent } from './sqlite-history.ts'

/** What there is in a data directory. */
export interface DirectoryBounds {
  /** The newest event that is kept, or the newest trimmed one. */
  readonly head: HistoryPosition
  readonly trimmed: HistoryPosition
  readonly count: number
}

/**
 * Reads the history in a data directory and changes nothing in it, whether a hub uses it or not. Every
 * event is compared with its checksum; those that are damaged are left out, and counted.
 */
export class DirectoryReader {
  readonly directory: string
  readonly epoch: string
  readonly #database: DatabaseSync
  readonly #after: StatementSync
  readonly #before: StatementSync
  #damaged = 0

  /** @throws HubError `STORE_FAILED` if there is no history, or none of this version */
  constructor(given: string) {
    this.directory = resolve(given)
    const path = join(this.directory, files.database)
    if (!existsSync(path)) {
      throw new HubError('STORE_FAILED', `There is no history in ${this.directory}. A hub makes one when it starts.`)
    }
    this.#database = this.#attempt(() => createDatabase(path, { readOnly: true }))
    try {
      this.#attempt(() => this.#database.exec('PRAGMA busy_timeout = 1000'))
      this.#attempt(() => this.#assertVersion())
      const row = this.#attempt(() => this.#database.prepare('SELECT epoch FROM history').get())
      if (!row)
        throw new HubError('STORE_FAILED', `The history in ${this.directory} has no epoch: it was never finished.`)
      this.epoch = String(row.epoch)
      this.#after = this.#prepare('position > ? ORDER BY position LIMIT ?')
      this.#before = this.#prepare('position < ? ORDER BY position DESC LIMIT ?')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** How many events were found to be damaged, and left out. */
  get damaged(): number {
    return this.#damaged
  }

  bounds(): DirectoryBounds {
    const history = this.#attempt(() =>
      this.#database.prepare('SELECT trimmed_position AS position, trimmed_tag AS tag FROM history').get(),
    )
    const trimmed = { position: Number(history?.position), tag: Number(history?.tag) }
    const { count } = this.#attempt(() => this.#database.prepare('SELECT count(*) AS count FROM event').get())!
    const newest = this.#attempt(() =>
      this.#database.prepare('SELECT position, tag FROM event ORDER BY position DESC LIMIT 1').get(),
    )
    const head = newest ? { position: Number(newest.position), tag: Number(newest.tag) } : trimmed
    return { head, trimmed, count: Number(count) }
  }

  /** The next events after a position, the oldest first, at most so many rows. `through` is how far they reach. */
  after(position: number, limit: number) {
    return this.#page(this.#after, position, limit)
  }

  /** The last events before a position, the newest first. */
  before(position: number, limit: number) {
    return this.#page(this.#before, position, limit)
  }

  /** The position of the event with an ID that its publisher chose. */
  find(id: string): number | undefined {
    const row = this.#attempt(() => this.#database.prepare('SELECT position FROM event WHERE id = ?').get(id))
    return row && Number(row.position)
  }

  /** The position of the first event that was stored at a time or later; of several if the clock went back. */
  firstSince(at: number): number {
    const { head, trimmed } = this.bounds()
    let low = trimmed.position + 1
    let high = head.position + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const event = this.after(middle - 1, 1).events[0]
      if (!event || event.storedAt! >= at) high = middle
      else low = Math.max(middle, event.position) + 1
    }
    return low
  }

  close(): void {
    this.#database.close()
  }

  #page(statement: StatementSync, position: number, limit: number) {
    const rows = this.#attempt(() => statement.all(position, limit)) as unknown as CheckedRow[]
    const last = rows.at(-1)?.[0]
    const events: StoredEvent[] = []
    for (const row of rows) {
      if (isIntact(row)) events.push(toStoredEvent(toEventRow(row)))
      else this.#damaged++
    }
    return { events, reach: rows.length < limit ? undefined : last }
  }

  #prepare(where: string): StatementSync {
    const statement = this.#attempt(() => this.#database.prepare(`SELECT ${eventColumns} FROM event WHERE ${where}`))
    statement.setReturnArrays(true)
    return statement
  }

  #assertVersion(): void {
    const version = Number(pragma(this.#database, 'user_version'))
    if (pragma(this.#database, 'application_id') !== applicationId) {
      throw new HubError('STORE_FAILED', `${files.database} in ${this.directory} is not a database of Headwater's.`)
    }
    if (version === migrations.length) return
    const advice =
      version > migrations.length ? 'Use the newer Headwater.' : 'Start a hub on it once, which upgrades it.'
    throw new HubError(
      'STORE_FAILED',
      `The history in ${this.directory} has schema ${version}, and this Headwater reads ${migrations.length}. ${advice}`,
    )
  }

  #attempt<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw storeError(`The history in ${this.directory} cannot be read`, error, this.directory)
    }
  }
}
