import type { Connection } from '../history/connection.ts'
import type { HistoryLog } from '../history/history-log.ts'
import { RandomTags } from '../random-tags.ts'
import type { AppendTuple } from './messages.ts'

/** The most keys that are forgotten at once: an append may have to wait for it. */
const keysPerStep = 1024

/**
 * Says where each event comes in a history, and which was stored before: gives the next position, a tag, and the mark of an earlier
 * event with the same idempotency key.
 */
export class Sequencer {
  readonly #connection: Connection
  readonly #log: HistoryLog
  readonly #idempotencyMs: number
  readonly #tags = new RandomTags()
  readonly #statements: ReturnType<typeof prepareStatements>

  constructor(connection: Connection, log: HistoryLog, idempotencyMs: number) {
    this.#connection = connection
    this.#log = log
    this.#idempotencyMs = idempotencyMs
    this.#statements = prepareStatements(connection)
  }

  /** Stores events in one transaction, all or none of them. Returns the place of each. */
  append(records: readonly AppendTuple[], at: number): { positions: number[]; tags: number[] } {
    const { findKey, insertKey } = this.#statements
    const keysSince = at - this.#idempotencyMs
    const positions: number[] = []
    const tags: number[] = []
    this.#log.write(at, (insert) => {
      let { position } = this.#log.head
      for (const record of records) {
        const key = record[6]
        const known = key === undefined ? undefined : findKey.get(key, keysSince)
        if (known) {
          positions.push(known[0])
          tags.push(known[1])
          continue
        }
        position += 1
        const tag = this.#tags.next()
        insert(record, { position, tag })
        if (key !== undefined) insertKey.run(key, position, tag, at)
        positions.push(position)
        tags.push(tag)
      }
    })
    return { positions, tags }
  }

  hasExpiredKeys(at: number): boolean {
    return this.#statements.findExpiredKey.get(at - this.#idempotencyMs) !== undefined
  }

  /** Forgets some of the keys that are old enough, if there are any. Returns whether those were all. */
  forgetKeys(at: number): boolean {
    if (!this.hasExpiredKeys(at)) return true
    let forgotten = 0
    this.#connection.transactionWithoutSync(() => {
      forgotten = Number(this.#statements.deleteKeys.run(at - this.#idempotencyMs, keysPerStep).changes)
    })
    return forgotten < keysPerStep
  }
}

function prepareStatements(connection: Connection) {
  return {
    findKey: connection.prepare<[position: number, tag: number]>(
      'SELECT position, tag FROM idempotency WHERE key = ? AND stored_at > ?',
    ),
    insertKey: connection.prepare('INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)'),
    findExpiredKey: connection.prepare('SELECT 1 FROM idempotency WHERE stored_at <= ? LIMIT 1'),
    deleteKeys: connection.prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE stored_at <= ? ORDER BY stored_at LIMIT ?)',
    ),
  }
}
