import { encodeEvent } from '@headwater/sse'
import { claimSession, type FedSession, frameBytes } from '@headwater/sse/internal'
import type { Session } from '@headwater/sse/server'
import { everyTopic } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import { beginning, type EventStore, type HistoryPosition, markOf } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { HistoryReader } from './history-reader.ts'
import { type HistoryView, shownEvents, viewRead } from './history-view.ts'
import { toObserved } from './observed-event.ts'
import { Selection } from './selection.ts'

/** How often the history is read while it grows, in milliseconds: people do not read faster. */
const readMs = 100
/** A tail that is further behind goes on near the end, and says so: nobody reads that fast. */
const maxLag = 5000
const continuesBefore = 200

/**
 * What is new, for a person who watches: read from the history like everything else, several events
 * at a time. Works only while there is something new and the client reads.
 */
export class ObservedTail {
  readonly #store: EventStore
  readonly #history: HistoryReader
  readonly #selection: Selection
  readonly #view: HistoryView
  readonly #rights: MatcherSet
  readonly #left = new AbortController()
  #session: FedSession | undefined
  #position = 0
  #head: HistoryPosition = beginning
  #isBusy = false
  #timer: NodeJS.Timeout | undefined
  #stop = () => {}

  constructor(store: EventStore, history: HistoryReader, view: HistoryView) {
    this.#store = store
    this.#history = history
    this.#selection = new Selection(view.matchers, [everyTopic])
    this.#view = view
    this.#rights = new MatcherSet(view.rights)
  }

  /** Begins after a position, or with what is new. Rejects as the store does. */
  async start(after: number | undefined): Promise<void> {
    const stop = await this.#store.follow({
      onStart: ({ head }) => {
        this.#head = markOf(head)
        this.#position = Math.min(after ?? head.position, head.position)
      },
      onAppend: (events) => {
        this.#head = markOf(events.at(-1)!)
        this.#schedule()
      },
      onTrim() {},
      // The page comes back, and begins where it is.
      onFailure: () => void this.#session?.drain(),
    })
    if (this.#left.signal.aborted) stop()
    else this.#stop = stop
  }

  deliverTo(session: Session): void {
    claimSession(session, this)
    this.#session = session
    this.#send('start', { epoch: this.#store.epoch, after: this.#position, head: this.#head.position })
    this.#schedule()
  }

  /** Stops following the store. Idempotent. */
  abandon(): void {
    this.#left.abort()
    clearTimeout(this.#timer)
    this.#stop()
  }

  drain(): Promise<unknown> {
    return this.#session?.drain() ?? Promise.resolve()
  }

  #schedule(): void {
    if (this.#timer || this.#isBusy || !this.#session?.isOpen || this.#position >= this.#head.position) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#session?.whenRoom(() => void this.#sendMore())
    }, readMs)
  }

  async #sendMore(): Promise<void> {
    if (this.#isBusy || !this.#session?.isOpen) return
    this.#isBusy = true
    try {
      await this.#sendPage()
    } catch {
      // The store reports its failures where it is read for clients. The page comes back.
      void this.#session.drain()
    } finally {
      this.#isBusy = false
      this.#schedule()
    }
  }

  async #sendPage(): Promise<void> {
    const head = this.#head
    if (head.position - this.#position > maxLag) {
      const through = head.position - continuesBefore
      this.#send('skipped', { reason: 'behind', after: this.#position, through })
      this.#position = through
    }
    const { topics } = this.#selection
    const query = { after: this.#position, through: head.position, topics, ...viewRead }
    const page = await this.#history.readAll(query, this.#left.signal)
    const events = await shownEvents(page.events, this.#selection, this.#view, this.#left.signal)
    const { trimmed } = page.bounds
    if (trimmed.position > this.#position) {
      this.#send('skipped', { reason: 'trimmed', after: this.#position, through: trimmed.position })
    }
    this.#position = page.through
    const last = events.at(-1)
    if (!last) return
    const shown = events.map((event) => toObserved(this.#store.epoch, event, this.#rights))
    this.#send('events', { events: shown, through: page.through }, positionId(this.#store.epoch, last))
  }

  #send(type: 'start' | 'events' | 'skipped', message: object, id?: string): void {
    this.#session?.offer(frameBytes(encodeEvent({ type, data: JSON.stringify(message), id })))
  }
}
