import { HubError } from '../base/errors.ts'
import { isIdTaken } from '../store/id-taken.ts'
import type { Append, EventStore, HistoryPosition, ReadQuery, StoredEvent } from '../store/store.ts'
import type { StreamTopics } from './stream-name.ts'
import {
  beginningId,
  isEnd,
  readRecord,
  reasonOf,
  type StreamEndKind,
  type StreamRecord,
  toEvent,
} from './stream-record.ts'

/** What the history says of a stream. */
export type StreamPlace =
  | { readonly name: 'none' }
  | { readonly name: 'open'; readonly last: StreamRecord }
  | {
      readonly name: 'ended'
      readonly last: StreamRecord
      readonly how: StreamEndKind
      readonly reason: string | undefined
    }
  /** It ended, and its retention is over. */
  | { readonly name: 'gone'; readonly last: StreamRecord }

/** The outcome of an append: stored, or another record was stored there before. */
export type AppendOutcome = { readonly name: 'stored' } | { readonly name: 'taken'; readonly by: StreamRecord }

const pageEvents = 1000
const pageBytes = 256 * 1024
const restMs = 2

/** The records of streams in the history of a store. */
export class StreamLog {
  readonly topics: StreamTopics
  readonly #store: EventStore
  readonly #reach: (position: number) => Promise<unknown>
  readonly #now: () => number
  /** The newest position that this hub stored. */
  #newest = 0

  /** `reach` resolves when the hub has seen the history up to a position. */
  constructor(
    store: EventStore,
    topics: StreamTopics,
    reach: (position: number) => Promise<unknown>,
    now: () => number = Date.now,
  ) {
    this.#store = store
    this.topics = topics
    this.#reach = reach
    this.#now = now
  }

  /** The most records that are stored together, all or none. */
  get maxTogether(): number {
    return this.#store.appendAll ? 256 : 1
  }

  /**
   * Appends records of one stream with consecutive numbers, all or none. If the first number is taken,
   * resolves to the record that has it: of the same writer, if an earlier attempt was stored after all.
   * Rejects as the store does.
   */
  async append(name: string, records: readonly StreamRecord[]): Promise<AppendOutcome> {
    const events = records.map((record) => toEvent(this.topics, name, record))
    try {
      if (events.length > 1 && this.#store.appendAll) {
        this.#keep(await this.#store.appendAll(events.map((event) => ({ event }))))
      } else for (const event of events) this.#keep([await this.#store.append(event)])
      return { name: 'stored' }
    } catch (error) {
      if (!isIdTaken(error)) throw error
      const by = await this.at(events[0]!.id!)
      if (by) return { name: 'taken', by }
      throw new HubError(
        'STREAM_GONE',
        `The stream ${JSON.stringify(name)} went on elsewhere, and the history no longer keeps how.`,
        { cause: error },
      )
    }
  }

  /** Appends records as another hub made them, in order: all or none, if the store can. Rejects as it does. */
  async appendForReplica(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    if (this.#store.appendAll) return await this.#store.appendAll(appends)
    const marks: HistoryPosition[] = []
    for (const each of appends) marks.push(await this.#store.append(each.event, each))
    return marks
  }

  /** The record with an ID, wherever it was stored; `undefined` if none is kept. */
  async at(id: string): Promise<StreamRecord | undefined> {
    const mark = await this.#store.find(id)
    if (!mark) return undefined
    await this.#reach(mark.position)
    const range = { after: mark.position - 1, through: mark.position, topics: undefined, maxEvents: 1, maxBytes: 1 }
    const { events } = await this.#store.read(range)
    return events[0] && readRecord(events[0])
  }

  /**
   * What the history says of a stream, with all that this hub stored. Of what other hubs store, the newest may be
   * missing, but not the beginning. Rejects as the store does.
   */
  async place(name: string): Promise<StreamPlace> {
    await this.#reach(this.#newest)
    const last = (await this.#last(name)) ?? (await this.#lastElsewhere(name))
    const record = last && readRecord(last)
    if (!record) return { name: 'none' }
    if (!isEnd(record.kind)) return { name: 'open', last: record }
    const { retentionMs } = record
    const isOver = retentionMs !== null && this.#now() - (last.storedAt ?? this.#now()) > retentionMs
    return isOver
      ? { name: 'gone', last: record }
      : { name: 'ended', last: record, how: record.kind, reason: reasonOf(record) }
  }

  /** The same, with all that any hub stored before the call: a store that learns of it from elsewhere asks. */
  async placeNow(name: string): Promise<StreamPlace> {
    await this.#store.inspect(Number.MAX_SAFE_INTEGER)
    const { head } = await this.#store.bounds()
    await this.#reach(head.position)
    return await this.place(name)
  }

  /** The history has lost its end, and with it perhaps what this hub stored last. */
  onDiverged(): void {
    this.#newest = 0
  }

  /** All kept records of a stream, page by page, up to what is stored now. */
  async *records(name: string): AsyncGenerator<StreamRecord> {
    const beginning = await this.beginningOf(name)
    for await (const event of this.#events(this.topics.of(name), beginning && beginning.position - 1)) {
      const record = readRecord(event)
      if (record) yield record
    }
  }

  /** Where a stream begins: a history that has just been opened is read as a whole. `undefined` if it is not kept. */
  async beginningOf(name: string): Promise<HistoryPosition | undefined> {
    const mark = await this.#store.find(beginningId(name))
    if (mark) await this.#reach(mark.position)
    return mark
  }

  /**
   * The names of the streams that are not over, as far as the history keeps their beginnings: those that began last
   * come first. Rests between pages, as other readers wait for the same store.
   */
  async *openNames(): AsyncGenerator<string> {
    const seen = new Set<string>()
    for await (const event of this.#eventsBack(this.topics.registry)) {
      const record = readRecord(event)
      const name = this.topics.nameOf(event.topics[0])
      if (!record || name === undefined || seen.has(name)) continue
      seen.add(name)
      if (!isEnd(record.kind)) yield name
    }
  }

  #keep(marks: readonly HistoryPosition[]): void {
    for (const { position } of marks) this.#newest = Math.max(this.#newest, position)
  }

  async #last(name: string): Promise<StoredEvent | undefined> {
    const topics = new Set([this.topics.of(name)])
    const { head } = await this.#store.bounds()
    if (this.#store.readBack) {
      const query = { before: head.position + 1, topics, maxEvents: 1, maxBytes: 1 }
      return (await this.#store.readBack(query)).events[0]
    }
    let last: StoredEvent | undefined
    for await (const event of this.#events(this.topics.of(name))) last = event
    return last
  }

  /** A stream may have begun in another process a moment ago: its reader must not be told that there is none. */
  async #lastElsewhere(name: string): Promise<StoredEvent | undefined> {
    return (await this.beginningOf(name)) && (await this.#last(name))
  }

  async *#eventsBack(topic: string): AsyncGenerator<StoredEvent> {
    if (!this.#store.readBack) {
      const events: StoredEvent[] = []
      for await (const event of this.#events(topic)) events.push(event)
      yield* events.toReversed()
      return
    }
    const topics = new Set([topic])
    const { head } = await this.#store.bounds()
    for (let before = head.position + 1; before > 1; ) {
      const { events, from } = await this.#store.readBack({
        before,
        topics,
        maxEvents: pageEvents,
        maxBytes: pageBytes,
      })
      yield* events
      before = from
      if (before > 1) await new Promise((resolve) => setTimeout(resolve, restMs))
    }
  }

  async *#events(topic: string, from = 0): AsyncGenerator<StoredEvent> {
    const topics = new Set([topic])
    const { head, trimmed } = await this.#store.bounds()
    for (let after = Math.max(trimmed.position, from); after < head.position; ) {
      const query: ReadQuery = { after, through: head.position, topics, maxEvents: pageEvents, maxBytes: pageBytes }
      const { events, through } = await this.#store.read(query)
      yield* events
      after = through
      // A memory store answers at once.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
