import { covers, type Entry, type Point, type Selectors, type SharedState } from './entry.ts'

/** A part of the shared stream, from a point on. */
export interface Excerpt {
  readonly floor: Point
  /** The state of the connection at `floor`; undefined while it first connects. */
  readonly state: SharedState | undefined
  /** What the connection selects at `floor`. */
  readonly selectors: Selectors
  readonly entries: readonly Entry[]
}

/** What an entry takes beside its data, in characters. */
const OVERHEAD = 200

/**
 * The recent past of the shared stream, as one tab has it. Its application reads from here, and so do
 * other tabs that missed something. Bounded: the oldest entries are dropped.
 */
export class SharedLog {
  readonly #maxChars: number
  #entries: { entry: Entry; state: SharedState | undefined; selectors: Selectors }[] = []
  /** How many entries there were before the oldest here. */
  #start = 0
  #chars = 0
  #floor: Point
  #floorState: SharedState | undefined
  #floorSelectors: Selectors
  /** How many entries lead to a point, by both of its names. */
  #places = new Map<string, number>()

  constructor({ floor, state, selectors }: Omit<Excerpt, 'entries'>, maxChars = 2 * 1024 ** 2) {
    this.#floor = floor
    this.#floorState = state
    this.#floorSelectors = selectors
    this.#maxChars = maxChars
    this.#remember(floor, 0)
  }

  get head(): Point {
    return this.#entries.at(-1)?.entry ?? this.#floor
  }

  get state(): SharedState | undefined {
    return this.#stateAt(this.#entries.length)
  }

  get selectors(): Selectors {
    return this.#selectorsAt(this.#entries.length)
  }

  /** Whether this very point of this very term is here. */
  has(point: Point): boolean {
    return point.term !== '' && this.#places.has(exactName(point))
  }

  /** Appends an entry that follows the head. Returns whether it does. */
  append(entry: Entry): boolean {
    const { term, seq } = this.head
    if (entry.previousTerm !== term || entry.previousSeq !== seq) return false
    const { step } = entry
    const state = step && step.kind !== 'event' && step.kind !== 'comment' ? step : this.state
    this.#entries.push({ entry, state, selectors: entry.selectors ?? this.selectors })
    this.#remember(entry, this.#start + this.#entries.length)
    this.#chars += charsOf(entry)
    // The newest stays, however large it is.
    let dropped = 0
    while (this.#chars > this.#maxChars && dropped < this.#entries.length - 1) {
      const oldest = this.#entries[dropped++]!
      this.#forget(this.#floor, this.#start++)
      this.#floor = oldest.entry
      this.#floorState = oldest.state
      this.#floorSelectors = oldest.selectors
      this.#chars -= charsOf(oldest.entry)
    }
    if (dropped) this.#entries.splice(0, dropped)
    return true
  }

  /**
   * What follows a point, as far as the connection selected what is wanted. Undefined if the point is
   * not here, or the connection did not: then nobody knows what is missing.
   */
  after(point: Point, wanted?: Selectors): Excerpt | undefined {
    const exact = point.term ? this.#places.get(exactName(point)) : undefined
    const place = exact ?? (point.id ? this.#places.get(ownName(point)) : undefined)
    if (place === undefined) return undefined
    const index = place - this.#start
    const following = this.#entries.slice(index)
    const end = following.findIndex(({ selectors }) => !covers(selectors, wanted))
    if (end === 0 || (!following[0] && !covers(this.selectors, wanted))) return undefined
    return {
      floor: this.#entries[index - 1]?.entry ?? this.#floor,
      state: this.#stateAt(index),
      selectors: this.#selectorsAt(index),
      entries: following.slice(0, end < 0 ? undefined : end).map(({ entry }) => entry),
    }
  }

  /** All that is here. */
  whole(): Excerpt {
    return {
      floor: this.#floor,
      state: this.#floorState,
      selectors: this.#floorSelectors,
      entries: this.#entries.map(({ entry }) => entry),
    }
  }

  /**
   * Takes what a tab has that knows the later part of the stream. If what is here does not lead
   * there, because of a hole or because nobody else received it, only the other remains.
   */
  merge({ floor, state, selectors, entries }: Excerpt): void {
    const end = entries.at(-1) ?? floor
    if (this.has(floor)) for (const entry of entries) this.append(entry)
    if (this.has(end)) return
    this.#entries = []
    this.#start = this.#chars = 0
    this.#places.clear()
    this.#floor = floor
    this.#floorState = state
    this.#floorSelectors = selectors
    this.#remember(floor, 0)
    for (const entry of entries) this.append(entry)
  }

  #stateAt(index: number): SharedState | undefined {
    return index ? this.#entries[index - 1]!.state : this.#floorState
  }

  #selectorsAt(index: number): Selectors {
    return index ? this.#entries[index - 1]!.selectors : this.#floorSelectors
  }

  /** Of two points with the same ID the later counts: what follows it is certainly new. */
  #remember(point: Point, place: number): void {
    this.#places.set(exactName(point), place)
    this.#places.set(ownName(point), place)
  }

  #forget(point: Point, place: number): void {
    for (const name of [exactName(point), ownName(point)])
      if (this.#places.get(name) === place) this.#places.delete(name)
  }
}

function exactName({ term, seq }: Point): string {
  return `${term} ${seq}`
}

function ownName({ id, after }: Point): string {
  // No term has a slash.
  return `/${after} ${id}`
}

function charsOf({ step }: Entry): number {
  if (step?.kind === 'event') return OVERHEAD + step.event.data.length
  return OVERHEAD + (step?.kind === 'comment' ? step.text.length : 0)
}
