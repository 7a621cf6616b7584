import { hash } from 'node:crypto'
import { shownPosition } from '../shown-positions.ts'

/** An event as its publisher sends it, for the first time. */
export interface PublishedEvent {
  readonly publisher: number
  /** Each publisher counts, and has one event answered, or given up, before it sends the next. */
  readonly number: number
  readonly topics: readonly string[]
  readonly isPrivate: boolean
  /** Begins with `<publisher>:<number> `. */
  readonly data: string
  /** The name of the events that are to be stored all or none. */
  readonly batch?: string | undefined
  /** Whether it may be stored after later ones of its publisher, if it is not acknowledged: nobody knows when its commit took effect. */
  readonly mayBeLate?: boolean | undefined
}

/** What a subscriber asked for and may have, in words of the test's own: nothing of the hub's matching. */
export interface SubscriberClaims {
  readonly name: string
  selects(topics: readonly string[]): boolean
  /** Whether it may have private events of these topics. */
  mayHave(topics: readonly string[]): boolean
  /** Whether it asked for all there is, or only for what comes after the first ID that it is told. */
  readonly fromTheBeginning: boolean
}

export interface ReceivedEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/** An event as it is found in the history when all is over, in order of position. */
export interface HistoryRow {
  readonly position: number
  readonly tag: number
  readonly data: string
}

export interface CheckOptions {
  /** Whether a gap may be told: then it must cover whatever is missing. */
  readonly mayHaveGaps?: boolean
  /** All of the history, where nothing is trimmed. Without it, the order is known from the IDs that were seen. */
  readonly history?: readonly HistoryRow[]
}

interface Known extends PublishedEvent {
  readonly digest: string
  place: Place | undefined
  /** The ID that it was acknowledged with, if that was said, and how many kills there had been. */
  acknowledged: { readonly id: string | undefined; readonly kills: number } | undefined
  isRolledBack: boolean
}

interface Place {
  readonly position: number
  readonly tag: number
}

/** What a subscriber was given: an event, or something that the hub says of itself. */
type Step =
  | { readonly name: 'event'; readonly event: Known; readonly kills: number }
  | { readonly name: 'gap'; readonly through: number; readonly data: string; readonly kills: number }
  | { readonly name: 'position'; readonly position: number; readonly kills: number }

/**
 * Counts what publishers were promised and what subscribers got, by what goes over the wire alone. It shares nothing with the code it
 * checks: what is selected and who may have it is told by the test; positions are read from the IDs, or from the database by SQL.
 *
 * - An acknowledged event is in the history, at the place of its ID.
 * - An event that is in the history reaches each subscriber who selects it and may have it once and whole, in order of position. So one that
 *   was not acknowledged is with all of them or with none.
 * - What is missing is covered by a gap, where there may be any: its ID is that of a place up to which events may be missing.
 * - The events of a publisher are in their order, and of those sent as one all are there or none.
 */
export class DeliveryChecker {
  kills = 0
  acknowledgedCount = 0
  deliveredCount = 0
  gapCount = 0
  readonly subscribers: Receiver[] = []
  readonly #events = new Map<string, Known>()
  readonly #byPosition = new Map<number, Known>()
  /** What was wrong as soon as it was seen. */
  readonly #wrong: string[] = []
  #epoch: string | undefined

  get publishedCount(): number {
    return this.#events.size
  }

  /** How many events are known to be stored though nobody was told so. */
  get unacknowledgedCount(): number {
    return [...this.#events.values()].filter(({ place, acknowledged }) => place && !acknowledged).length
  }

  get rolledBackCount(): number {
    return [...this.#events.values()].filter(({ isRolledBack }) => isRolledBack).length
  }

  get hasFailed(): boolean {
    return this.#wrong.length > 0
  }

  publish(event: PublishedEvent): void {
    this.#events.set(nameOf(event), {
      ...event,
      digest: digestOf(event.data),
      place: undefined,
      acknowledged: undefined,
      isRolledBack: false,
    })
  }

  acknowledge({ publisher, number }: Pick<PublishedEvent, 'publisher' | 'number'>, id: string): void {
    const event = this.#published({ publisher, number })
    const before = event.acknowledged?.id
    if (before !== undefined && before !== id) this.fail(`${nameOf(event)} was acknowledged as ${before} and as ${id}`)
    if (before === undefined) this.acknowledgedCount++
    event.acknowledged ??= { id, kills: this.kills }
    const place = this.#parse(id)
    if (place) this.#put(event, place)
  }

  /** Says that an event is stored, to a publisher that is not told its ID. */
  commit(name: Pick<PublishedEvent, 'publisher' | 'number'>): void {
    this.#published(name).acknowledged = { id: undefined, kills: this.kills }
    this.acknowledgedCount++
  }

  /** Says that an event must never be seen: its transaction has not happened. */
  rollBack(name: Pick<PublishedEvent, 'publisher' | 'number'>): void {
    const event = this.#published(name)
    event.isRolledBack = true
    if (event.place) this.fail(`${describe(event)} was rolled back, and was seen before`)
  }

  subscriber(claims: SubscriberClaims): Receiver {
    const receiver = new Receiver(claims, {
      onEvent: (event) => this.#find(event, claims),
      onGap: () => {
        this.gapCount++
      },
      kills: () => this.kills,
      parse: (id) => this.#parse(id),
    })
    this.subscribers.push(receiver)
    return receiver
  }

  /** Something that is wrong whatever else is found. */
  fail(what: string): void {
    this.#wrong.push(`${what} (${between(this.kills)})`)
  }

  /** Gives everything that is wrong, a line each. Whoever asks says that all is over: every subscriber should have everything. */
  check({ mayHaveGaps = false, history }: CheckOptions = {}): string[] {
    const wrong = [...this.#wrong]
    if (history) this.#checkHistory(history, wrong)
    const log = [...this.#byPosition].sort(([one], [other]) => one - other).map(([, event]) => event)
    checkPublishers(log, wrong)
    const indexes = new Map(log.map((event, index) => [event, index]))
    for (const receiver of this.subscribers) receiver.check(log, indexes, mayHaveGaps, wrong)
    return wrong.concat(this.#wrong.slice(wrong.length))
  }

  #published({ publisher, number }: Pick<PublishedEvent, 'publisher' | 'number'>): Known {
    const event = this.#events.get(nameOf({ publisher, number }))
    if (!event) throw new Error(`${publisher}:${number} was never published`)
    return event
  }

  #checkHistory(history: readonly HistoryRow[], wrong: string[]): void {
    const stored = new Set<Known>()
    for (const { position, tag, data } of history) {
      const event = this.#events.get(nameIn(data))
      if (!event || event.digest !== digestOf(data)) {
        wrong.push(`the history has at ${position} what nobody published: ${shorten(data)}`)
        continue
      }
      if (stored.has(event)) wrong.push(`${nameOf(event)} is in the history twice, the second time at ${position}`)
      stored.add(event)
      const before = this.#wrong.length
      this.#put(event, { position, tag })
      wrong.push(...this.#wrong.splice(before))
    }
    for (const event of this.#events.values()) {
      if (event.acknowledged && !stored.has(event)) wrong.push(`${describe(event)} is not in the history`)
      else if (event.place && !stored.has(event)) wrong.push(`${describe(event)} was seen and is not in the history`)
    }
    this.#checkBatches(stored, wrong)
  }

  #checkBatches(stored: ReadonlySet<Known>, wrong: string[]): void {
    const batches = Map.groupBy(
      [...this.#events.values()].filter(({ batch }) => batch !== undefined),
      ({ batch }) => batch,
    )
    for (const events of batches.values()) {
      const found = events.filter((event) => stored.has(event))
      if (found.length > 0 && found.length < events.length) {
        wrong.push(
          `of ${events.map(nameOf).join(', ')}, sent as one, the history has only ${found.map(nameOf).join(', ')}`,
        )
      }
    }
  }

  #find({ type, data, lastEventId }: ReceivedEvent, { name, selects, mayHave }: SubscriberClaims): Known | undefined {
    this.deliveredCount++
    const event = this.#events.get(nameIn(data))
    if (!event) {
      this.fail(`${name} got what nobody published: ${type} ${shorten(data)}`)
      return undefined
    }
    if (event.digest !== digestOf(data)) this.fail(`${name} got ${nameOf(event)} not whole: ${shorten(data)}`)
    if (!selects(event.topics)) this.fail(`${name} got ${nameOf(event)}, which it did not ask for`)
    else if (event.isPrivate && !mayHave(event.topics)) {
      this.fail(`${name} got ${nameOf(event)}, which is private and not for it`)
    }
    const place = this.#parse(lastEventId)
    if (place) this.#put(event, place)
    return event
  }

  /** The place that an ID of the hub's says; `undefined` of a publisher's own. */
  #parse(id: string): Place | undefined {
    const [, epoch, position, tag] = /^([0-9A-Za-z]{10})\.([0-9a-z]+)(?:\.([0-9a-z]+))?$/.exec(id) ?? []
    if (epoch === undefined || position === undefined) return undefined
    this.#epoch ??= epoch
    if (epoch !== this.#epoch) this.fail(`the history was ${this.#epoch} and is now another one, ${epoch}`)
    return { position: Number.parseInt(position, 36), tag: Number.parseInt(tag ?? '0', 36) }
  }

  #put(event: Known, place: Place): void {
    const { position, tag } = place
    if (event.isRolledBack) this.fail(`${nameOf(event)} was rolled back, and is at position ${position}`)
    if (event.place) {
      if (event.place.position !== position || event.place.tag !== tag) {
        this.fail(`${describe(event)} was seen at another place, ${position} (tag ${tag})`)
      }
      return
    }
    const other = this.#byPosition.get(position)
    if (other) this.fail(`${describe(other)} and ${nameOf(event)} have the same position`)
    event.place = place
    this.#byPosition.set(position, event)
  }
}

interface Watch {
  onEvent(event: ReceivedEvent): Known | undefined
  onGap(): void
  kills(): number
  parse(id: string): Place | undefined
}

/** What one subscriber got. */
export class Receiver {
  readonly claims: SubscriberClaims
  readonly #watch: Watch
  readonly #steps: Step[] = []
  readonly #connectedAt: number[] = []

  constructor(claims: SubscriberClaims, watch: Watch) {
    this.claims = claims
    this.#watch = watch
  }

  connected(): void {
    this.#connectedAt.push(this.#watch.kills())
  }

  get connectionCount(): number {
    return this.#connectedAt.length
  }

  receive(event: ReceivedEvent): void {
    const kills = this.#watch.kills()
    if (event.type === 'headwater-gap') {
      this.#watch.onGap()
      const through = this.#watch.parse(event.lastEventId)?.position ?? 0
      this.#steps.push({ name: 'gap', through, data: event.data, kills })
    } else if (event.type === shownPosition) {
      const position = this.#watch.parse(event.lastEventId)?.position ?? 0
      this.#steps.push({ name: 'position', position, kills })
    } else {
      const known = this.#watch.onEvent(event)
      if (known) this.#steps.push({ name: 'event', event: known, kills })
    }
  }

  check(log: readonly Known[], indexes: ReadonlyMap<Known, number>, mayHaveGaps: boolean, wrong: string[]): void {
    const { selects, mayHave } = this.claims
    const start = this.#start(indexes, log)
    const expected = log.filter(
      (event, index) => index >= start && selects(event.topics) && (!event.isPrivate || mayHave(event.topics)),
    )
    const places = new Map(expected.map((event, index) => [event, index]))
    const seen = new Set<Known>()
    let next = 0
    let last: Step | undefined
    for (const step of this.#steps) {
      if (step.name === 'event') {
        const index = places.get(step.event)
        if (seen.has(step.event)) wrong.push(this.#finding(`got ${describe(step.event)} once more`, last, step))
        else if (index === undefined) {
          if (!indexes.has(step.event)) {
            wrong.push(this.#finding(`got ${describe(step.event)}, the position of which nobody knows`, last, step))
          } else if (selects(step.event.topics) && start > indexes.get(step.event)!) {
            wrong.push(this.#finding(`got ${describe(step.event)}, from before where it began`, last, step))
          }
        } else if (index < next) wrong.push(this.#finding(`got ${describe(step.event)} too late`, last, step))
        else {
          for (; next < index; next++) wrong.push(this.#finding(`did not get ${describe(expected[next]!)}`, last, step))
          next = index + 1
        }
        seen.add(step.event)
        last = step
      } else if (step.name === 'position') {
        for (; next < expected.length && expected[next]!.place!.position <= step.position; next++) {
          wrong.push(
            this.#finding(`was told position ${step.position} without ${describe(expected[next]!)}`, last, step),
          )
        }
      } else if (mayHaveGaps) {
        while (next < expected.length && expected[next]!.place!.position <= step.through) next++
      } else wrong.push(this.#finding(`was told of a gap where there is none: ${step.data}`, last, step))
    }
    for (; next < expected.length; next++) {
      wrong.push(this.#finding(`did not get ${describe(expected[next]!)} to the end`, last, undefined))
    }
  }

  /** From which event of the log on it should have everything. */
  #start(indexes: ReadonlyMap<Known, number>, log: readonly Known[]): number {
    if (this.claims.fromTheBeginning) return 0
    const [first] = this.#steps
    if (!first) return log.length
    if (first.name === 'event') return indexes.get(first.event) ?? 0
    const position = first.name === 'gap' ? first.through : first.position
    const index = log.findIndex((event) => event.place!.position > position)
    return index < 0 ? log.length : index
  }

  #finding(what: string, before: Step | undefined, after: Step | undefined): string {
    const from = before?.name === 'event' ? `after ${nameOf(before.event)} (${between(before.kills)})` : 'at first'
    const to =
      after?.name === 'event'
        ? `before ${nameOf(after.event)} (${between(after.kills)})`
        : after
          ? between(after.kills)
          : ''
    const connections = this.#connectedAt.filter(
      (kills) => kills >= (before?.kills ?? 0) && kills <= (after?.kills ?? Infinity),
    )
    return (
      `${this.claims.name} ${what}; that is ${[from, to].filter(Boolean).join(', ')}` +
      `; it connected ${connections.length === 0 ? 'not' : connections.map(between).join(', ')} in that time`
    )
  }
}

/** The events of a publisher are stored in the order in which it published them. */
function checkPublishers(log: readonly Known[], wrong: string[]): void {
  const newest = new Map<number, Known>()
  for (const event of log) {
    if (event.mayBeLate && !event.acknowledged) continue
    const before = newest.get(event.publisher)
    if (before && before.number > event.number) wrong.push(`${describe(before)} comes before ${describe(event)}`)
    newest.set(event.publisher, event)
  }
}

function describe(event: Known): string {
  const { place, acknowledged } = event
  const position = place ? `position ${place.position}, ` : ''
  return `${nameOf(event)} (${position}${acknowledged ? `acknowledged ${between(acknowledged.kills)}` : 'not acknowledged'})`
}

function between(kills: number): string {
  return kills === 0 ? 'before the first kill' : `between kills ${kills} and ${kills + 1}`
}

function nameOf({ publisher, number }: Pick<PublishedEvent, 'publisher' | 'number'>): string {
  return `${publisher}:${number}`
}

function nameIn(data: string): string {
  return data.slice(0, Math.max(0, data.indexOf(' ')))
}

function digestOf(data: string): string {
  return hash('sha1', data, 'base64')
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
