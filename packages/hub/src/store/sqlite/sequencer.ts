import { checksumOfValues } from '../history/checksum.ts'
import type { Connection } from '../history/connection.ts'
import type { HistoryLog } from '../history/history-log.ts'
import { RandomTags } from '../random-tags.ts'
import { maxIdempotencyKeys } from '../retention.ts'
import type { HistoryPosition } from '../store.ts'
import type { AppendResult, AppendTuple } from './messages.ts'

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

  /**
   * Stores events in one transaction: if it throws, none is stored. An event whose ID is taken is
   * refused, with all that are to be stored together with it.
   */
  append(records: readonly AppendTuple[], at: number): AppendResult {
    const positions: number[] = []
    const tags: number[] = []
    const taken = new Map<number, string>()
    let newKeys = 0
    this.#log.write(at, (insert) => {
      const keysSince = at - this.#idempotencyMs
      let { position } = this.#log.head
      for (let start = 0, end = 0; start < records.length; start = end) {
        end = endOfGroup(records, start)
        const takenId = this.#takenId(records, start, end, keysSince)
        for (let index = start; index < end; index++) {
          const record = records[index]!
          let mark = this.#findKey(record[7], keysSince)
          if (takenId !== undefined) {
            taken.set(index, takenId)
            mark = noMark
          } else if (!mark) {
            position += 1
            mark = { position, tag: this.#tags.next() }
            insert(record, mark)
            if (this.#saveKey(record[7], mark, at)) newKeys++
          }
          positions.push(mark.position)
          tags.push(mark.tag)
        }
      }
    })
    this.#keys += newKeys
    return { positions, tags, taken: taken.size > 0 ? taken : undefined }
  }

  #findKey(key: string | undefined, since: number): HistoryPosition | undefined {
    const row = key === undefined ? undefined : this.#statements.findKey.get(key)
    if (!row || row[2] <= since) return undefined
    const [position, tag, storedAt, checksum] = row
    // A damaged entry is one that is not known.
    const isIntact = checksum === null || checksum === checksumOfValues([key!, position, tag, storedAt])
    return isIntact ? { position, tag } : undefined
  }

  /** Returns whether the key is a new one. */
  #saveKey(key: string | undefined, { position, tag }: HistoryPosition, at: number): boolean {
    if (key === undefined) return false
    const isKnown = this.#statements.findKey.get(key) !== undefined
    this.#statements.insertKey.run(key, position, tag, at, checksumOfValues([key, position, tag, at]))
    return !isKnown
  }

  /** The ID that one of the events has in common with another, unless it is known by its key. */
  #takenId(records: readonly AppendTuple[], start: number, end: number, keysSince: number): string | undefined {
    let ids: Map<string, string | undefined> | undefined
    for (let index = start; index < end; index++) {
      const { 3: id, 7: key } = records[index]!
      if (id === undefined || this.#findKey(key, keysSince)) continue
      ids ??= new Map()
      const isSame = ids.has(id) && key !== undefined && ids.get(id) === key
      if (!isSame && (ids.has(id) || this.#statements.findId.get(id))) return id
      ids.set(id, key)
    }
    return undefined
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

/** Of an event that is refused. */
const noMark: HistoryPosition = { position: 0, tag: 0 }

/** The index after the events that are stored together with one, or not at all. */
function endOfGroup(records: readonly AppendTuple[], start: number): number {
  let end = start
  while (records[end]?.[8]) end++
  return end + 1
}

function prepareStatements(connection: Connection) {
  return {
    countKeys: connection.prepare<[count: number]>('SELECT count(*) FROM idempotency'),
    findKey: connection.prepare<[position: number, tag: number, storedAt: number, checksum: number | null]>(
      'SELECT position, tag, stored_at, checksum FROM idempotency WHERE key = ?',
    ),
    findId: connection.prepare<[found: number]>('SELECT 1 FROM event WHERE id = ?'),
    insertKey: connection.prepare('INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)'),
    findExpiredKey: connection.prepare('SELECT 1 FROM idempotency WHERE stored_at <= ? LIMIT 1'),
    deleteOldest: connection.prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency ORDER BY stored_at LIMIT ?)',
    ),
    deleteExpired: connection.prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE stored_at <= ? ORDER BY stored_at LIMIT ?)',
    ),
  }
}
