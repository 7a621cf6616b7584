import { bytesOf, type Retention } from '../retention.ts'
import { type Bounds, type HistoryPosition, markOf, type PositionState } from '../store.ts'
import { Tombstones } from '../tombstones.ts'
import type { Connection, Query } from './connection.ts'
import { type RecordTuple, topicsOf } from './event-row.ts'
import { HistoryPages, type Page, type PageRange } from './history-pages.ts'

/** A place in the history, with totals of the history up to it. */
interface Place extends HistoryPosition {
  readonly totalBytes: number
  /** The number of positions up to it that no event ever had. */
  readonly holes: number
}

/** The retention; `Infinity` where there is no bound. */
type Bounded = { readonly [Bound in keyof Retention]-?: number }

/** Stores an event at its sequencer's mark, after all others. In {@link HistoryLog.write}. */
export type Insert = (record: RecordTuple, mark: HistoryPosition) => void

/** About the most rows (of events and topics) and bytes of one step: appends may wait for it. */
const stepRows = 1024
const stepBytes = 4 * 1024 ** 2

/**
 * The events of a history, in its database. It does not assign positions: a sequencer does, in this thread or elsewhere, and
 * may leave holes. Everything is synchronous: one thread, one connection, one thing after another, so that each read sees one moment.
 */
export class HistoryLog {
  readonly epoch: string
  readonly #connection: Connection
  readonly #retention: Bounded
  readonly #statements: ReturnType<typeof prepareStatements>
  readonly #pages: HistoryPages
  #head: Place
  #trimmed: Place
  #earliest: (HistoryPosition & { readonly storedAt: number }) | undefined
  #tombstones: Tombstones
  /** Everything up to this mark is to be trimmed, regardless of the retention. */
  #asked: HistoryPosition | undefined

  /** @param newEpoch The epoch of the history if it is a new one. */
  constructor(connection: Connection, retention: Bounded, newEpoch: string) {
    this.#connection = connection
    this.#retention = retention
    this.#statements = prepareStatements(connection)
    this.#pages = new HistoryPages(connection)
    this.#statements.insertHistory.run(newEpoch, Date.now())
    const { epoch, trimmed, forgottenPosition } = this.#loadHistory()
    this.epoch = epoch
    this.#trimmed = trimmed
    this.#head = this.#loadHead() ?? trimmed
    this.#earliest = this.#loadEarliest()
    this.#tombstones = this.#loadTombstones(forgottenPosition)
  }

  get head(): HistoryPosition {
    return this.#head
  }

  bounds(): Bounds {
    return {
      head: markOf(this.#head),
      trimmed: markOf(this.#trimmed),
      earliest: this.#earliest && markOf(this.#earliest),
      count: eventsBetween(this.#trimmed, this.#head),
    }
  }

  /**
   * Stores events in one transaction: when it returns, all of them are as safe as the durability says; if it throws, none is.
   *
   * @throws UncertainCommit
   */
  write(storedAt: number, body: (insert: Insert) => void): void {
    let head = this.#head
    let earliest = this.#earliest
    this.#connection.transaction(() =>
      body((record, mark) => {
        head = this.#insert(record, mark, head, storedAt)
        earliest ??= { ...mark, storedAt }
      }),
    )
    this.#head = head
    this.#earliest = earliest
  }

  /** Finds out whether the store can write, by writing something other than an event as safely. */
  check(at: number): void {
    this.#connection.transaction(() => this.#statements.updateChecked.run(at))
  }

  read(range: PageRange): Page {
    return this.#pages.read(range)
  }

  readBack(range: PageRange): Page {
    return this.#pages.readBack(range)
  }

  /** The tombstones after a position, of events with one of these topics; `undefined` for any. */
  lost(after: number, topics: readonly string[] | undefined) {
    return this.#tombstones.after(after, topics && new Set(topics))
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

  /** Whether a trim is due. Slightly more than the bounds is kept, so as to trim in batches. */
  isTrimDue(): boolean {
    const { maxEvents, maxBytes } = this.#retention
    const bytes = this.#head.totalBytes - this.#trimmed.totalBytes
    return (
      eventsBetween(this.#trimmed, this.#head) > maxEvents + Math.min(maxEvents / 16, stepRows / 2) ||
      bytes > maxBytes + Math.min(maxBytes / 16, stepBytes)
    )
  }

  /** Whether a step would find something to trim. Costs next to nothing. */
  hasExpired(at: number): boolean {
    const { maxAgeMs, maxEvents, maxBytes } = this.#retention
    return (
      (this.#earliest !== undefined && this.#earliest.storedAt <= at - maxAgeMs) ||
      eventsBetween(this.#trimmed, this.#head) > maxEvents ||
      this.#head.totalBytes - this.#trimmed.totalBytes > maxBytes
    )
  }

  /**
   * Makes the steps that follow trim everything up to a mark, regardless of the retention. If it is after the head, the history missed
   * events: it continues after the mark, and the topics of those events are not known.
   */
  askToTrim(through: HistoryPosition): void {
    if (through.position > (this.#asked ?? this.#trimmed).position) this.#asked = through
  }

  /**
   * Trims some of what is past its bounds by now. Returns whether that was all.
   *
   * Trimming alone is not safe from a power loss, as that would cost another sync: the next append syncs both. Until
   * then a power loss brings the trimmed events back, and they are trimmed again.
   */
  trimStep(at: number): { hasTrimmed: boolean; isDone: boolean } {
    const { events, isAll } = this.#expired(at)
    const missed = isAll && this.#asked && this.#asked.position > this.#head.position ? this.#asked : undefined
    const trimmed = missed ? this.#placeOfMissed(missed) : events.at(-1)
    if (trimmed) {
      try {
        this.#connection.transactionWithoutSync(() => this.#drop(events, trimmed, missed !== undefined))
      } catch (error) {
        this.#tombstones = this.#loadTombstones(this.#loadHistory().forgottenPosition)
        throw error
      }
      this.#trimmed = placeOf(trimmed)
      if (missed) this.#head = this.#trimmed
      this.#earliest = this.#loadEarliest()
    }
    if (isAll) this.#asked = undefined
    return { hasTrimmed: trimmed !== undefined, isDone: isAll }
  }

  /**
   * Drops everything after a mark, which is an event that is kept, or the newest trimmed one: the sequencer no longer has what came
   * after it.
   */
  dropAfter({ position }: HistoryPosition): void {
    const { selectAfter, deleteTopic, deleteAfter } = this.#statements
    this.#connection.transaction(() => {
      for (const [dropped, topic, alternates] of selectAfter.all(position)) {
        for (const each of topicsOf(topic, alternates)) deleteTopic.run(each, dropped)
      }
      deleteAfter.run(position)
    })
    this.#head = this.#loadHead() ?? this.#trimmed
    this.#earliest = this.#loadEarliest()
  }

  /** Within a transaction. Returns the place of the event. */
  #insert(
    [topics, data, isPrivate, id, type, retryMs]: RecordTuple,
    { position, tag }: HistoryPosition,
    last: Place,
    storedAt: number,
  ): Place {
    const { insertEvent, insertTopic } = this.#statements
    const totalBytes = last.totalBytes + bytesOf(data, id, type, topics)
    const holes = last.holes + (position - last.position - 1)
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
      holes,
    )
    insertTopic.run(topic!, position)
    for (const alternate of alternates) insertTopic.run(alternate, position)
    return { position, tag, totalBytes, holes }
  }

  /** The oldest events that are no longer to be kept, as many as one step trims. */
  #expired(at: number): { events: ExpiredEvent[]; isAll: boolean } {
    const { maxAgeMs, maxEvents, maxBytes } = this.#retention
    const events: ExpiredEvent[] = []
    let before = this.#trimmed
    const stepLimit = before.totalBytes + stepBytes
    let rows = 0
    for (const row of this.#statements.selectOldest.iterate()) {
      const [position, tag, storedAt, totalBytes, holes, topic, alternates, isPrivate] = row
      const isKept =
        eventsBetween(before, this.#head) <= maxEvents &&
        this.#head.totalBytes - before.totalBytes <= maxBytes &&
        storedAt > at - maxAgeMs &&
        !(this.#asked && position <= this.#asked.position)
      if (isKept) return { events, isAll: true }
      if (rows >= stepRows || before.totalBytes >= stepLimit) return { events, isAll: false }
      const topics = topicsOf(topic, alternates)
      before = { position, tag, totalBytes, holes }
      events.push({ ...before, topics, isPrivate: isPrivate === 1 })
      rows += 1 + topics.length
    }
    return { events, isAll: true }
  }

  /** The place of events that were trimmed elsewhere and never arrived: each counts as a hole. */
  #placeOfMissed({ position, tag }: HistoryPosition): Place {
    const { totalBytes, holes } = this.#head
    return { position, tag, totalBytes, holes: holes + (position - this.#head.position) }
  }

  /** Within a transaction. */
  #drop(events: readonly ExpiredEvent[], trimmed: Place, hasMissed: boolean): void {
    const { deleteEvents, deleteTopic, saveTrace, deleteTrace, deleteTraces, updateHistory } = this.#statements
    const newest = new Map<string, ExpiredEvent>()
    for (const event of events) {
      for (const topic of event.topics) deleteTopic.run(topic, event.position)
      const key = `${event.isPrivate} ${JSON.stringify(event.topics)}`
      newest.delete(key)
      newest.set(key, event)
    }
    deleteEvents.run(trimmed.position)
    if (hasMissed) {
      deleteTraces.run()
      this.#tombstones = new Tombstones(trimmed.position)
    } else {
      for (const { position, topics, isPrivate } of newest.values()) {
        saveTrace.run(JSON.stringify(topics), isPrivate ? 1 : 0, position)
        for (const forgotten of this.#tombstones.add({ position, topics, isPrivate })) {
          deleteTrace.run(JSON.stringify(forgotten.topics), forgotten.isPrivate ? 1 : 0)
        }
      }
    }
    const { position, tag, totalBytes, holes } = trimmed
    updateHistory.run(position, tag, totalBytes, holes, this.#tombstones.forgottenPosition)
  }

  #loadHistory(): { epoch: string; trimmed: Place; forgottenPosition: number } {
    const [epoch, position, tag, totalBytes, holes, forgottenPosition] = this.#statements.selectHistory.get()!
    return { epoch, trimmed: { position, tag, totalBytes, holes }, forgottenPosition }
  }

  #loadHead(): Place | undefined {
    const row = this.#statements.selectHead.get()
    return row && { position: row[0], tag: row[1], totalBytes: row[2], holes: row[3] }
  }

  #loadEarliest(): (HistoryPosition & { readonly storedAt: number }) | undefined {
    const row = this.#statements.selectEarliest.get()
    return row && { position: row[0], tag: row[1], storedAt: row[2] }
  }

  #loadTombstones(forgottenPosition: number): Tombstones {
    const tombstones = new Tombstones(forgottenPosition)
    for (const [position, topics, isPrivate] of this.#statements.selectTraces.iterate()) {
      tombstones.add({ position, topics: JSON.parse(topics) as string[], isPrivate: isPrivate === 1 })
    }
    return tombstones
  }
}

interface ExpiredEvent extends Place {
  readonly topics: readonly string[]
  readonly isPrivate: boolean
}

function prepareStatements(connection: Connection) {
  const prepare: Prepare = (sql) => connection.prepare(sql)
  return {
    insertHistory: prepare(
      `INSERT OR IGNORE INTO history
        (only_row, epoch, created_at, trimmed_position, trimmed_tag, trimmed_bytes, forgotten_position)
      VALUES (1, ?, ?, 0, 0, 0, 0)`,
    ),
    selectHistory: prepare<
      [epoch: string, position: number, tag: number, totalBytes: number, holes: number, forgottenPosition: number]
    >('SELECT epoch, trimmed_position, trimmed_tag, trimmed_bytes, trimmed_holes, forgotten_position FROM history'),
    updateChecked: prepare('UPDATE history SET checked_at = ?'),
    updateHistory: prepare(
      'UPDATE history SET trimmed_position = ?, trimmed_tag = ?, trimmed_bytes = ?, trimmed_holes = ?, forgotten_position = ?',
    ),
    insertEvent: prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    insertTopic: prepare('INSERT OR IGNORE INTO event_topic VALUES (?, ?)'),
    selectHead: prepare<[position: number, tag: number, totalBytes: number, holes: number]>(
      'SELECT position, tag, total_bytes, holes FROM event ORDER BY position DESC LIMIT 1',
    ),
    selectEarliest: prepare<[position: number, tag: number, storedAt: number]>(
      'SELECT position, tag, stored_at FROM event ORDER BY position LIMIT 1',
    ),
    findTag: prepare<[tag: number]>('SELECT tag FROM event WHERE position = ?'),
    findId: prepare<[position: number, tag: number]>(
      'SELECT position, tag FROM event WHERE id = ? ORDER BY position LIMIT 1',
    ),
    selectOldest: prepare<
      [
        position: number,
        tag: number,
        storedAt: number,
        totalBytes: number,
        holes: number,
        topic: string,
        alternates: string | null,
        isPrivate: number,
      ]
    >(
      'SELECT position, tag, stored_at, total_bytes, holes, topic, alternates, is_private FROM event ORDER BY position',
    ),
    deleteEvents: prepare('DELETE FROM event WHERE position <= ?'),
    selectAfter: prepare<[position: number, topic: string, alternates: string | null]>(
      'SELECT position, topic, alternates FROM event WHERE position > ?',
    ),
    deleteAfter: prepare('DELETE FROM event WHERE position > ?'),
    deleteTopic: prepare('DELETE FROM event_topic WHERE topic = ? AND position = ?'),
    selectTraces: prepare<[position: number, topics: string, isPrivate: number]>(
      'SELECT position, topics, is_private FROM trace ORDER BY position',
    ),
    saveTrace: prepare('INSERT OR REPLACE INTO trace (topics, is_private, position) VALUES (?, ?, ?)'),
    deleteTrace: prepare('DELETE FROM trace WHERE topics = ? AND is_private = ?'),
    deleteTraces: prepare('DELETE FROM trace'),
  }
}

type Prepare = <Row extends readonly unknown[] = never>(sql: string) => Query<Row>

/** The number of events after one place, up to another. */
function eventsBetween(from: Place, to: Place): number {
  return to.position - to.holes - (from.position - from.holes)
}

function placeOf({ position, tag, totalBytes, holes }: Place): Place {
  return { position, tag, totalBytes, holes }
}
