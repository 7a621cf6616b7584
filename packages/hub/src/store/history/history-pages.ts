import type { Connection, Query } from './connection.ts'
import { bytesOfRow, eventColumns, isIntact, toEventRow, topicsOf } from './event-row.ts'
import type { CheckedRow, EventRow } from './event-tuples.ts'
import { DamagedEvent, isDamage } from './failure.ts'
import { HistoryScan } from './history-scan.ts'
import { IndexCheck } from './index-check.ts'
import type { Page, PageRange } from './page.ts'
import type { Extent } from './place.ts'

/**
 * Reads events from a history, a page at a time, in either direction. Reading forwards misses
 * nothing silently. Reading backwards leaves out what is damaged: whoever reads on from there is
 * told.
 */
export class HistoryPages {
  readonly #connection: Connection
  readonly #extent: () => Extent
  readonly #scan: HistoryScan
  readonly #check: IndexCheck
  readonly #forwards: Direction
  readonly #backwards: Direction
  readonly #selectEvent: Query<CheckedRow>
  #newestDamage = 0

  constructor(connection: Connection, extent: () => Extent) {
    this.#connection = connection
    this.#extent = extent
    this.#scan = new HistoryScan(connection, extent)
    this.#check = new IndexCheck(connection, extent)
    this.#forwards = prepareDirection(connection, 'ASC')
    this.#backwards = prepareDirection(connection, 'DESC')
    this.#selectEvent = connection.prepare<CheckedRow>(`SELECT ${eventColumns} FROM event WHERE position = ?`)
  }

  read(range: PageRange): Page {
    const { topics, after } = range
    if (topics && this.#check.covers(after)) {
      try {
        return this.#readTopics(range, topics)
      } catch (error) {
        if (!isDamage(error)) throw error
        this.#connection.recover()
        this.#check.distrust()
      }
    }
    const page = this.#scan.read(range)
    this.#newestDamage = Math.max(this.#newestDamage, page.damaged?.position ?? 0)
    return page
  }

  readBack({ after, through, topics, maxEvents, maxBytes }: PageRange): Page {
    const rows: EventRow[] = []
    let bytes = 0
    try {
      for (const row of this.#rows(this.#backwards, after, through, topics, maxEvents)) {
        if (!row || !isIntact(row)) continue
        rows.push(toEventRow(row))
        bytes += bytesOfRow(rows.at(-1)!)
        if (rows.length >= maxEvents || bytes >= maxBytes) return { rows, reach: rows.at(-1)![0], damaged: undefined }
      }
    } catch (error) {
      this.#connection.recover()
      if (!isDamage(error)) throw error
    }
    return { rows, reach: after, damaged: undefined }
  }

  /** The event at a position, whether intact or not. */
  at(position: number): { readonly tag: number | undefined } | undefined {
    try {
      const row = this.#selectEvent.get(position)
      if (row && isIntact(row)) return { tag: row[1] }
      return row || this.#scan.isMissing(position) || this.#isAfterDamage(position) ? { tag: undefined } : undefined
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.recover()
      return { tag: undefined }
    }
  }

  /** See {@link IndexCheck.step}. */
  checkStep(): boolean {
    return this.#check.step()
  }

  /** What was found to be damaged so far, in words; `undefined` if nothing was. */
  get damage(): string | undefined {
    const newest = Math.max(this.#newestDamage, this.#check.newestDamage)
    if (newest > 0) {
      return `events up to position ${newest} are damaged or missing: subscribers that resume before it are told of a gap`
    }
    if (this.#check.isTrusted) return undefined
    return 'the index of topics is damaged: reading the events of a topic takes longer, as all events are read'
  }

  /** Whether the event before a position is damaged: then the position may be where a gap ended. */
  #isAfterDamage(position: number): boolean {
    for (const row of this.#backwards.selectAll.iterate(0, position - 1)) return !isIntact(row)
    return false
  }

  #readTopics({ after, through, topics, maxEvents, maxBytes }: PageRange, selected: readonly string[]): Page {
    const rows: EventRow[] = []
    let bytes = 0
    let last = Math.max(after, this.#extent().trimmed.position)
    for (const row of this.#rows(this.#forwards, last, through, topics, maxEvents)) {
      if (!row || !isIntact(row) || row[0] <= last || !hasTopic(row, selected)) {
        throw new DamagedEvent(`the index of topics leads to something else after position ${last}`)
      }
      last = row[0]
      rows.push(toEventRow(row))
      bytes += bytesOfRow(rows.at(-1)!)
      if (rows.length >= maxEvents || bytes >= maxBytes) return { rows, reach: last, damaged: undefined }
    }
    return { rows, reach: through, damaged: undefined }
  }

  /** `undefined` for an event that is in the index and nowhere else. */
  *#rows(
    direction: Direction,
    after: number,
    through: number,
    topics: readonly string[] | undefined,
    maxEvents: number,
  ): Generator<CheckedRow | undefined> {
    if (!topics) yield* direction.selectAll.iterate(after, through)
    else if (topics.length > 1) yield* this.#rowsOfTopics(direction, after, through, topics, maxEvents)
    else {
      for (const row of direction.selectTopic.iterate(topics[0]!, after, through)) {
        yield row[0] === null ? undefined : (row as CheckedRow)
      }
    }
  }

  /** Merges the positions of the topics, so that only as many events are looked up as are read. */
  *#rowsOfTopics(
    direction: Direction,
    after: number,
    through: number,
    topics: readonly string[],
    maxEvents: number,
  ): Generator<CheckedRow | undefined> {
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
      yield this.#selectEvent.get(next)
    }
  }
}

function hasTopic(row: CheckedRow, selected: readonly string[]): boolean {
  if (row[3] === null) return selected.includes(row[2])
  return topicsOf(row[2], row[3]).some((topic) => selected.includes(topic))
}

/** The statements to read in one direction. Their range is after one position and up to another. */
type Direction = ReturnType<typeof prepareDirection>

function prepareDirection(connection: Connection, order: 'ASC' | 'DESC') {
  const isBackwards = order === 'DESC'
  return {
    isBackwards,
    isBefore: (one: number, other: number) => (isBackwards ? one > other : one < other),
    selectAll: connection.prepare<CheckedRow>(
      `SELECT ${eventColumns} FROM event WHERE position > ? AND position <= ? ORDER BY position ${order}`,
    ),
    // An event that is missing is a row without values. The join also makes SQLite search by the
    // positions of the topic, even if another plan seems cheaper to it.
    selectTopic: connection.prepare<CheckedRow | [position: null]>(
      `SELECT ${eventColumns} FROM event_topic LEFT JOIN event ON event.position = event_topic.position
      WHERE event_topic.topic = ? AND event_topic.position > ? AND event_topic.position <= ?
      ORDER BY event_topic.position ${order}`,
    ),
    selectPositions: connection.prepare<[position: number]>(
      `SELECT position FROM event_topic WHERE topic = ? AND position > ? AND position <= ? ORDER BY position ${order} LIMIT ?`,
    ),
  }
}

/** Iterates over the positions of one topic, some at a time. */
class TopicCursor {
  readonly #direction: Direction
  readonly #topic: string
  readonly #chunk: number
  /** The range that is not yet fetched. */
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

  /** The position of the next event; `undefined` after the last. */
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
