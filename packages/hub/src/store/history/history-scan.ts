import type { HistoryPosition } from '../store.ts'
import type { Connection, Query } from './connection.ts'
import { bytesOfRow, eventColumns, isIntact, ordinalOf, toEventRow, topicsOf } from './event-row.ts'
import type { CheckedRow, EventRow } from './event-tuples.ts'
import { isDamage } from './failure.ts'
import type { Page, PageRange } from './page.ts'
import { type Extent, ordinalAt } from './place.ts'

/** The most that one page looks at in search of its topics. */
const scanEvents = 2000
const scanBytes = 1024 ** 2

/**
 * Reads all events of a range, one after another, and misses none silently: each event is compared
 * with its checksum, and its number with that of the one before.
 */
export class HistoryScan {
  readonly #connection: Connection
  readonly #extent: () => Extent
  readonly #selectAll: Query<CheckedRow>
  readonly #selectFirst: Query<CheckedRow>
  readonly #selectPlace: Query<[position: number, holes: number]>
  readonly #selectNextPlace: Query<[position: number, holes: number]>

  constructor(connection: Connection, extent: () => Extent) {
    this.#connection = connection
    this.#extent = extent
    const inRange = `SELECT ${eventColumns} FROM event WHERE position > ? AND position <= ? ORDER BY position`
    this.#selectAll = connection.prepare(inRange)
    this.#selectFirst = connection.prepare(`${inRange} LIMIT 1`)
    const place = 'SELECT position, holes FROM event WHERE position'
    this.#selectPlace = connection.prepare(`${place} <= ? ORDER BY position DESC LIMIT 1`)
    this.#selectNextPlace = connection.prepare(`${place} > ? ORDER BY position LIMIT 1`)
  }

  read(range: PageRange): Page {
    const { through } = range
    const page = new ScanPage(range, this.#startAfter(range.after))
    let after = Math.max(range.after, this.#extent().trimmed.position)
    for (;;) {
      try {
        for (const row of this.#selectAll.iterate(after, through)) if (page.add(row)) return page.end()
        return page.endAt(through, this.#eventsUpTo(through))
      } catch (error) {
        if (!isDamage(error)) throw error
        this.#connection.recover()
        if (page.isDamagedNow()) return page.end()
        after = this.#findReadable(Math.max(after, page.last) + 1, through) - 1
        if (after >= through) return page.endAt(through, undefined)
      }
    }
  }

  /** Whether an event is missing at a position where there is none. */
  isMissing(position: number): boolean {
    try {
      return this.#startAfter(position).ordinal !== this.#eventsUpTo(position)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.recover()
      return true
    }
  }

  /** The number of events up to a position, by those that are there. */
  #startAfter(position: number): ScanStart {
    const { trimmed } = this.#extent()
    if (position <= trimmed.position) return { position: trimmed.position, ordinal: ordinalAt(trimmed) }
    const row = this.#selectPlace.get(position)
    if (!row) return { position, ordinal: ordinalAt(trimmed) }
    return { position, ordinal: row[0] <= position ? ordinalAt({ position: row[0], holes: row[1] }) : misled }
  }

  /** The number of events up to a position, by those that follow. */
  #eventsUpTo(position: number): number {
    const { head } = this.#extent()
    const row = position < head.position ? this.#selectNextPlace.get(position) : undefined
    if (!row) return ordinalAt(head)
    return row[0] > position ? ordinalAt({ position: row[0], holes: row[1] }) - 1 : misled
  }

  /** The first position from which on events can be read; after `through` if there is none. */
  #findReadable(from: number, through: number): number {
    let low = from
    let high = from + 1
    for (let step = 1; high <= through && !this.#isReadable(high); step *= 2) {
      low = high
      high += step
    }
    if (high > through) {
      if (!this.#isReadable(through)) return through + 1
      high = through
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#isReadable(middle)) high = middle
      else low = middle
    }
    return high
  }

  #isReadable(position: number): boolean {
    try {
      this.#selectFirst.get(position - 1, this.#extent().head.position)
      return true
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.recover()
      return false
    }
  }
}

/**
 * The number of events up to a position if SQLite finds an event on the wrong side of it, because a
 * key in the tree above the events is damaged. No number is equal to it.
 */
const misled = Number.NaN

interface ScanStart {
  readonly position: number
  /** The number of events up to there. */
  readonly ordinal: number
}

/** A page while it is read. It ends before damage, or begins after it: nothing is in between. */
class ScanPage {
  readonly #range: PageRange
  readonly #topics: ReadonlySet<string> | undefined
  readonly #rows: EventRow[] = []
  #bytes = 0
  #scanned = 0
  #scannedBytes = 0
  #ordinal: number
  #last: number
  /** Whether something after the last intact event is damaged. */
  #isDamaged = false
  #damaged: HistoryPosition | undefined

  constructor(range: PageRange, { position, ordinal }: ScanStart) {
    this.#range = range
    this.#topics = range.topics && new Set(range.topics)
    this.#last = position
    this.#ordinal = ordinal
  }

  /** The position of the last intact event. */
  get last(): number {
    return this.#last
  }

  /** Adds the next row. Returns whether the page is full. */
  add(row: CheckedRow): boolean {
    const position = row[0]
    if (!isIntact(row) || position <= this.#last) {
      this.#isDamaged = true
      return this.#rows.length > 0
    }
    const ordinal = ordinalOf(row)
    if (position !== this.#last + 1 && ordinal !== this.#ordinal + 1) this.#isDamaged = true
    if (this.#isDamaged && this.#rows.length > 0) return true
    if (this.#isDamaged) this.#skipTo(position - 1)
    this.#last = position
    this.#ordinal = ordinal
    return this.#take(toEventRow(row))
  }

  #take(row: EventRow): boolean {
    const { maxEvents, maxBytes } = this.#range
    const bytes = bytesOfRow(row)
    this.#scanned++
    this.#scannedBytes += bytes
    if (!this.#topics || topicsOf(row[2], row[3]).some((topic) => this.#topics!.has(topic))) {
      this.#rows.push(row)
      this.#bytes += bytes
    }
    const isFull = this.#rows.length >= maxEvents || this.#bytes >= maxBytes
    return isFull || (this.#topics !== undefined && (this.#scanned >= scanEvents || this.#scannedBytes >= scanBytes))
  }

  /** What follows cannot be read. Returns whether the page ends here. */
  isDamagedNow(): boolean {
    this.#isDamaged = true
    return this.#rows.length > 0
  }

  #skipTo(position: number): void {
    this.#damaged = { position, tag: 0 }
    this.#isDamaged = false
  }

  /** The page up to the last intact event. */
  end(): Page {
    return { rows: this.#rows, reach: this.#last, damaged: this.#damaged }
  }

  /** The page up to the end of its range; `ordinal` is the number of events up to there. */
  endAt(through: number, ordinal: number | undefined): Page {
    if (this.#last < through && ordinal !== this.#ordinal) this.#isDamaged = true
    if (this.#isDamaged && this.#rows.length > 0) return this.end()
    if (this.#isDamaged) this.#skipTo(through)
    return { rows: this.#rows, reach: through, damaged: this.#damaged }
  }
}
