import type { Connection, Query } from './connection.ts'
import { eventColumns, isIntact, ordinalOf, topicsOf } from './event-row.ts'
import type { CheckedRow } from './event-tuples.ts'
import { isDamage } from './failure.ts'
import { type Extent, ordinalAt } from './place.ts'

/** About the most rows (of events and topics) and bytes of one step: appends may wait for it. */
const stepRows = 256
const stepBytes = 256 * 1024

/**
 * Compares the index of topics with the events, once after each start, from the newest event back.
 * An entry that is missing in the index would hide its event from whoever reads that topic, and
 * nothing in the events that are found would show it. So the index is used once all of it was
 * compared, and only if nothing was missing: one entry in a wrong place misleads searches for others
 * as well. What is stored from now on is in the index.
 */
export class IndexCheck {
  readonly #connection: Connection
  readonly #extent: () => Extent
  readonly #selectBack: Query<CheckedRow>
  readonly #selectEntries: Query<[topic: string, position: number]>
  /** Everything after this position was compared. */
  #low: number
  /** The number of events up to there, by the events after it. */
  #ordinal: number
  #isDone = false
  #isTrusted = true
  #newestDamage = 0

  constructor(connection: Connection, extent: () => Extent) {
    this.#connection = connection
    this.#extent = extent
    this.#selectBack = connection.prepare(
      `SELECT ${eventColumns} FROM event WHERE position > ? AND position <= ? ORDER BY position DESC`,
    )
    // The topic is selected as it stands there: SQLite goes by the order of the entries, and takes one
    // with another topic in between for one of the topic.
    this.#selectEntries = connection.prepare(
      "SELECT topic || '', position FROM event_topic WHERE topic = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
    )
    const { head } = extent()
    this.#low = head.position
    this.#ordinal = ordinalAt(head)
  }

  /** The newest position that was found to be damaged, or 0. */
  get newestDamage(): number {
    return this.#newestDamage
  }

  get isTrusted(): boolean {
    return this.#isTrusted
  }

  /** Whether the index finds all events after a position, and all of them are intact. */
  covers(after: number): boolean {
    return this.#isDone && this.#isTrusted && this.#newestDamage <= after
  }

  /** The index misses events. From now on it is not used. */
  distrust(): void {
    this.#isTrusted = false
    this.#isDone = true
  }

  /** Compares some more. Returns whether that was all. */
  step(): boolean {
    if (this.#isDone) return true
    try {
      this.#compare()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.recover()
      this.distrust()
    }
    return this.#isDone
  }

  #compare(): void {
    const { trimmed } = this.#extent()
    const high = this.#low
    const byTopic = new Map<string, number[]>()
    let rows = 0
    let bytes = 0
    for (const row of this.#selectBack.iterate(trimmed.position, high)) {
      bytes += String(row[8]).length
      rows += 1 + this.#look(row, byTopic)
      if (rows >= stepRows || bytes >= stepBytes) break
    }
    const isLast = rows < stepRows && bytes < stepBytes
    if (isLast) {
      this.#isDone = true
      if (high > trimmed.position && this.#ordinal !== ordinalAt(trimmed)) this.#noteDamage(this.#low)
      this.#low = trimmed.position
    }
    for (const [topic, positions] of byTopic) {
      const found = this.#selectEntries.all(topic, this.#low, high, positions.length + 1)
      const isSame =
        found.length === positions.length &&
        found.every(([name, position], index) => name === topic && position === positions.at(-1 - index))
      if (!isSame) this.distrust()
    }
  }

  /** Returns the number of its topics. */
  #look(row: CheckedRow, byTopic: Map<string, number[]>): number {
    const position = row[0]
    if (!isIntact(row)) {
      this.#noteDamage(this.#low)
      this.#low = Math.min(this.#low, position - 1)
      return 0
    }
    if (position > this.#low) {
      this.#noteDamage(position)
      return 0
    }
    if (ordinalOf(row) !== this.#ordinal) this.#noteDamage(this.#low)
    this.#low = position - 1
    this.#ordinal = ordinalOf(row) - 1
    const topics = topicsOf(row[2], row[3])
    for (const topic of topics) {
      const positions = byTopic.get(topic)
      if (positions) positions.push(position)
      else byTopic.set(topic, [position])
    }
    return topics.length
  }

  #noteDamage(position: number): void {
    this.#newestDamage = Math.max(this.#newestDamage, position)
  }
}
