import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { HubError } from '../../base/errors.ts'
import { RandomTags } from '../random-tags.ts'
import type { Bounds, HistoryPosition, PositionState } from '../store.ts'
import { Tombstones } from '../tombstones.ts'
import { type DataDirectory, openDataDirectory, synchronousFor } from './data-directory.ts'
import { isPositionTaken, sqliteCode, sqliteCodeOf, storeFailure } from './failure.ts'
import {
  type BackQuery,
  type BackRows,
  type EventRow,
  type PageQuery,
  type PageRows,
  type RecordTuple,
  topicsOf,
  type WorkerOptions,
} from './messages.ts'

/** A place in the history, and the bytes of all events up to it. */
interface Place extends HistoryPosition {
  readonly totalBytes: number
}

/** About the most rows, one for each event and each of its topics, and bytes that one step trims: an append may have to wait for it. */
const stepRows = 1024
const stepBytes = 4 * 1024 ** 2

/**
 * The history in its database. Everything is synchronous: one thread, one connection, one thing after another, so that each
 * read sees one moment.
 */
export class EventLog {
  readonly #tags = new RandomTags()
  readonly epoch: string
  readonly #options: WorkerOptions
  readonly #directory: DataDirectory
  readonly #database: DatabaseSync
  #statements: ReturnType<typeof prepareStatements>

  #head: Place
  #trimmed: Place
  #earliest: (HistoryPosition & { readonly storedAt: number }) | undefined
  #traces: Tombstones
  /** `undefined` if that failed. */
  #lastWrittenAt: number | undefined

  /** @throws HubError `STORE_LOCKED`, `STORE_FAILED` */
  constructor(options: WorkerOptions) {
    this.#options = options
    this.#directory = openDataDirectory(options.directory, options.durability)
    this.#database = this.#directory.database
    try {
      this.#statements = prepareStatements(this.#database)
      this.#statements.insertHistory.run(options.newEpoch, Date.now())
      const { epoch, trimmed, forgottenPosition } = this.#loadHistory()
      this.epoch = epoch
      this.#trimmed = trimmed
      this.#head = this.#loadHead() ?? trimmed
      this.#earliest = this.#loadEarliest()
      this.#traces = this.#loadTraces(forgottenPosition)
    } catch (error) {
      this.#directory.close()
      const { code, message } = storeFailure('The history cannot be read', error, options.directory)
      throw new HubError(code, message, { cause: error })
    }
  }

  /** Which process had the directory last, in words, if that ended without closing it. */
  get uncleanHolder(): string | undefined {
    return this.#directory.uncleanHolder
  }

  bounds(): Bounds {
    return {
      head: markOf(this.#head),
      trimmed: markOf(this.#trimmed),
      earliest: this.#earliest && markOf(this.#earliest),
    }
  }

  /** Stores events in one transaction: when it returns, all of them are as safe as the durability says; if it throws, none is. */
  append(records: readonly RecordTuple[], storedAt: number): { positions: number[]; tags: number[] } {
    const { findKey, begin, commit } = this.#statements
    const keysSince = storedAt - this.#options.idempotencyMs
    const positions: number[] = []
    const tags: number[] = []
    let head = this.#head
    let isCommitting = false
    try {
      this.#assertInPlace()
      begin.run()
      for (const record of records) {
        const key = record[6]
        const known = key === undefined ? undefined : findKey.get(key, keysSince)
        if (!known) head = this.#insert(record, head, this.#tags.next(), storedAt)
        positions.push(known ? known[0] : head.position)
        tags.push(known ? known[1] : head.tag)
      }
      isCommitting = true
      commit.run()
    } catch (error) {
      this.#lastWrittenAt = undefined
      this.#recover()
      // Somebody else has written events: what this thread knows of the head is wrong. It ends, and the next one looks anew.
      if (isPositionTaken(error)) throw error
      // A commit whose sync failed is undone here; but if the machine stops before the next one, it may be found on the disk.
      const isUncertain = isCommitting && sqliteCodeOf(error) !== sqliteCode.full
      throw this.#writeError(
        isUncertain ? 'It is not certain that the event was not stored' : 'The event was not stored',
        error,
      )
    }
    if (head !== this.#head) {
      const first = positions.findIndex((position) => position > this.#head.position)
      this.#earliest ??= { position: positions[first]!, tag: tags[first]!, storedAt }
      this.#head = head
      this.#lastWrittenAt = storedAt
    }
    return { positions, tags }
  }

  /** Within a transaction. Gives the place of the event, which comes after the one given. */
  #insert(
    [topics, data, isPrivate, id, type, retryMs, key]: RecordTuple,
    last: Place,
    tag: number,
    storedAt: number,
  ): Place {
    const { insertEvent, insertTopic, insertKey } = this.#statements
    const position = last.position + 1
    const totalBytes = last.totalBytes + bytesOf(data, id, type, topics)
    const [topic, ...alternates] = typeof topics === 'string' ? [topics] : topics
    insertEvent.run(
      position,
      tag,
      storedAt,
      totalBytes,
      topic!,
      alternates.length > 0 ? JSON.stringify(alternates) : null,
      isPrivate ? 1 : 0,
      id ?? null,
      type ?? null,
      retryMs ?? null,
      data.includes('\0') ? Buffer.from(data) : data,
    )
    insertTopic.run(topic!, position)
    for (const alternate of alternates) insertTopic.run(alternate, position)
    if (key !== undefined) insertKey.run(key, position, tag, storedAt)
    return { position, tag, totalBytes }
  }

  /**
   * Finds out whether events can be stored, by writing something else as safely. One that was stored in the second before is answer
   * enough: then nothing is written.
   */
  check(at: number): void {
    if (this.#lastWrittenAt !== undefined && at >= this.#lastWrittenAt && at < this.#lastWrittenAt + 1000) return
    try {
      this.#assertInPlace()
      this.#statements.updateChecked.run(at)
      this.#lastWrittenAt = at
    } catch (error) {
      this.#lastWrittenAt = undefined
      this.#recover()
      throw this.#writeError('No event can be stored', error)
    }
  }

  read({ after, through, topics, maxEvents, maxBytes }: PageQuery): PageRows {
    const lost = this.#traces.after(after, topics && new Set(topics))
    const { rows, isWhole } = this.#page(this.#statements.forwards, after, through, topics, maxEvents, maxBytes)
    return { rows, through: isWhole ? through : rows.at(-1)![0], lost, bounds: this.bounds() }
  }

  readBack({ before, topics, maxEvents, maxBytes }: BackQuery): BackRows {
    const { rows, isWhole } = this.#page(this.#statements.backwards, 0, before - 1, topics, maxEvents, maxBytes)
    return { rows, from: isWhole ? 0 : rows.at(-1)![0] }
  }

  inspect(position: number): PositionState {
    if (position === 0) return { name: 'kept', tag: 0 }
    if (position > this.#head.position) return { name: 'ahead' }
    if (position <= this.#trimmed.position) {
      return { name: 'trimmed', tag: position === this.#trimmed.position ? this.#trimmed.tag : undefined }
    }
    const row = this.#statements.findTag.get(position)
    return row ? { name: 'kept', tag: row[0] } : { name: 'vacant' }
  }

  find(id: string): HistoryPosition | undefined {
    const row = this.#statements.findId.get(id)
    return row && { position: row[0], tag: row[1] }
  }

  /** Whether so much is past its bounds that it should go now. Somewhat more than the bounds is kept, so as to trim in lots. */
  isTrimDue(): boolean {
    const { maxEvents, maxBytes } = this.#options
    const events = this.#head.position - this.#trimmed.position
    const bytes = this.#head.totalBytes - this.#trimmed.totalBytes
    return (
      events > maxEvents + Math.min(maxEvents / 16, stepRows / 2) ||
      bytes > maxBytes + Math.min(maxBytes / 16, stepBytes)
    )
  }

  /**
   * Trims some of what is past its bounds by now. Gives what is left to do, if anything.
   *
   * Trimming is not made safe from power loss by itself, which would be a sync more: the next append does that, for both. Until
   * then a power loss brings the trimmed events back, and they are trimmed again.
   */
  trimStep(at: number): { hasTrimmed: boolean; isDone: boolean } {
    const expired = this.#expired(at)
    const last = expired.events.at(-1)
    const keysBefore = at - this.#options.idempotencyMs
    const { begin, commit, deleteKeys } = this.#statements
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      begin.run()
      if (last) this.#drop(expired.events, last)
      const { changes } = deleteKeys.run(keysBefore, stepRows)
      commit.run()
      if (last) {
        this.#trimmed = { position: last.position, tag: last.tag, totalBytes: last.totalBytes }
        this.#earliest = this.#loadEarliest()
      }
      return { hasTrimmed: last !== undefined, isDone: expired.isAll && Number(changes) < stepRows }
    } catch (error) {
      this.#recover()
      this.#traces = this.#loadTraces(this.#loadHistory().forgottenPosition)
      throw error
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${synchronousFor[this.#options.durability]}`)
    }
  }

  /** Whether a step would find something to do. Costs next to nothing. */
  hasExpired(at: number): boolean {
    const { maxAgeMs, maxEvents, maxBytes, idempotencyMs } = this.#options
    return (
      (this.#earliest !== undefined && this.#earliest.storedAt <= at - maxAgeMs) ||
      this.#head.position - this.#trimmed.position > maxEvents ||
      this.#head.totalBytes - this.#trimmed.totalBytes > maxBytes ||
      this.#statements.findExpiredKey.get(at - idempotencyMs) !== undefined
    )
  }

  close(): void {
    this.#directory.close()
  }

  #loadHistory(): { epoch: string; trimmed: Place; forgottenPosition: number } {
    const [epoch, position, tag, totalBytes, forgottenPosition] = this.#statements.selectHistory.get()!
    return { epoch, trimmed: { position, tag, totalBytes }, forgottenPosition }
  }

  #loadHead(): Place | undefined {
    const row = this.#statements.selectHead.get()
    return row && { position: row[0], tag: row[1], totalBytes: row[2] }
  }

  #loadEarliest(): (HistoryPosition & { readonly storedAt: number }) | undefined {
    const row = this.#statements.selectEarliest.get()
    return row && { position: row[0], tag: row[1], storedAt: row[2] }
  }

  #loadTraces(forgottenPosition: number): Tombstones {
    const traces = new Tombstones(forgottenPosition)
    for (const [position, topics, isPrivate] of this.#statements.selectTraces.iterate()) {
      traces.add({ position, topics: JSON.parse(topics) as string[], isPrivate: isPrivate === 1 })
    }
    return traces
  }

  /** Removed or replaced while open (a restored backup, a cleaned-up directory): what goes there is lost at the next start. */
  #assertInPlace(): void {
    if (this.#directory.isInPlace()) return
    throw new Error(
      `the database in ${this.#options.directory} was moved, removed or replaced while the hub had it open. Stop the hub, see ` +
        'to the directory, and start it again',
    )
  }

  #writeError(doing: string, error: unknown): HubError {
    const failure = storeFailure(doing, error, this.#options.directory)
    return new HubError(failure.code, failure.message, { cause: error })
  }

  /** Makes the connection as good as new after an error. */
  #recover(): void {
    // After some errors SQLite has rolled back by itself.
    if (this.#database.isTransaction) this.#statements.rollback.run()
    // A statement that failed while it was iterated would report that failure once more when it is next used.
    this.#statements = prepareStatements(this.#database)
  }

  /** The events after one position and up to another, in the direction of the statements, as many as a page takes. */
  #page(
    direction: Direction,
    after: number,
    through: number,
    topics: readonly string[] | undefined,
    maxEvents: number,
    maxBytes: number,
  ): { rows: EventRow[]; isWhole: boolean } {
    const rows: EventRow[] = []
    let bytes = 0
    try {
      for (const row of this.#rows(direction, after, through, topics, maxEvents)) {
        rows.push(row)
        bytes += bytesOfRow(row)
        if (rows.length >= maxEvents || bytes >= maxBytes) return { rows, isWhole: false }
      }
    } catch (error) {
      this.#recover()
      throw error
    }
    return { rows, isWhole: true }
  }

  #rows(
    direction: Direction,
    after: number,
    through: number,
    topics: readonly string[] | undefined,
    maxEvents: number,
  ): Iterable<EventRow> {
    if (!topics) return direction.selectAll.iterate(after, through)
    if (topics.length === 1) return direction.selectTopic.iterate(topics[0]!, after, through)
    return this.#rowsOfTopics(direction, after, through, topics, maxEvents)
  }

  /** Merges the topics' positions, so that only as many are looked at as are read. */
  *#rowsOfTopics(
    direction: Direction,
    after: number,
    through: number,
    topics: readonly string[],
    maxEvents: number,
  ): Generator<EventRow> {
    const chunk = Math.max(8, Math.ceil((2 * Math.min(maxEvents, 1000)) / topics.length))
    const cursors = topics.map((topic) => new TopicCursor(direction, topic, after, through, chunk))
    for (;;) {
      let next: number | undefined
      for (const { position } of cursors) {
        if (position !== undefined && (next === undefined || direction.isBefore(position, next))) next = position
      }
      if (next === undefined) return
      // An event with several of the topics is next in several cursors.
      for (const cursor of cursors) if (cursor.position === next) cursor.advance()
      yield this.#statements.selectEvent.get(next)!
    }
  }

  /** The oldest events that retention no longer keeps, as many as one step takes. */
  #expired(at: number): { events: ExpiredEvent[]; isAll: boolean } {
    const { maxAgeMs, maxEvents, maxBytes } = this.#options
    const events: ExpiredEvent[] = []
    let { totalBytes: bytesBefore } = this.#trimmed
    const stepLimit = bytesBefore + stepBytes
    let rows = 0
    for (const row of this.#statements.selectOldest.iterate()) {
      const [position, tag, storedAt, totalBytes, topic, alternates, isPrivate] = row
      const isKept =
        this.#head.position - position < maxEvents &&
        this.#head.totalBytes - bytesBefore <= maxBytes &&
        storedAt > at - maxAgeMs
      if (isKept) return { events, isAll: true }
      if (rows >= stepRows || bytesBefore >= stepLimit) return { events, isAll: false }
      const topics = topicsOf(topic, alternates)
      events.push({ position, tag, totalBytes, topics, isPrivate: isPrivate === 1 })
      rows += 1 + topics.length
      bytesBefore = totalBytes
    }
    return { events, isAll: true }
  }

  /** Within a transaction. */
  #drop(events: readonly ExpiredEvent[], last: ExpiredEvent): void {
    const { deleteEvents, deleteTopic, saveTrace, deleteTrace, updateHistory } = this.#statements
    const traces = new Map<string, ExpiredEvent>()
    for (const event of events) {
      for (const topic of event.topics) deleteTopic.run(topic, event.position)
      const key = JSON.stringify(event.topics)
      traces.delete(`${event.isPrivate} ${key}`)
      traces.set(`${event.isPrivate} ${key}`, event)
    }
    deleteEvents.run(last.position)
    for (const { position, topics, isPrivate } of traces.values()) {
      saveTrace.run(JSON.stringify(topics), isPrivate ? 1 : 0, position)
      for (const forgotten of this.#traces.add({ position, topics, isPrivate })) {
        deleteTrace.run(JSON.stringify(forgotten.topics), forgotten.isPrivate ? 1 : 0)
      }
    }
    updateHistory.run(last.position, last.tag, last.totalBytes, this.#traces.forgottenPosition)
  }
}

interface ExpiredEvent extends Place {
  readonly topics: readonly string[]
  readonly isPrivate: boolean
}

type OldestRow = [
  position: number,
  tag: number,
  storedAt: number,
  totalBytes: number,
  topic: string,
  alternates: string | null,
  isPrivate: number,
]

/** Goes through the positions of one topic, some at a time. */
class TopicCursor {
  readonly #direction: Direction
  readonly #topic: string
  readonly #chunk: number
  /** What is not yet fetched. */
  #after: number
  #through: number
  #positions: readonly [position: number][] = []
  #index = 0

  constructor(direction: Direction, topic: string, after: number, through: number, chunk: number) {
    this.#direction = direction
    this.#topic = topic
    this.#after = after
    this.#through = through
    this.#chunk = chunk
    this.#fetch()
  }

  /** Of the next event; `undefined` after the last. */
  get position(): number | undefined {
    return this.#positions[this.#index]?.[0]
  }

  advance(): void {
    this.#index += 1
    if (this.#index === this.#positions.length && this.#positions.length === this.#chunk) this.#fetch()
  }

  #fetch(): void {
    const { selectPositions, isBackwards } = this.#direction
    this.#positions = selectPositions.all(this.#topic, this.#after, this.#through, this.#chunk)
    this.#index = 0
    const last = this.#positions.at(-1)
    if (last && isBackwards) this.#through = last[0] - 1
    else if (last) this.#after = last[0]
  }
}

/** A statement whose rows come as arrays: half the cost of objects. */
interface Query<Row extends readonly unknown[]> {
  get(...parameters: SQLInputValue[]): Row | undefined
  all(...parameters: SQLInputValue[]): Row[]
  iterate(...parameters: SQLInputValue[]): Iterable<Row>
  run(...parameters: SQLInputValue[]): { changes: number | bigint }
}

const eventColumns =
  'event.position, event.tag, event.topic, event.alternates, event.is_private, event.id, event.type, event.retry_ms, event.data'

type Prepare = <Row extends readonly unknown[] = never>(sql: string) => Query<Row>

function prepareStatements(database: DatabaseSync) {
  const prepare: Prepare = <Row extends readonly unknown[]>(sql: string) => {
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    return statement as unknown as Query<Row>
  }
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    insertHistory: prepare('INSERT OR IGNORE INTO history VALUES (1, ?, ?, NULL, 0, 0, 0, 0)'),
    selectHistory: prepare<
      [epoch: string, position: number, tag: number, totalBytes: number, forgottenPosition: number]
    >('SELECT epoch, trimmed_position, trimmed_tag, trimmed_bytes, forgotten_position FROM history'),
    updateChecked: prepare('UPDATE history SET checked_at = ?'),
    updateHistory: prepare(
      'UPDATE history SET trimmed_position = ?, trimmed_tag = ?, trimmed_bytes = ?, forgotten_position = ?',
    ),
    insertEvent: prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    insertTopic: prepare('INSERT OR IGNORE INTO event_topic VALUES (?, ?)'),
    findKey: prepare<[position: number, tag: number]>(
      'SELECT position, tag FROM idempotency WHERE key = ? AND stored_at > ?',
    ),
    insertKey: prepare('INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)'),
    selectHead: prepare<[position: number, tag: number, totalBytes: number]>(
      'SELECT position, tag, total_bytes FROM event ORDER BY position DESC LIMIT 1',
    ),
    selectEarliest: prepare<[position: number, tag: number, storedAt: number]>(
      'SELECT position, tag, stored_at FROM event ORDER BY position LIMIT 1',
    ),
    forwards: prepareDirection(prepare, 'ASC'),
    backwards: prepareDirection(prepare, 'DESC'),
    selectEvent: prepare<EventRow>(`SELECT ${eventColumns} FROM event WHERE position = ?`),
    findTag: prepare<[tag: number]>('SELECT tag FROM event WHERE position = ?'),
    findId: prepare<[position: number, tag: number]>(
      'SELECT position, tag FROM event WHERE id = ? ORDER BY position LIMIT 1',
    ),
    selectOldest: prepare<OldestRow>(
      'SELECT position, tag, stored_at, total_bytes, topic, alternates, is_private FROM event ORDER BY position',
    ),
    deleteEvents: prepare('DELETE FROM event WHERE position <= ?'),
    deleteTopic: prepare('DELETE FROM event_topic WHERE topic = ? AND position = ?'),
    selectTraces: prepare<[position: number, topics: string, isPrivate: number]>(
      'SELECT position, topics, is_private FROM trace ORDER BY position',
    ),
    saveTrace: prepare('INSERT OR REPLACE INTO trace (topics, is_private, position) VALUES (?, ?, ?)'),
    deleteTrace: prepare('DELETE FROM trace WHERE topics = ? AND is_private = ?'),
    findExpiredKey: prepare('SELECT 1 FROM idempotency WHERE stored_at <= ? LIMIT 1'),
    deleteKeys: prepare(
      'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE stored_at <= ? ORDER BY stored_at LIMIT ?)',
    ),
  }
}

/** How to read in one direction. Its statements take what the positions are to be after, and up to which. */
type Direction = ReturnType<typeof prepareDirection>

function prepareDirection(prepare: Prepare, order: 'ASC' | 'DESC') {
  const isBackwards = order === 'DESC'
  return {
    isBackwards,
    isBefore: (one: number, other: number) => (isBackwards ? one > other : one < other),
    selectAll: prepare<EventRow>(
      `SELECT ${eventColumns} FROM event WHERE position > ? AND position <= ? ORDER BY position ${order}`,
    ),
    // CROSS JOIN has SQLite go by the topic's positions, whatever else seems cheaper to it.
    selectTopic: prepare<EventRow>(
      `SELECT ${eventColumns} FROM event_topic CROSS JOIN event ON event.position = event_topic.position
      WHERE event_topic.topic = ? AND event_topic.position > ? AND event_topic.position <= ?
      ORDER BY event_topic.position ${order}`,
    ),
    selectPositions: prepare<[position: number]>(
      `SELECT position FROM event_topic WHERE topic = ? AND position > ? AND position <= ? ORDER BY position ${order} LIMIT ?`,
    ),
  }
}

/** As `storedBytes` counts, of the parts. */
function bytesOf(
  data: string | Uint8Array,
  id: string | null | undefined,
  type: string | null | undefined,
  topics: string | readonly string[],
): number {
  let bytes = 200 + (typeof data === 'string' ? Buffer.byteLength(data) : data.length)
  if (id) bytes += Buffer.byteLength(id)
  if (type) bytes += Buffer.byteLength(type)
  if (typeof topics === 'string') return bytes + Buffer.byteLength(topics)
  for (const topic of topics) bytes += Buffer.byteLength(topic)
  return bytes
}

function bytesOfRow([, , topic, alternates, , id, type, , data]: EventRow): number {
  return bytesOf(data, id, type, alternates === null ? topic : topicsOf(topic, alternates))
}

function markOf({ position, tag }: HistoryPosition): HistoryPosition {
  return { position, tag }
}
