import { AgeClock, StoredTimes } from '../event-age.ts'
import { bytesOf, type Retention } from '../retention.ts'
import { type Bounds, type HistoryPosition, markOf, type PositionState } from '../store.ts'
import { checksumOf, checksumOfValues } from './checksum.ts'
import type { Connection } from './connection.ts'
import { isIntact, ordinalOf, type RecordTuple, topicsOf } from './event-row.ts'
import type { CheckedFields, CheckedRow } from './event-tuples.ts'
import { DamagedEvent, isDamage } from './failure.ts'
import { HistoryPages } from './history-pages.ts'
import { prepareStatements } from './history-statements.ts'
import type { Page, PageRange } from './page.ts'
import { eventsBetween, ordinalAt, type Place, placeOf } from './place.ts'
import { Traces } from './traces.ts'

/** The retention; `Infinity` where there is no bound. */
type Bounded = { readonly [Bound in keyof Retention]-?: number }

/**
 * Stores an event at its sequencer's mark, after all others. In {@link HistoryLog.write}. `storedAt` is
 * for an event of a history that is restored: when it was first stored.
 */
export type Insert = (record: RecordTuple, mark: HistoryPosition, storedAt?: number) => void

/** What is known of a history apart from its database. */
export interface Known {
  /** The newest event that was acknowledged. */
  readonly acknowledged?: HistoryPosition | undefined
  /** The time when the history was last in use, by its `AgeClock`. */
  readonly time?: number | undefined
}

/** A stretch of the history that was stored, and is not there. */
export interface Loss {
  /** The newest event that is there. */
  readonly after: number
  /** The newest event that was acknowledged. */
  readonly through: number
}

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
  #pages: HistoryPages
  readonly #clock: AgeClock
  #times: StoredTimes
  /** What the database lacked of what was acknowledged when it was opened. */
  readonly loss: Loss | undefined
  #head: Place
  #trimmed: Place
  #earliest: (HistoryPosition & { readonly storedAt: number }) | undefined
  #traces: Traces
  /** Everything up to this mark is to be trimmed, regardless of the retention. */
  #asked: HistoryPosition | undefined

  /**
   * @param newEpoch The epoch of the history if it is a new one.
   * @param knownOf Returns what is known of the history with an epoch.
   */
  constructor(connection: Connection, retention: Bounded, newEpoch: string, knownOf: (epoch: string) => Known) {
    this.#connection = connection
    this.#retention = retention
    this.#statements = prepareStatements(connection)
    this.#statements.insertHistory.run(newEpoch, Date.now())
    const { epoch, trimmed, ...traces } = this.#loadHistory()
    this.epoch = epoch
    this.#trimmed = trimmed
    this.#traces = this.#loadTraces(traces)
    if (!traces.isChecked) this.#saveHistory(trimmed)
    const { acknowledged, time } = knownOf(epoch)
    const newest = this.#loadNewest()
    this.#head = headOf(newest, trimmed, acknowledged)
    this.loss = lossOf(newest.intact ?? trimmed, acknowledged)
    const newestAt = newest.intact?.storedAt
    this.#times = new StoredTimes(this.#loadClockSteps(), newestAt)
    this.#clock = new AgeClock(time ?? newestAt)
    this.#earliest = this.#loadEarliest()
    this.#pages = this.#openPages()
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
    let first: (HistoryPosition & { readonly storedAt: number }) | undefined
    /** When the last event was stored: a group has one time, unless it is of a history that is restored. */
    let lastAt: number | undefined
    const after = this.#times.copy()
    this.#connection.transaction(() => {
      body((record, mark, at = storedAt) => {
        head = this.#insert(record, mark, head, at)
        first ??= { ...mark, storedAt: at }
        if (at === lastAt) return
        lastAt = at
        if (after.isStep(at)) this.#saveClockStep(mark.position, at)
        after.add(mark.position, at)
      })
    })
    if (!first) return
    this.#head = head
    this.#earliest ??= first
    this.#times = after
  }

  /** The time by which events age; `at` is what the clock says. */
  timeAt(at: number): number {
    return this.#clock.now(at)
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
    return this.#traces.after(after, topics && new Set(topics))
  }

  inspect(position: number): PositionState {
    if (position === 0) return { name: 'kept', tag: 0 }
    if (position > this.#head.position) return { name: 'ahead' }
    if (position <= this.#trimmed.position) {
      return { name: 'trimmed', tag: position === this.#trimmed.position ? this.#trimmed.tag : undefined }
    }
    const event = this.#pages.at(position)
    if (!event) return { name: 'vacant' }
    return event.tag === undefined ? { name: 'damaged' } : { name: 'kept', tag: event.tag }
  }

  find(id: string): HistoryPosition | undefined {
    const row = this.#statements.findId.get(id)
    return row && isIntact(row) && row[5] === id ? { position: row[0], tag: row[1] } : undefined
  }

  /**
   * Compares some more of the index of topics with the events. Returns whether that was all; see
   * `IndexCheck`.
   */
  checkStep(): boolean {
    return this.#pages.checkStep()
  }

  /** What was found to be damaged so far, in words for an operator; `undefined` if nothing was. */
  get damage(): string | undefined {
    return this.#pages.damage
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

  /**
   * Whether a step would find something to trim, at a time of {@link timeAt}. Costs next to
   * nothing.
   */
  hasExpired(at: number): boolean {
    const { maxAgeMs, maxEvents, maxBytes } = this.#retention
    return (
      (this.#earliest !== undefined && this.#isTooOld(this.#earliest, at - maxAgeMs)) ||
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
   * Trims some of what is past its bounds at a time of {@link timeAt}. Returns whether that was
   * all.
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
        this.#traces = this.#loadTraces(this.#loadHistory())
        throw error
      }
      this.#trimmed = placeOf(trimmed)
      this.#times.forget(trimmed.position)
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
    this.#head = headOf(this.#loadNewest(), this.#trimmed, undefined)
    this.#earliest = this.#loadEarliest()
    // What it has checked so far may be what was dropped.
    this.#pages = this.#openPages()
  }

  #openPages(): HistoryPages {
    return new HistoryPages(this.#connection, () => ({ head: this.#head, trimmed: this.#trimmed }))
  }

  /** Within a transaction. Returns the place of the event. */
  #insert(
    [topics, data, isPrivate, id, type, retryMs, traceContext]: RecordTuple,
    { position, tag }: HistoryPosition,
    last: Place,
    storedAt: number,
  ): Place {
    const { insertEvent, insertTopic } = this.#statements
    const totalBytes = last.totalBytes + bytesOf(data, id, type, topics)
    const holes = last.holes + (position - last.position - 1)
    const [topic, ...more] = typeof topics === 'string' ? [topics] : topics
    const alternates = more.length > 0 ? JSON.stringify(more) : null
    const row = [
      position,
      tag,
      topic!,
      alternates,
      isPrivate ? 1 : 0,
      id ?? null,
      type ?? null,
      retryMs ?? null,
      data.includes('\0') ? Buffer.from(data) : data,
      storedAt,
      traceContext ?? null,
      totalBytes,
      holes,
      0,
    ] as [...CheckedFields, checksum: number]
    row[13] = checksumOf(row)
    insertEvent.run(...row)
    insertTopic.run(topic!, position)
    for (const alternate of more) insertTopic.run(alternate, position)
    return { position, tag, totalBytes, holes }
  }

  /** Within a transaction. */
  #saveClockStep(position: number, storedAt: number): void {
    this.#statements.deleteLaterSteps.run(storedAt)
    this.#statements.insertStep.run(position, storedAt)
  }

  #isTooOld(event: { readonly position: number; readonly storedAt: number }, tooOld: number): boolean {
    return this.#times.latest(event.position, event.storedAt) <= tooOld
  }

  /** The oldest events that are no longer to be kept, as many as one step trims. */
  #expired(at: number): { events: ExpiredEvent[]; isAll: boolean } {
    const { maxAgeMs, maxEvents, maxBytes } = this.#retention
    const events: ExpiredEvent[] = []
    let before = this.#trimmed
    const stepLimit = before.totalBytes + stepBytes
    let rows = 0
    for (const row of this.#statements.selectOldest.iterate()) {
      // It goes with the next one that is intact: only that says where it was.
      if (!isIntact(row)) continue
      const event = toExpired(row, before)
      const isKept =
        eventsBetween(before, this.#head) <= maxEvents &&
        this.#head.totalBytes - before.totalBytes <= maxBytes &&
        !this.#isTooOld(event, at - maxAgeMs) &&
        !(this.#asked && event.position <= this.#asked.position)
      if (isKept) return { events, isAll: true }
      if (rows >= stepRows || before.totalBytes >= stepLimit) return { events, isAll: false }
      before = placeOf(event)
      events.push(event)
      rows += 1 + event.topics.length
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
    const { deleteEvents, deleteTopic, deleteSteps } = this.#statements
    const newest = new Map<string, ExpiredEvent>()
    let unknownThrough = hasMissed ? trimmed.position : 0
    for (const event of events) {
      if (event.unknownBefore) unknownThrough = Math.max(unknownThrough, event.unknownBefore)
      for (const topic of event.topics) deleteTopic.run(topic, event.position)
      const key = `${event.isPrivate} ${JSON.stringify(event.topics)}`
      newest.delete(key)
      newest.set(key, event)
    }
    deleteEvents.run(trimmed.position)
    deleteSteps.run(trimmed.position + 1)
    if (unknownThrough > 0) this.#traces.forgetAll(unknownThrough)
    for (const { position, topics, isPrivate } of newest.values()) {
      if (position > unknownThrough) this.#traces.add({ position, topics, isPrivate })
    }
    this.#saveHistory(trimmed)
  }

  /** Within a transaction, or as one. */
  #saveHistory({ position, tag, totalBytes, holes }: Place): void {
    const { forgottenPosition, checksum } = this.#traces
    const values = [position, tag, totalBytes, holes, forgottenPosition, checksum] as const
    this.#statements.updateHistory.run(...values, checksumOfValues([this.epoch, ...values]))
  }

  /** @throws DamagedEvent Nothing else says where the history begins. */
  #loadHistory(): TraceSummary & { epoch: string; trimmed: Place; isChecked: boolean } {
    const row = this.#statements.selectHistory.get()!
    const [epoch, position, tag, totalBytes, holes, forgottenPosition, traceChecksum, checksum] = row
    if (checksum !== null && checksum !== checksumOfValues(row.slice(0, -1) as (string | number | null)[])) {
      throw new DamagedEvent('what it says of the history as a whole is not what was stored')
    }
    const isChecked = checksum !== null
    return { epoch, trimmed: { position, tag, totalBytes, holes }, forgottenPosition, traceChecksum, isChecked }
  }

  /**
   * The newest row, and the newest event that is intact.
   *
   * @throws DamagedEvent if there is none near the end
   */
  #loadNewest(): Newest {
    let row: CheckedRow | undefined
    let rows = 0
    for (const next of this.#statements.selectNewest.iterate()) {
      row ??= next
      if (isIntact(next)) {
        const [position, tag, , , , , , , , storedAt, , totalBytes, holes] = next
        return { row: { position: row[0], tag: row[1] }, intact: { position, tag, storedAt, totalBytes, holes } }
      }
      if (++rows === mostDamagedAtEnd) throw new DamagedEvent('none of its newest events is as it was stored')
    }
    return { row: row && { position: row[0], tag: row[1] }, intact: undefined }
  }

  #loadEarliest(): (HistoryPosition & { readonly storedAt: number }) | undefined {
    try {
      const row = this.#statements.selectEarliest.get()
      return row && { position: row[0], tag: row[1], storedAt: row[2] }
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.recover()
      return undefined
    }
  }

  #loadClockSteps() {
    return this.#statements.selectSteps.all().map(([position, storedAt]) => ({ position, storedAt }))
  }

  /** If a trace is damaged, all are forgotten: a gap may be reported too often, never too rarely. */
  #loadTraces({ forgottenPosition, traceChecksum }: TraceSummary): Traces {
    const traces = this.#readTraces(forgottenPosition)
    if (traces && (traceChecksum === null || traces.checksum === traceChecksum)) return traces
    const none = Traces.empty(this.#connection, this.#trimmed.position)
    try {
      this.#connection.transaction(() => none.forgetAll(this.#trimmed.position))
    } catch (error) {
      if (!isDamage(error)) throw error
    }
    return none
  }

  #readTraces(forgottenPosition: number): Traces | undefined {
    try {
      return Traces.load(this.#connection, forgottenPosition)
    } catch (error) {
      if (!isDamage(error) && !(error instanceof SyntaxError)) throw error
      this.#connection.recover()
      return undefined
    }
  }
}

interface TraceSummary {
  readonly forgottenPosition: number
  readonly traceChecksum: number | null
}

interface Newest {
  readonly row: HistoryPosition | undefined
  readonly intact: (Place & { readonly storedAt: number }) | undefined
}

/** If so many of the newest events are damaged, the store does not open. */
const mostDamagedAtEnd = 1000
/** A damaged event with a position that is this far ahead does not say where the history ends. */
const farthestDamage = 1_000_000

/**
 * The end of the history: positions are not used again, even if their events are lost. What is lost
 * counts as events, so that readers notice that they are missing.
 */
function headOf({ row, intact }: Newest, trimmed: Place, acknowledged: HistoryPosition | undefined): Place {
  const last = intact ?? trimmed
  let head: HistoryPosition = last
  if (acknowledged && acknowledged.position > head.position) head = acknowledged
  if (row && row.position > head.position) head = row
  if (!(head.position - last.position < farthestDamage || head === acknowledged)) {
    throw new DamagedEvent(`an event claims to have position ${head.position}`)
  }
  return { position: head.position, tag: head.tag, totalBytes: last.totalBytes, holes: last.holes }
}

function lossOf({ position }: Place, acknowledged: HistoryPosition | undefined): Loss | undefined {
  if (!acknowledged || acknowledged.position <= position) return undefined
  return { after: position, through: acknowledged.position }
}

interface ExpiredEvent extends Place {
  readonly storedAt: number
  readonly topics: readonly string[]
  readonly isPrivate: boolean
  /** Up to here, events are damaged or missing: whose they were is not known. 0 if none is. */
  readonly unknownBefore: number
}

/** `before` is the place of the event that was trimmed before it. */
function toExpired(row: CheckedRow, before: Place): ExpiredEvent {
  const [position, tag, topic, alternates, isPrivate, , , , , storedAt, , totalBytes, holes] = row
  const isNext = ordinalOf(row) === ordinalAt(before) + 1
  const topics = topicsOf(topic, alternates)
  const unknownBefore = isNext ? 0 : position - 1
  return { position, tag, totalBytes, holes, storedAt, topics, isPrivate: isPrivate === 1, unknownBefore }
}
