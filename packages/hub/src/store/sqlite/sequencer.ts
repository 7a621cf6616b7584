import type { Connection } from '../history/connection.ts'
import type { HistoryLog } from '../history/history-log.ts'
import { RandomTags } from '../random-tags.ts'
import { maxIdempotencyKeys } from '../retention.ts'
import type { AppendTuple } from './messages.ts'

/** The most keys that are forgotten at once: an append may have to wait for that. */
const keysPerStep = 1024

/**
 * Sequences the events of a history: assigns each the next position and a tag, or finds the mark of an earlier
 * event with the same idempotency key.
 */
export class Sequencer {
  readonly #connection: Connection
  readonly #log: HistoryLog
  readonly #idempotencyMs: number
  readonly #maxKeys: number
  readonly #tags = new RandomTags()
  /** The number of stored keys, including those that are old enough to be forgotten. */
  #keys: number
  readonly #statements: ReturnType<typeof prepareStatements>

  constructor(connection: Connection, log: HistoryLog, { idempotencyMs, maxBytes }: SequencerOptions) {
    this.#connection = connection
    this.#log = log
    this.#idempotencyMs = idempotencyMs
    this.#maxKeys = maxIdempotencyKeys(maxBytes)
    this.#statements = prepareStatements(connection)
    this.#keys = this.#statements.countKeys.get()![0]
  }

  /** Stores events in one transaction, all or none. Returns the position and tag of each. */
  append(records: readonly AppendTuple[], at: number): { positions: number[]; tags: number[] } {
    const { findKey, insertKey } = this.#statements
    const keysSince = at - this.#idempotencyMs
    const positions: number[] = []
    const tags: number[] = []
    let newKeys = 0
    this.#log.write(at, (insert) => {
      let { position } = this.#log.head
      for (const record of records) {
        const key = record[6]
        const known = key === undefined ? undefined : findKey.get(key)
        if (known && known[2] > keysSince) {
          positions.push(known[0])
          tags.push(known[1])
          continue
        }
        position += 1
        const tag = this.#tags.next()
        insert(record, { position, tag })
        if (key !== undefined) {
          insertKey.run(key, position, tag, at)
          if (!known) newKeys++
        }
        positions.push(position)
        tags.push(tag)
      }
    })
    this.#keys += newKeys
    return { positions, tags }
  }

  /** Whether there are so many excess keys that it is worthwhile to forget some. */
  hasTooManyKeys(): boolean {
    return this.#keys >= this.#maxKeys + keysPerStep
  }

  hasExpiredKeys(at: number): boolean {
    return this.#statements.findExpiredKey.get(at - this.#idempotencyMs) !== undefined
  }

  /** Forgets some keys that are too old or too many. Returns whether those were all. */
  forgetKeys(at: number): boolean {
    const excess = Math.min(Math.max(0, this.#keys - this.#maxKeys), keysPerStep)
    if (excess === 0 && !this.hasExpiredKeys(at)) return true
    let forgotten = 0
    this.#connection.transactionWithoutSync(() => {
      forgotten = Number(
        excess > 0
          ? this.#statements.deleteOldest.run(excess).changes
          : this.#statements.deleteExpired.run(at - this.#idempotencyMs, keysPerStep).changes,
      )
    })
    this.#keys -= forgotten
    return forgotten < keysPerStep && this.#keys <= this.#maxKeys
  }
}

interface SequencerOptions {
  /** How long a key is remembered, in milliseconds. */
  readonly idempotencyMs: number
  /** The most bytes of the history. */
  readonly maxBytes: number
}

function prepareStatements(connection: Connection) {
  return {
    countKeys: connection.prepare<[count: number]>('SELECT count(*) FROM idempotency'),
    findKey: connection.prepare<[position: number, tag: number, storedAt: number]>(
      'SELECT position, tag, stored_at FROM idempotency WHERE key = ?',
    ),
    insertKey: connection.prepare('INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)'),
    findExpiredKey: connection.prepare('SELECT 1 FROM idempotency WHERE stored_at <= ? LIMIT 1'),
    deleteOldest: connection.prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency ORDER BY stored_at LIMIT ?)',
    ),
    deleteExpired: connection.prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE stored_at <= ? ORDER BY stored_at LIMIT ?)',
    ),
  }
}
