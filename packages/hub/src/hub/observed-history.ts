import type { Session } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import { everyTopic, type Matcher } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import type { Bounds, EventStore, StoredEvent } from '../store/store.ts'
import { encodeStoredEvent } from './event-frame.ts'
import type { HistoryReader } from './history-reader.ts'
import { type HistoryView, shownEvents, viewRead } from './history-view.ts'
import { type ObservedEvent, toObserved } from './observed-event.ts'
import { ObservedTail } from './observed-tail.ts'
import { Selection } from './selection.ts'
import { type TracedEvent, traceEvent } from './traced-event.ts'

/** Where a page begins, and in which direction it goes. */
export type HistoryPlace = { readonly before: number } | { readonly after: number } | { readonly at: number }

/** A part of the history, the oldest event first. */
export interface ObservedPage {
  readonly epoch: string
  readonly events: readonly ObservedEvent[]
  /** Every event that the view selects, after this position and up to `through`, is in `events` if it is kept. */
  readonly after: number
  readonly through: number
  /** The newest position there is; 0 if there was no event yet. */
  readonly head: number
  /** The oldest kept event and the newest; `null` if none is kept. */
  readonly oldest: ObservedMark | null
  readonly newest: ObservedMark | null
  /** How many events are kept. */
  readonly count: number
}

export interface ObservedMark {
  readonly position: number
  /** When it was stored, in milliseconds since 1970; `null` if the store does not know. */
  readonly at: number | null
}

/** The most events of a page. */
export const maxPageEvents = 500
/** How much of the history one request reads at most, whatever it finds. */
const maxReads = 8
/** How many tails there may be at once. */
export const maxTails = 32

/** The history of a hub, as operators look at it: page by page, forwards and back, and as it grows. */
export class ObservedHistory {
  readonly #store: EventStore
  readonly #history: HistoryReader
  readonly #tails = new Set<ObservedTail>()

  readonly #countSubscribers: (event: StoredEvent) => { readonly past: number; readonly behind: number }

  constructor(
    store: EventStore,
    history: HistoryReader,
    countSubscribers: (event: StoredEvent) => { readonly past: number; readonly behind: number },
  ) {
    this.#store = store
    this.#countSubscribers = countSubscribers
    this.#history = history
  }

  /**
   * Reads events of a view, at most so many: those next to a place. Reads a bounded part of the
   * history, so the page may hold fewer. Rejects as the store does, or with the signal's reason.
   */
  async page(view: HistoryView, place: HistoryPlace, limit: number, signal?: AbortSignal): Promise<ObservedPage> {
    const bounds = await this.#store.bounds()
    const part =
      'before' in place
        ? await this.#back(view, place.before, limit, bounds, signal)
        : await this.#forwards(view, await this.#start(place, bounds, signal), limit, bounds, signal)
    const { head, earliest, count } = bounds
    const rights = new MatcherSet(view.rights)
    return {
      epoch: this.#store.epoch,
      ...part,
      events: part.events.map((event) => toObserved(this.#store.epoch, event, rights)),
      head: head.position,
      oldest: earliest ? await this.#markAt(earliest.position, bounds, signal) : null,
      newest: earliest ? await this.#markAt(head.position, bounds, signal) : null,
      count,
    }
  }

  /** The position of the event to which its publisher gave an ID; `undefined` if none is kept. */
  async positionOf(id: string): Promise<number | undefined> {
    return (await this.#store.find(id))?.position
  }

  /**
   * Reads one event with all of its data, and the bytes that subscribers get. `undefined` if none is
   * kept at the position.
   */
  async event(
    position: number,
    rights: readonly Matcher[],
    signal?: AbortSignal,
  ): Promise<{ readonly event: ObservedEvent; readonly frame: string | null } | undefined> {
    const { head } = await this.#store.bounds()
    if (position > head.position) return undefined
    const event = await this.#next(position - 1, position, signal)
    if (!event) return undefined
    const observed = toObserved(this.#store.epoch, event, new MatcherSet(rights), Infinity)
    return { event: observed, frame: observed.data === undefined ? null : encodeStoredEvent(this.#store.epoch, event) }
  }

  /** What the hub knows of the event with an ID. Rejects as the store does, or with the signal's reason. */
  trace(id: string, rights: readonly Matcher[], signal?: AbortSignal): Promise<TracedEvent> {
    const [store, history, countSubscribers] = [this.#store, this.#history, this.#countSubscribers]
    return traceEvent(id, { store, history, rights, countSubscribers, signal })
  }

  /**
   * Drops every event up to a position. Resolves to the newest position that is gone, and to how many
   * events are kept. Rejects as the store does.
   */
  async trim(through: number): Promise<{ readonly trimmed: number; readonly count: number }> {
    await this.#store.trim(through)
    const { trimmed, count } = await this.#store.bounds()
    return { trimmed: trimmed.position, count }
  }

  /**
   * Prepares a stream of the events of a view, after a position or from now on. Rejects as the store
   * does, or with `HUB_FULL`.
   */
  async openTail(
    view: HistoryView,
    after: number | undefined,
  ): Promise<{ deliverTo(session: Session): void; abandon(): void }> {
    if (this.#tails.size >= maxTails) {
      throw new HubError('HUB_FULL', `${maxTails} pages follow this hub already, which is the most. Close one of them.`)
    }
    const tail = new ObservedTail(this.#store, this.#history, view)
    this.#tails.add(tail)
    const abandon = () => {
      this.#tails.delete(tail)
      tail.abandon()
    }
    try {
      await tail.start(after)
    } catch (error) {
      abandon()
      throw error
    }
    return {
      deliverTo(session) {
        session.closed.then(abandon)
        tail.deliverTo(session)
      },
      abandon,
    }
  }

  /** Ends all tails, so that their pages come back. */
  async drain(): Promise<void> {
    await Promise.all([...this.#tails].map((tail) => tail.drain()))
  }

  async #back(view: HistoryView, before: number, limit: number, { head }: Bounds, signal?: AbortSignal) {
    const selection = new Selection(view.matchers, [everyTopic])
    const start = Math.min(before, head.position + 1)
    const events: StoredEvent[] = []
    let from = start
    for (let reads = 0; reads < maxReads && from > 1 && events.length < limit; reads++) {
      const query = { before: from, topics: selection.topics, ...viewRead }
      const page = await this.#history.readAllBack(query, signal)
      const shown = await shownEvents(page.events, selection, view, signal)
      events.push(...shown.slice(0, limit - events.length))
      from = events.length === limit ? events.at(-1)!.position : page.from
    }
    // Position 1 is the first that an event can have.
    return { events: events.reverse(), after: from <= 1 ? 0 : from - 1, through: start - 1 }
  }

  async #forwards(view: HistoryView, after: number, limit: number, { head }: Bounds, signal?: AbortSignal) {
    const selection = new Selection(view.matchers, [everyTopic])
    const start = Math.min(after, head.position)
    const events: StoredEvent[] = []
    let through = start
    for (let reads = 0; reads < maxReads && through < head.position && events.length < limit; reads++) {
      const query = { after: through, through: head.position, topics: selection.topics, ...viewRead }
      const page = await this.#history.readAll(query, signal)
      const shown = await shownEvents(page.events, selection, view, signal)
      events.push(...shown.slice(0, limit - events.length))
      through = events.length === limit ? events.at(-1)!.position : page.through
    }
    return { events, after: start, through }
  }

  /** Where a page that goes forwards begins. */
  async #start(
    place: Exclude<HistoryPlace, { before: number }>,
    bounds: Bounds,
    signal?: AbortSignal,
  ): Promise<number> {
    if ('after' in place) return Math.max(0, place.after)
    return (await this.#firstSince(place.at, bounds, signal)) - 1
  }

  /**
   * Finds the first event that was stored at a time or later, by halving: some thirty reads of one
   * event, in a history of any length. Where the clock went back, one of several that could be it.
   */
  async #firstSince(at: number, { trimmed, head }: Bounds, signal?: AbortSignal): Promise<number> {
    let low = trimmed.position + 1
    let high = head.position + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const event = await this.#next(middle - 1, head.position, signal)
      if (!event || (event.storedAt ?? Infinity) >= at) high = middle
      else low = Math.max(middle, event.position) + 1
    }
    return low
  }

  async #markAt(position: number, { head }: Bounds, signal?: AbortSignal): Promise<ObservedMark> {
    const event = await this.#next(position - 1, head.position, signal)
    return { position, at: event?.storedAt ?? null }
  }

  /** The first kept event after a position. */
  async #next(after: number, through: number, signal?: AbortSignal): Promise<StoredEvent | undefined> {
    const query = { after, through, topics: undefined, maxEvents: 1, maxBytes: 1 }
    const { events } = await this.#history.readAll(query, signal)
    return events[0]
  }
}
