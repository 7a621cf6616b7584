import type { HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { shownPosition } from '../shown-positions.ts'
import type { Scheduler } from './scheduler.ts'
import type { TrueHistory } from './true-history.ts'

/** An event as its publisher made it. Its data begins with its number, by which it is known. */
export interface PublishedEvent {
  readonly number: number
  readonly topics: readonly string[]
  readonly data: string
  readonly isPrivate: boolean
  readonly id: string | undefined
  readonly type: string | undefined
  /** When the publisher first sent it, in the time of the simulation. */
  readonly sentAt: number
  /** Whether the hub has to refuse it. */
  readonly isFaulty: boolean
}

/** An event as a subscriber got it. */
export interface ReceivedEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/** What a subscriber is to have, said with nothing of the hub's code. */
export interface Wish {
  readonly selects: (topic: string) => boolean
  readonly rights: readonly string[]
}

/** A connection as the checker sees it. */
export interface Connection {
  /** The history that the hub at its other end has. */
  readonly history: TrueHistory
  /** What the client asked for: an ID, `earliest`, `-N`, or nothing. */
  readonly requested: string
  /** How far that hub had been told of the history when the request arrived. */
  readonly toldAtRequest: number
  /** Whether the hub knows of all that is stored at once. */
  readonly isLocal: boolean
  /** When the client saw that it was open. */
  readonly openedAt: number
  /** Whether whoever has everything is told the position, to have an ID before its first event. */
  readonly tellsPosition: boolean
}

export class Violation extends Error {
  override readonly name = 'Violation'
}

/** What was published, and what was said of it. */
export class Ledger {
  readonly #scheduler: Scheduler
  readonly #published = new Map<number, PublishedEvent>()
  readonly #acknowledged: { readonly number: number; readonly history: TrueHistory }[] = []
  violation: Violation | undefined

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  get eventCount(): number {
    return this.#published.size
  }

  event(number: number): PublishedEvent | undefined {
    return this.#published.get(number)
  }

  publish(event: PublishedEvent): void {
    this.#published.set(event.number, event)
  }

  /** Its publisher was told that it is stored, under this ID. */
  acknowledge(number: number, id: string, history: TrueHistory): void {
    const event = this.#published.get(number)!
    if (event.isFaulty) {
      this.fail(`event ${number} was acknowledged, and should have been refused`)
      return
    }
    const stored = history.events.filter((each) => numberOf(each.data) === number)
    if (stored.length !== 1) {
      this.fail(`event ${number} was acknowledged and is stored ${stored.length} times`)
      return
    }
    const expected = event.id ?? idOf(history.epoch, stored[0]!)
    if (id !== expected) {
      this.fail(`event ${number} was acknowledged as ${id}, and is ${expected}`)
      return
    }
    this.#acknowledged.push({ number, history })
  }

  /** It was refused, in a way that says it is not stored. */
  refuse(number: number, answer: string): void {
    if (!this.#published.get(number)!.isFaulty) this.fail(`event ${number} was refused: ${answer}`)
  }

  /** What is stored has to be what was published, once. */
  checkHistory(history: TrueHistory): void {
    const seen = new Set<number>()
    for (const { data } of history.events) {
      const number = numberOf(data)
      if (seen.has(number)) this.fail(`event ${number} is stored twice`)
      if (this.#published.get(number)?.isFaulty !== false) this.fail(`event ${number} should not be stored`)
      seen.add(number)
    }
    for (const { number, history: its } of this.#acknowledged) {
      if (its === history && !seen.has(number)) this.fail(`event ${number} was acknowledged and is not stored`)
    }
  }

  fail(what: string): void {
    this.violation ??= new Violation(what)
    this.#scheduler.note(`VIOLATION: ${what}`)
  }
}

/** How far a chain of connections has come: it has all up to here. */
interface Place extends HistoryPosition {
  readonly epoch: string
}

/**
 * Holds one subscriber's connections, one after the other, to the contract: each event that is stored, matching and authorised, exactly
 * once in the order of the history, except after a gap that is true.
 */
export class Chain {
  readonly #scheduler: Scheduler
  readonly #ledger: Ledger
  readonly #name: string
  readonly #wish: Wish
  /** `undefined` as long as the client has no ID. */
  #place: Place | undefined
  /** The last ID the client has; what it would ask for next. */
  #lastEventId = ''
  #connection: Connection | undefined
  /** Whether anything came on this connection. */
  #isFresh = true
  receivedCount = 0
  readonly gaps: string[] = []

  constructor(scheduler: Scheduler, ledger: Ledger, name: string, wish: Wish) {
    this.#scheduler = scheduler
    this.#ledger = ledger
    this.#name = name
    this.#wish = wish
  }

  /** What the client resumes from. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** A new connection is open. */
  open(connection: Connection): void {
    const { requested, history } = connection
    this.#scheduler.note(`${this.#name} is open, from ${requested || 'now'} on`)
    this.#connection = connection
    this.#isFresh = true
    if (this.#lastEventId !== '') {
      if (requested !== this.#lastEventId) this.#fail(`asks for ${requested}, and has ${this.#lastEventId}`)
    } else if (isPlace(requested)) {
      // It begins where somebody else was, or with an ID from nowhere.
      this.#lastEventId = requested
      const mark = markOf(requested, history)
      this.#place = mark ? { ...mark, epoch: history.epoch } : { epoch: '', position: 0, tag: 0 }
    }
  }

  receive({ type, data, lastEventId }: ReceivedEvent): void {
    const connection = this.#connection
    this.#scheduler.note(`${this.#name} receives ${type} ${lastEventId} ${data.slice(0, 60)}`)
    if (!connection) {
      this.#fail('got an event without a connection')
      return
    }
    if (type === 'headwater-gap') this.#takeGap(JSON.parse(data), lastEventId, connection)
    else if (type === shownPosition) this.#takePosition(lastEventId, connection)
    else this.#takeEvent({ type, data, lastEventId }, connection)
    this.#lastEventId = lastEventId
    this.#isFresh = false
  }

  /** What it lacks of a history; `undefined` if nothing. */
  lacks(history: TrueHistory): string | undefined {
    const place = this.#place
    if (!place) return this.#connection ? this.#lacksAtStart(this.#connection, history) : 'anything at all'
    const position = this.#placeIn(history)
    if (position === undefined) return `what came after ${JSON.stringify(place)}`
    const next = this.#next(history, position)
    return next && `event ${numberOf(next.data)} at ${next.position}, being at ${position}`
  }

  /** What a client lacks that was never given anything. */
  #lacksAtStart({ requested, openedAt, tellsPosition }: Connection, history: TrueHistory): string | undefined {
    if (tellsPosition) return 'a position'
    const isLive = requested === '' || requested === '-0'
    const first = this.#own(history, isLive ? 0 : history.trimmed).find(
      ({ data }) => !isLive || this.#ledger.event(numberOf(data))!.sentAt > openedAt,
    )
    return first && `event ${numberOf(first.data)}, and has nothing at all`
  }

  #takeEvent({ type, data, lastEventId }: ReceivedEvent, connection: Connection): void {
    const { history } = connection
    const number = numberOf(data)
    this.receivedCount++
    const event = history.events.find((each) => numberOf(each.data) === number)
    if (!event) {
      this.#fail(`got event ${number}, which is not stored`)
      return
    }
    const published = this.#ledger.event(number)!
    if (data !== published.data || type !== (published.type ?? 'message')) this.#fail(`got event ${number} garbled`)
    if (lastEventId !== (published.id ?? idOf(history.epoch, event))) {
      this.#fail(`got event ${number} with the ID ${lastEventId}`)
    }
    if (!published.topics.some(this.#wish.selects)) this.#fail(`got event ${number}, which it did not select`)
    if (published.isPrivate && !published.topics.some((topic) => this.#wish.rights.includes(topic))) {
      this.#fail(`got event ${number}, which is private`)
    }

    const before = this.#placeIn(history)
    if (before !== undefined) {
      const next = this.#next(history, before)
      if (event.position <= before) this.#fail(`got event ${number} again, or too late: it was at ${before}`)
      else if (next !== event) this.#fail(`got event ${number}, and not ${numberOf(next!.data)} before it`)
    } else if (!this.#place) this.#checkStart(connection, event.position, event.position - 1)
    else this.#fail(`got event ${number} without being told that its place is not in this history`)
    this.#place = { epoch: history.epoch, position: event.position, tag: event.tag }
  }

  #takePosition(lastEventId: string, connection: Connection): void {
    const { history } = connection
    const mark = markOf(lastEventId, history)
    if (!mark) {
      this.#fail(`was told the position ${lastEventId}, which is none`)
      return
    }
    const before = this.#placeIn(history)
    if (before !== undefined) {
      const next = this.#next(history, before)
      if (mark.position < before) this.#fail(`was told the position ${mark.position}, and is at ${before}`)
      if (next && next.position <= mark.position) {
        this.#fail(`was told the position ${mark.position}, and lacks event ${numberOf(next.data)} at ${next.position}`)
      }
    } else if (!this.#place) this.#checkStart(connection, mark.position, mark.position)
    else this.#fail('was told a position without being told that its place is not in this history')
    this.#place = { epoch: history.epoch, ...mark }
  }

  #takeGap(
    { reason, requested, earliest }: { reason: string; requested: string; earliest: string | null },
    lastEventId: string,
    connection: Connection,
  ): void {
    const { history } = connection
    const mark = markOf(lastEventId, history)
    this.gaps.push(reason)
    if (!mark) {
      this.#fail(`was told of a gap up to ${lastEventId}, which is no place`)
      return
    }
    if (earliest !== null && !markOf(earliest, history)) this.#fail(`was told that the earliest is ${earliest}`)
    const before = this.#placeIn(history)
    const asked = markOf(requested, history)
    if (reason === 'trimmed') {
      const from = before ?? 0
      const hasLost =
        history.forgotten > from || this.#own(history, from).some(({ position }) => position <= history.trimmed)
      if (!hasLost) this.#fail(`was told of a gap, being at ${from}, and nothing of its own is gone`)
    } else if (!this.#isFresh) this.#fail(`was told of a gap (${reason}) in the middle of a connection`)
    else if (requested !== connection.requested) this.#fail(`was told of a gap after ${requested}, and asked otherwise`)
    else if (reason === 'unknown') {
      // Publishers' IDs are forgotten with their events.
      const isKnown = asked !== undefined && (parseId(requested) !== undefined || asked.position > history.trimmed)
      if (isKnown) this.#fail(`was told that ${requested} is unknown, and it is event ${asked.position}`)
    } else if (reason === 'epoch') {
      const epoch = parseId(requested)?.epoch
      if (epoch === undefined || epoch === history.epoch) this.#fail(`was told that ${requested} is of another history`)
    } else if (reason === 'ahead') {
      if (asked || parseId(requested)?.epoch !== history.epoch) this.#fail(`was told that ${requested} is ahead`)
    } else this.#fail(`was told of a gap for the reason ${reason}`)
    // Otherwise what it has would follow once more.
    if (before !== undefined && mark.position < before) {
      this.#fail(`was told of a gap (${reason}) up to ${mark.position}, and is at ${before}`)
    }
    const kept = this.#own(history, 0).find(
      ({ position }) => position > history.trimmed && position > (before ?? 0) && position <= mark.position,
    )
    if (kept) this.#fail(`was told of a gap up to ${mark.position}, and event ${numberOf(kept.data)} in it is kept`)
    this.#place = { epoch: history.epoch, ...mark }
  }

  /**
   * The first thing that a client gets which has no place yet: an event or a position. It has all up to `through` from now on, and
   * was not given what is before `position`.
   */
  #checkStart(connection: Connection, position: number, through: number): void {
    const { history, requested, openedAt, toldAtRequest, isLocal } = connection
    const own = this.#own(history, 0)
    const skipped = own.filter((event) => event.position <= through)
    const isKept = (event: StoredEvent) => event.position > history.trimmed
    const last = /^-(\d+)$/.exec(requested)
    if (requested === 'earliest') {
      const missing = skipped.find(isKept)
      if (missing) this.#fail(`asked for all that is kept, and lacks event ${numberOf(missing.data)}`)
    } else if (last && Number(last[1]) > 0) {
      const count = Number(last[1])
      const given = own.filter((event) => event.position >= position)
      if (given.length < count && skipped.some(isKept)) {
        this.#fail(`asked for the last ${count} events, and got ${given.length}, beginning at ${position}`)
      }
      const known = given.filter((event) => event.position <= toldAtRequest)
      if (through < position && known.length > count) {
        this.#fail(`asked for the last ${count} events, and got ${known.length}`)
      }
    } else {
      const missing = skipped.find((event) => this.#ledger.event(numberOf(event.data))!.sentAt > openedAt)
      if (missing) this.#fail(`was open when event ${numberOf(missing.data)} was sent, and did not get it`)
      if (isLocal && position < toldAtRequest) this.#fail(`asked for what comes, and got ${position}, of before`)
    }
  }

  /**
   * Where the client is, if it is anywhere in this history. Of what is trimmed no store remembers the tags: whoever comes from a
   * history that was lost, so late that its position was given anew and trimmed since, is taken to come from this one.
   */
  #placeIn(history: TrueHistory): number | undefined {
    const place = this.#place
    if (place?.epoch !== history.epoch) return undefined
    return history.has(place) || place.position < history.trimmed ? place.position : undefined
  }

  #next(history: TrueHistory, after: number): StoredEvent | undefined {
    return this.#own(history, after)[0]
  }

  /** What it is to have of a history, after a position. */
  #own(history: TrueHistory, after: number): StoredEvent[] {
    return history.events.filter(
      ({ position, topics, isPrivate }) =>
        position > after &&
        topics.some(this.#wish.selects) &&
        (!isPrivate || topics.some((topic) => this.#wish.rights.includes(topic))),
    )
  }

  #fail(what: string): void {
    this.#ledger.fail(`${this.#name} ${what}`)
  }
}

/** The ID of an event's place, as the documentation says it is made. */
function idOf(epoch: string, { position, tag }: HistoryPosition): string {
  return position === 0 ? `${epoch}.0` : `${epoch}.${position.toString(36)}.${tag.toString(36)}`
}

function numberOf(data: string): number {
  return Number.parseInt(data, 10)
}

function isPlace(requested: string): boolean {
  return requested !== '' && requested !== 'earliest' && !/^-\d+$/.test(requested)
}

/** The place that an ID names, if it is one of this history. */
function markOf(id: string, history: TrueHistory): HistoryPosition | undefined {
  const parsed = parseId(id)
  if (parsed?.epoch === history.epoch) {
    const mark = history.markAt(parsed.position)
    return mark && idOf(history.epoch, mark) === id ? mark : undefined
  }
  const event = history.events.find((each) => each.id === id)
  return event && { position: event.position, tag: event.tag }
}

function parseId(id: string): { epoch: string; position: number } | undefined {
  const [epoch, position, ...rest] = id.split('.')
  if (!/^[0-9a-z]{10}$/.test(epoch!) || position === undefined || rest.length > 1) return undefined
  return { epoch: epoch!, position: Number.parseInt(position, 36) }
}
