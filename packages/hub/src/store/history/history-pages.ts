import type { Connection, Query } from './connection.ts'
import { bytesOfRow, type EventRow, eventColumns } from './event-row.ts'

/**
 * Selects the events of a page: those after one position and up to another, with at least one of
 * the topics.
 */
export interface PageRange {
  readonly after: number
  readonly through: number
  /** `undefined` for all. */
  readonly topics: readonly string[] | undefined
  readonly maxEvents: number
  readonly maxBytes: number
}

export interface Page {
  readonly rows: readonly EventRow[]
  /** Whether these are all events of the range; if not, there may be more after the last. */
  readonly isWhole: boolean
}

/** Reads events from a history, a page at a time, in either direction. */
export class HistoryPages {
  readonly #connection: Connection
  readonly #forwards: Direction
  readonly #backwards: Direction
  readonly #selectEvent: Query<EventRow>

  constructor(connection: Connection) {
    this.#connection = connection
    this.#forwards = prepareDirection(connection, 'ASC')
    this.#backwards = prepareDirection(connection, 'DESC')
    this.#selectEvent = connection.prepare<EventRow>(`SELECT ${eventColumns} FROM event WHERE position = ?`)
  }

  read(range: PageRange): Page {
    return this.#page(this.#forwards, range)
  }

  readBack(range: PageRange): Page {
    return this.#page(this.#backwards, range)
  }

  #page(direction: Direction, range: PageRange): Page {
    const rows: EventRow[] = []
    let bytes = 0
    try {
      for (const row of this.#rows(direction, range)) {
        rows.push(row)
        bytes += bytesOfRow(row)
        if (rows.length >= range.maxEvents || bytes >= range.maxBytes) return { rows, isWhole: false }
      }
    } catch (error) {
      this.#connection.recover()
      throw error
    }
    return { rows, isWhole: true }
  }

  #rows(direction: Direction, range: PageRange): Iterable<EventRow> {
    const { after, through, topics, maxEvents } = range
    if (!topics) return direction.selectAll.iterate(after, through)
    if (topics.length === 1) return direction.selectTopic.iterate(topics[0]!, after, through)
    return this.#rowsOfTopics(direction, after, through, topics, maxEvents)
  }

  /** Merges the positions of the topics, so that only as many events are looked up as are read. */
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
      yield this.#selectEvent.get(next)!
    }
  }
}

/** The statements to read in one direction. Their range is after one position and up to another. */
type Direction = ReturnType<typeof prepareDirection>

function prepareDirection(connection: Connection, order: 'ASC' | 'DESC') {
  const isBackwards = order === 'DESC'
  return {
    isBackwards,
    isBefore: (one: number, other: number) => (isBackwards ? one > other : one < other),
    selectAll: connection.prepare<EventRow>(
      `SELECT ${eventColumns} FROM event WHERE position > ? AND position <= ? ORDER BY position ${order}`,
    ),
    // CROSS JOIN makes SQLite search by the positions of the topic, even if another plan seems
    // cheaper to it.
    selectTopic: connection.prepare<EventRow>(
      `SELECT ${eventColumns} FROM event_topic CROSS JOIN event ON event.position = event_topic.position
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
