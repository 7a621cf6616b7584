import type { HistoryRow, PublishedEvent, ReceivedEvent, SubscriberClaims } from '../crash/delivery-checker.ts'
import { shownPosition } from '../shown-positions.ts'

type Name = Pick<PublishedEvent, 'publisher' | 'number'>

interface Known extends PublishedEvent {
  /** In which phase it was sent first, and acknowledged. */
  readonly begunIn: number
  acknowledgedIn: number | undefined
  isRolledBack: boolean
}

interface Place {
  readonly position: number
  readonly tag: number
}

interface Stored extends Place {
  readonly event: Known
}

/** What a subscriber got: an event, or something that the hub says of itself. */
type Step =
  | { readonly name: 'event'; readonly event: Known; readonly place: Place }
  | { readonly name: 'position'; readonly place: Place }
  | { readonly name: 'gap'; readonly isSettled: boolean }

/**
 * Compares what publishers and subscribers were told with a history that lost some of its last events, more than once. As
 * `DeliveryChecker`, it shares nothing with what it checks. No event has an ID of its publisher's own: so each ID says a place.
 *
 * - What was sent and acknowledged while nothing could be lost is in the history.
 * - A subscriber who was told a place that the history no longer has is told of a gap before anything that the history has.
 * - Who was told none of these is told of no gap, once all hubs have noticed: one that has not does not know what another one has sent.
 * - From the beginning, and again from each gap on, a subscriber gets all that it selects and may have, once and in order.
 * - What was lost was the same for everybody: an event at a place.
 */
export class LossChecker {
  readonly #events = new Map<string, Known>()
  readonly #receivers: LossReceiver[] = []
  readonly #wrong: string[] = []
  /** Counted up at each change: nothing is lost in even phases. */
  #phase = 0
  /** Whether every hub has what the new primary has. */
  #isSettled = true

  get acknowledgedCount(): number {
    return [...this.#events.values()].filter(({ acknowledgedIn }) => acknowledgedIn !== undefined).length
  }

  get gapCount(): number {
    return this.#receivers.reduce((total, { gapCount }) => total + gapCount, 0)
  }

  /** From here on, or until here, what is acknowledged may be lost. */
  changePhase(): void {
    this.#phase++
    this.#isSettled = false
  }

  /** Every hub has sent something of the new history. */
  settle(): void {
    this.#isSettled = true
  }

  /** How many were acknowledged since the phase began. */
  get acknowledgedInPhase(): number {
    return [...this.#events.values()].filter(({ acknowledgedIn }) => acknowledgedIn === this.#phase).length
  }

  publish(event: PublishedEvent): void {
    const known = { ...event, begunIn: this.#phase, acknowledgedIn: undefined, isRolledBack: false }
    this.#events.set(nameOf(event), known)
  }

  acknowledge(name: Name, _id: string): void {
    this.commit(name)
  }

  commit(name: Name): void {
    this.#events.get(nameOf(name))!.acknowledgedIn = this.#phase
  }

  rollBack(name: Name): void {
    this.#events.get(nameOf(name))!.isRolledBack = true
  }

  fail(what: string): void {
    this.#wrong.push(what)
  }

  subscriber(claims: SubscriberClaims): LossReceiver {
    const receiver = new LossReceiver(claims, {
      find: (data) => this.#find(data, claims.name),
      isSettled: () => this.#isSettled,
    })
    this.#receivers.push(receiver)
    return receiver
  }

  /** How many acknowledged events the history does not have. */
  lostCount(history: readonly HistoryRow[]): number {
    const names = new Set(history.map(({ data }) => nameIn(data)))
    return [...this.#events.values()].filter((event) => event.acknowledgedIn !== undefined && !names.has(nameOf(event)))
      .length
  }

  /** Returns everything that is wrong, a line each, when every subscriber should have everything. */
  check(history: readonly HistoryRow[]): string[] {
    const stored = this.#readHistory(history)
    const byPlace = new Map(stored.map((each) => [textOf(each), each]))
    const lost = new Map<string, Known>()
    for (const receiver of this.#receivers) this.#wrong.push(...receiver.check(stored, byPlace, lost))
    return this.#wrong
  }

  #find(data: string, name: string): Known | undefined {
    const event = this.#events.get(nameIn(data))
    if (event?.data === data) return event
    this.fail(`${name} got what nobody published: ${JSON.stringify(data.slice(0, 60))}`)
    return undefined
  }

  #readHistory(history: readonly HistoryRow[]): Stored[] {
    const stored = new Map<Known, Stored>()
    for (const { position, tag, data } of history) {
      const event = this.#find(data, 'the history')
      if (!event) continue
      if (stored.has(event)) this.fail(`${nameOf(event)} is in the history twice, the second time at ${position}`)
      if (event.isRolledBack) this.fail(`${nameOf(event)} was rolled back, and is in the history at ${position}`)
      stored.set(event, { position, tag, event })
    }
    for (const event of this.#events.values()) {
      const { begunIn, acknowledgedIn } = event
      const isSafe = acknowledgedIn !== undefined && acknowledgedIn === begunIn && begunIn % 2 === 0
      if (isSafe && !stored.has(event)) {
        this.fail(`${nameOf(event)} is not in the history, and was acknowledged when nothing could be lost`)
      }
    }
    const batches = Map.groupBy(this.#events.values(), ({ batch }) => batch)
    for (const [batch, events] of batches) {
      const count = events.filter((event) => stored.has(event)).length
      if (batch !== undefined && count > 0 && count < events.length) {
        this.fail(`of ${events.map(nameOf).join(', ')}, sent as one, the history has ${count}`)
      }
    }
    return [...stored.values()]
  }
}

interface Watch {
  find(data: string): Known | undefined
  isSettled(): boolean
}

/** What one subscriber got. */
export class LossReceiver {
  connectionCount = 0
  readonly #claims: SubscriberClaims
  readonly #watch: Watch
  readonly #steps: Step[] = []
  /** Whether all hubs had noticed when it connected. */
  #isSettled = true

  constructor(claims: SubscriberClaims, watch: Watch) {
    this.#claims = claims
    this.#watch = watch
  }

  get gapCount(): number {
    return this.#steps.filter(({ name }) => name === 'gap').length
  }

  connected(): void {
    this.connectionCount++
    this.#isSettled = this.#watch.isSettled()
  }

  receive({ type, data, lastEventId }: ReceivedEvent): void {
    const place = parse(lastEventId)
    if (type === 'headwater-gap') this.#steps.push({ name: 'gap', isSettled: this.#isSettled })
    else if (type === shownPosition) this.#steps.push({ name: 'position', place })
    else {
      const event = this.#watch.find(data)
      if (event) this.#steps.push({ name: 'event', event, place })
    }
  }

  /** @param lost The events that are not in the history, by place: as far as others saw them. */
  check(stored: readonly Stored[], byPlace: ReadonlyMap<string, Stored>, lost: Map<string, Known>): readonly string[] {
    const { name, selects, mayHave } = this.#claims
    const wrong: string[] = []
    const isFor = ({ topics, isPrivate }: Known) => selects(topics) && (!isPrivate || mayHave(topics))
    const expected = stored.filter(({ event }) => isFor(event))
    let next = 0
    /** The position of what it has seen last since the gap, if the history does not have that. */
    let lostAt: number | undefined
    let last = 'at first'
    const find = (what: string) => wrong.push(`${name} ${what} (${last})`)
    const missUntil = (position: number, how: string) => {
      for (; next < expected.length && expected[next]!.position < position; next++) {
        find(`${how} without ${describe(expected[next]!)}`)
      }
    }
    for (const step of this.#steps) {
      if (step.name === 'gap') {
        if (lostAt === undefined && step.isSettled) find('was told of a gap, and had nothing that was lost')
        lostAt = undefined
        next = 0
        last = 'after a gap'
        continue
      }
      const { place } = step
      const what = step.name === 'event' ? `${nameOf(step.event)}, ${textOf(place)}` : `position ${textOf(place)}`
      const kept = byPlace.get(textOf(place))
      if (step.name === 'event' && !isFor(step.event)) find(`got ${what}, which is not for it`)
      if (kept || place.position === 0) {
        if (lostAt !== undefined) find(`got ${what} without a gap, and had ${lostAt}, which was lost`)
        lostAt = undefined
        missUntil(place.position, `got ${what}`)
        if (step.name === 'event' && kept?.event !== step.event)
          find(`got ${what}, where the history has another event`)
        if (expected[next]?.position === place.position) {
          if (step.name === 'position') find(`was told ${what} without its event`)
          next++
        } else if (step.name === 'event') find(`got ${what} once more, or too late`)
      } else {
        if (lostAt !== undefined && step.name === 'event' && place.position <= lostAt) {
          find(`got ${what}, which was lost, too late or once more`)
        }
        if (step.name === 'event') {
          const other = lost.get(textOf(place))
          if (other && other !== step.event) find(`got ${what}, where another got ${nameOf(other)}`)
          lost.set(textOf(place), step.event)
        }
        lostAt = place.position
      }
      last = `after ${what}`
    }
    if (lostAt !== undefined) find('was never told that it has what was lost')
    missUntil(Infinity, 'ended')
    return wrong
  }
}

function describe({ event, position, tag }: Stored): string {
  return `${nameOf(event)} at ${textOf({ position, tag })}`
}

function textOf({ position, tag }: Place): string {
  return `${position} (tag ${tag})`
}

function parse(id: string): Place {
  const [, position, tag] = /^[0-9A-Za-z]{10}\.([0-9a-z]+)(?:\.([0-9a-z]+))?$/.exec(id) ?? []
  if (position === undefined) throw new Error(`${JSON.stringify(id)} is not the ID of a place`)
  return { position: Number.parseInt(position, 36), tag: Number.parseInt(tag ?? '0', 36) }
}

function nameOf({ publisher, number }: Name): string {
  return `${publisher}:${number}`
}

function nameIn(data: string): string {
  return data.slice(0, Math.max(0, data.indexOf(' ')))
}
