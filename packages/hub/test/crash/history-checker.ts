import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crashEvent } from './crash-events.ts'

/** An event that its publisher was told is stored. */
export interface Acknowledged {
  readonly publisher: number
  readonly number: number
  readonly position: number
  readonly tag: number
}

export interface CheckerOptions {
  readonly directory: string
  /** The store's retention. */
  readonly maxEvents: number
  /** How many there are, and from which on they append by threes. */
  readonly publishers: number
  readonly firstOfThrees: number
}

interface Row {
  position: number
  tag: number
  topic: string
  alternates: string | null
  is_private: number
  id: string | null
  type: string | null
  data: string
}

/**
 * Counts what is in a history, with SQL of its own and nothing of the store's code, on a copy of the files: so the next store
 * finds them as the killed one left them. It remembers what it has seen, and nothing of that may ever change.
 */
export class HistoryChecker {
  readonly #directory: string
  readonly #maxEvents: number
  readonly #firstOfThrees: number
  /** By publisher and number: told twice, to one that tried again, it is still one event. */
  readonly #acknowledged = new Map<string, Acknowledged>()
  /** The place of every event ever seen, by publisher and number. */
  readonly #seen = new Map<string, string>()
  /** The next number of each publisher. */
  readonly #next: number[]
  #head = 0
  #trimmed = 0

  constructor({ directory, maxEvents, publishers, firstOfThrees }: CheckerOptions) {
    this.#directory = directory
    this.#maxEvents = maxEvents
    this.#firstOfThrees = firstOfThrees
    this.#next = Array.from({ length: publishers }, () => 0)
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  /** How many events were stored, acknowledged or not. */
  get storedCount(): number {
    return this.#head
  }

  get trimmedCount(): number {
    return this.#trimmed
  }

  acknowledge(event: Acknowledged): void {
    const name = `${event.publisher}:${event.number}`
    const before = this.#acknowledged.get(name)
    if (before && (before.position !== event.position || before.tag !== event.tag)) {
      throw new Error(`${name} was acknowledged twice, and not as the same: ${JSON.stringify([before, event])}`)
    }
    this.#acknowledged.set(name, event)
  }

  /** From which number on each publisher has to try again: the first that is not acknowledged, or of three the first. */
  nextNumbers(): number[] {
    const next = this.#next.map(() => 0)
    for (const { publisher, number } of this.#acknowledged.values())
      next[publisher] = Math.max(next[publisher]!, number + 1)
    return next.map((number, publisher) => (publisher < this.#firstOfThrees ? number : number - (number % 3)))
  }

  /** Gives everything that is wrong with the history, a line each. */
  check(): string[] {
    const copy = mkdtempSync(join(tmpdir(), 'headwater-check-'))
    try {
      cpSync(this.#directory, copy, { recursive: true })
      const database = new DatabaseSync(join(copy, 'headwater.db'))
      try {
        return this.#check(database)
      } finally {
        database.close()
      }
    } finally {
      rmSync(copy, { recursive: true })
    }
  }

  #check(database: DatabaseSync): string[] {
    const wrong: string[] = []
    const { integrity_check } = database.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
    if (integrity_check !== 'ok') wrong.push(`integrity: ${integrity_check}`)
    // Killed before it was made: then nothing may have been acknowledged.
    const hasTables = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'event'").get() !== undefined
    if (!hasTables) return this.#acknowledged.size === 0 ? wrong : [...wrong, 'the history is gone']

    const rows = database.prepare('SELECT * FROM event ORDER BY position').all() as unknown as Row[]
    const history = database.prepare('SELECT trimmed_position AS trimmed FROM history').get() as
      | { trimmed: number }
      | undefined
    const trimmed = history?.trimmed ?? 0
    const head = rows.at(-1)?.position ?? trimmed

    if (head < this.#head) wrong.push(`the head went back from ${this.#head} to ${head}`)
    if (trimmed < this.#trimmed) wrong.push(`trimmed events came back: ${this.#trimmed}, now ${trimmed}`)
    if (trimmed > 0 && head - trimmed < this.#maxEvents)
      wrong.push(`${head - trimmed} kept, of at least ${this.#maxEvents}`)
    this.#noteTrimmed(trimmed)
    this.#checkRows(rows, trimmed, wrong)
    this.#checkTopics(database, rows, wrong)

    const byPosition = new Map(rows.map((row) => [row.position, row]))
    for (const { publisher, number, position, tag } of this.#acknowledged.values()) {
      const place = this.#seen.get(`${publisher}:${number}`)
      if (place !== undefined && place !== `${position} ${tag}`) {
        wrong.push(`${publisher}:${number} was acknowledged at ${position} ${tag} and is at ${place}`)
      }
      if (position <= trimmed) continue
      const row = byPosition.get(position)
      if (row?.tag !== tag || !row.data.startsWith(`${publisher}:${number}:`)) {
        wrong.push(`${publisher}:${number} was acknowledged at ${position} ${tag}; there is ${JSON.stringify(row)}`)
      }
    }
    this.#head = Math.max(this.#head, head)
    this.#trimmed = trimmed
    return wrong
  }

  /** Events that were stored and trimmed between two checks are known from their acknowledgements. */
  #noteTrimmed(trimmed: number): void {
    for (const { publisher, number, position, tag } of this.#acknowledged.values()) {
      const name = `${publisher}:${number}`
      if (position > trimmed || this.#seen.has(name)) continue
      this.#seen.set(name, `${position} ${tag}`)
      this.#next[publisher] = Math.max(this.#next[publisher]!, number + 1)
    }
  }

  #checkRows(rows: readonly Row[], trimmed: number, wrong: string[]): void {
    for (const [index, row] of rows.entries()) {
      const { position, tag, topic, alternates, is_private, id, type, data } = row
      if (position !== trimmed + 1 + index) wrong.push(`position ${position} where ${trimmed + 1 + index} was to be`)
      const [publisher, number] = data.split(':', 2).map(Number) as [number, number]
      const expected = crashEvent(publisher, number)
      const topics = alternates === null ? [topic] : [topic, ...(JSON.parse(alternates) as string[])]
      const isWhole =
        data === expected.data &&
        topics.join() === expected.topics.join() &&
        (is_private === 1) === expected.isPrivate &&
        (id ?? undefined) === expected.id &&
        (type ?? undefined) === expected.type
      if (!isWhole) wrong.push(`the event at ${position} is not whole: ${JSON.stringify(row)}`)

      const name = `${publisher}:${number}`
      const place = this.#seen.get(name)
      if (place === undefined) {
        if (number !== this.#next[publisher])
          wrong.push(`${name} at ${position}, where ${this.#next[publisher]} was next`)
        this.#next[publisher] = number + 1
        this.#seen.set(name, `${position} ${tag}`)
      } else if (place !== `${position} ${tag}`) wrong.push(`${name} is at ${place} and at ${position} ${tag}`)
    }
    for (const [publisher, next] of this.#next.entries()) {
      if (publisher >= this.#firstOfThrees && next % 3 !== 0)
        wrong.push(`${next % 3} of three of publisher ${publisher} are stored`)
    }
  }

  #checkTopics(database: DatabaseSync, rows: readonly Row[], wrong: string[]): void {
    const listed = database.prepare('SELECT topic, position FROM event_topic').all() as {
      topic: string
      position: number
    }[]
    const expected = new Set<string>()
    for (const { topic, alternates, position } of rows) {
      expected.add(`${position} ${topic}`)
      for (const alternate of alternates === null ? [] : (JSON.parse(alternates) as string[]))
        expected.add(`${position} ${alternate}`)
    }
    for (const { topic, position } of listed) {
      if (!expected.delete(`${position} ${topic}`)) wrong.push(`topic ${topic} lists ${position}, which is not of it`)
    }
    for (const missing of expected) wrong.push(`not listed by its topic: ${missing}`)
  }
}
