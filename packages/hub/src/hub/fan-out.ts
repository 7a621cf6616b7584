import type { FedSession } from '@headwater/sse/internal'
import { assertNotNegative } from '../base/check-option.ts'
import { Fifo } from '../base/fifo.ts'
import type { Bounds, EventStore, HistoryPosition, StoredEvent } from '../store/store.ts'
import { CatchUp } from './catch-up.ts'
import { type EventForm, plainForm } from './event-form.ts'
import { eventIdOf } from './event-id.ts'
import { EventWaiters } from './event-waiters.ts'
import type { FanOutOptions } from './fan-out-options.ts'
import { FanOutTraces } from './fan-out-traces.ts'
import type { Feed, FeedFrame } from './feed.ts'
import { Feeds } from './feeds.ts'
import { FrameSlab } from './frame-slab.ts'
import { HeldBytes } from './held-bytes.ts'
import type { HistoryCursor } from './history-cursor.ts'
import { HistoryReader } from './history-reader.ts'
import { markFrame } from './marked-frame.ts'
import { QuietPositions } from './quiet-positions.ts'
import { ReplaySpan } from './replay-span.ts'
import type { StartingPoint } from './resume.ts'
import type { Selection } from './selection.ts'
import { DeliveryCounts, type HubStats } from './stats.ts'
import { Subscriber } from './subscriber.ts'
import { Tail } from './tail.ts'
import type { Telemetry } from './telemetry.ts'

/** The most that a subscriber is sent in one piece: the memory it may hold if it does not read. */
const spanBytes = 64 * 1024
/**
 * How many subscribers of a feed are served before the next feed has its turn and the clock is
 * checked.
 */
const sliceSubscribers = 32

/**
 * Brings events from the tail of the store to the subscribers.
 *
 * Each event is encoded once and put into the feeds whose selection admits it. A feed goes round
 * its subscribers, and sends each one everything it lacks in one write; events that arrive
 * meanwhile are included. Feeds with subscribers behind take turns, some subscribers of each at a
 * time. A turn ends after `turnMs`; the next begins when the process has done its other work. A
 * subscriber whose session has no room is skipped until it has. One that its feed no longer reaches
 * reads from the store at its own pace, until it is where its feed begins. There is no other path
 * from an event to a socket.
 *
 * A round that took long is followed by a rest (see `Feed`), in which events gather. So publishing
 * always has its share of the time, and the more there is to deliver, the more each write carries:
 * the cost of a write is the system's, and hardly depends on its content.
 */
export class FanOut {
  /** Reads what was published before, for readers that catch up. */
  readonly history: HistoryReader
  readonly #store: EventStore
  readonly #tail: Tail
  readonly #turnMs: number
  readonly #positionTimer: NodeJS.Timeout

  readonly #counts = new DeliveryCounts()

  readonly #unsent = new HeldBytes<Subscriber>()
  readonly #maxUnsentBytes: () => number
  readonly #subscribers = new Set<Subscriber>()
  readonly #feeds: Feeds<Subscriber>
  readonly #telemetry: Telemetry | undefined
  readonly #traces: FanOutTraces | undefined
  readonly #frames = new FrameSlab()
  readonly #positions: QuietPositions

  /** Loops of programs that have everything there is. */
  readonly #waiters = new EventWaiters()

  /** Feeds with subscribers behind. */
  readonly #due = new Fifo<Feed<Subscriber>>()
  /** Subscribers that their feeds do not reach. */
  readonly #catchUp: CatchUp
  #isTurnDue = false
  #isInTurn = false

  /**
   * Starts following the store. Resolves when subscribers can be added; rejects as the store does.
   */
  static async start(store: EventStore, options: FanOutOptions): Promise<FanOut> {
    const fanOut = new FanOut(store, options)
    try {
      await fanOut.#tail.start()
    } catch (error) {
      fanOut.close()
      throw error
    }
    return fanOut
  }

  private constructor(store: EventStore, options: FanOutOptions) {
    const { turnMs = 1, feedBytes = 32 * 1024 ** 2, positionMs = 60_000, telemetry, onError } = options
    this.#store = store
    this.history = new HistoryReader(store)
    this.#turnMs = assertNotNegative('turnMs', turnMs)
    this.#feeds = new Feeds(assertNotNegative('feedBytes', feedBytes))
    this.#positions = new QuietPositions(store.epoch, this.#feeds, (feed, frame) => this.#put(feed, frame))
    this.#catchUp = new CatchUp(this.history, store.epoch, this.#counts, {
      head: () => this.head,
      place: (subscriber, given) => this.#place(subscriber, given),
      onWork: () => this.#requestTurn(),
      onError,
    })
    this.#telemetry = telemetry
    this.#traces = telemetry && new FanOutTraces(telemetry)
    this.#maxUnsentBytes = options.maxUnsentBytes ?? (() => 256 * 1024 ** 2)
    this.#tail = new Tail(store, {
      onStart: (bounds, lastHead) => this.#onStart(bounds, lastHead),
      onAppend: (events) => this.#onAppend(events),
      onTrim: (trimmed) => this.#onTrim(trimmed),
      // Subscribers stay, and continue late where they are.
      onError,
      // Only a client's own ID says whether it was sent what is gone: its next request has that.
      onDiverged: () => {
        this.history.restart()
        void this.drain()
      },
    })
    // A timer supports at most 2^31 - 1 ms, and fires at once for more.
    const intervalMs = Math.min(assertNotNegative('positionMs', positionMs), 2 ** 31 - 1)
    this.#positionTimer = setInterval(() => {
      this.history.forget()
      if (this.#positions.sendAll(this.head)) this.#requestTurn()
    }, intervalMs)
    this.#positionTimer.unref()
  }

  /** How far the tail has come: the feeds have everything up to here. */
  get head(): HistoryPosition {
    return this.#tail.head
  }

  /**
   * How many times the history lost events that were delivered. A reader without a session that sees
   * this change may have such an event.
   */
  get divergences(): number {
    return this.#tail.divergences
  }

  get subscriberCount(): number {
    return this.#subscribers.size
  }

  /** Whether new events arrive from the store. */
  get isFollowing(): boolean {
    return this.#tail.isFollowing
  }

  get stats(): Omit<HubStats, 'replicas'> {
    let subscribersBehind = 0
    let lagEvents = 0
    for (const subscriber of this.#subscribers) {
      const lag = subscriber.lagBehind(this.head.position)
      if (lag === undefined) continue
      subscribersBehind++
      lagEvents = Math.max(lagEvents, lag)
    }
    return {
      subscribers: this.#subscribers.size,
      subscribersBehind,
      lagEvents,
      feeds: this.#feeds.size,
      unsentBytes: this.#unsent.total,
      ...this.#counts.toStats(),
      headPosition: this.head.position,
    }
  }

  /**
   * How many subscribers select an event, and are past its position or not yet. Looks at all of them,
   * so for operators only.
   */
  countFor(event: StoredEvent): { readonly past: number; readonly behind: number } {
    let past = 0
    let behind = 0
    const isSelected = new Map<Selection, boolean>()
    for (const subscriber of this.#subscribers) {
      const { selection } = subscriber.feed
      const isOne = isSelected.get(selection) ?? selection.admits(event)
      isSelected.set(selection, isOne)
      if (!isOne) continue
      const isPast = subscriber.position >= event.position || subscriber.lagBehind(this.head.position) === undefined
      if (isPast) past++
      else behind++
    }
    return { past, behind }
  }

  /**
   * Resolves to `true` when the tail has reached a position, and to `false` if the fan-out is closed
   * first. While the head is one that the history has lost, nobody is served: then it resolves when
   * the tail has begun again.
   */
  reach(position: number): Promise<boolean> {
    return this.#tail.reach(position)
  }

  /**
   * For a reader of the history without a session. Resolves when there may be events for it, to the
   * position up to which it then has all of its events. Resolves to `undefined` if the fan-out is
   * closed or the signal aborts first.
   */
  async awaitEvent(selection: Selection, cursor: HistoryCursor, signal?: AbortSignal): Promise<number | undefined> {
    const { position, gap } = cursor
    if (!(await this.reach(position))) return undefined
    // A gap is reported at once.
    return gap || position < this.head.position ? position : await this.#waiters.wait(selection, signal)
  }

  /**
   * Serves a session from a starting point on, while it is open. `divergences` is how many there had
   * been before the starting point was looked for: after another one, that may be the position of an
   * event that is gone, and the client has to ask again. Returns the subscriber, if it is served.
   */
  add(
    session: FedSession,
    selection: Selection,
    start: StartingPoint,
    divergences: number,
    traceContext?: string,
  ): Subscriber | undefined {
    if (!session.isOpen) return undefined
    if (this.#tail.isDiverged || divergences !== this.divergences) {
      void session.drain()
      return undefined
    }
    const feed = this.#feeds.feedFor(selection, session.isEventSource, this.head.position)
    const subscriber = new Subscriber(session, feed, start, this.head.position)
    if (this.#telemetry && start.name !== 'live') {
      subscriber.replay = new ReplaySpan(this.#telemetry, start.name, traceContext)
    }
    feed.subscriberCount++
    this.#subscribers.add(subscriber)
    session.closed.then((reason) => {
      this.#counts.sessionsClosed.add(reason)
      this.#remove(subscriber)
    })
    this.#place(subscriber)
    return subscriber
  }

  /** Ends all sessions; their clients reconnect, spread over time. Resolves when all is sent. */
  async drain(): Promise<void> {
    const among = this.#subscribers.size
    await Promise.all([...this.#subscribers].map(({ session }) => session.drain({ among })))
  }

  /** Ends the sessions that are left at once. Their clients reconnect and resume. */
  cutOff(): void {
    for (const { session } of this.#subscribers) void session.cutOff()
  }

  /** Stops following the store. */
  close(): void {
    this.#tail.close()
    this.#traces?.close()
    this.#waiters.wakeAll(undefined)
    clearInterval(this.#positionTimer)
  }

  // From the store into the feeds.

  /**
   * At the first start, or after the tail had failed: then what was missed is in the store, and is
   * read from there.
   */
  #onStart({ head, trimmed }: Bounds, lastHead: HistoryPosition): void {
    this.history.restart()
    this.#positions.onTrim(trimmed)
    this.#feeds.restart(head.position, (feed) => {
      for (const subscriber of feed.takeServed()) {
        subscriber.position = lastHead.position
        this.#place(subscriber)
      }
    })
    this.#waiters.wakeAll(lastHead.position)
  }

  #onAppend(events: readonly StoredEvent[]): void {
    for (const event of events) {
      let plain: FeedFrame | undefined
      let others: Map<string, FeedFrame> | undefined
      const followed = this.#traces?.begin(event, eventIdOf(this.#store.epoch, event))
      this.#feeds.select(event, (feed) => {
        const { selection } = feed
        const { form } = selection
        let frame: FeedFrame | undefined
        if (form === plainForm) {
          plain ??= this.#frameOf(event, form)
          frame = plain
        } else {
          others ??= new Map()
          frame = others.get(form.key) ?? this.#frameOf(event, form)
          others.set(form.key, frame)
        }
        this.#put(feed, selection.isMarked ? { ...frame, bytes: markFrame(frame.bytes, event, selection) } : frame)
        if (followed) this.#traces!.put(followed, feed, feed.end)
      })
      if (followed) this.#traces!.follow(followed)
      if (!this.#waiters.isEmpty) this.#waiters.onEvent(event)
    }
    if (this.#positions.keepFresh(this.head)) this.#requestTurn()
    // Not now: the publisher gets its answer first, and other publishes of this turn of the event
    // loop are included.
    if (this.#due.length > 0) this.#scheduleTurn()
  }

  #frameOf(event: StoredEvent, form: EventForm): FeedFrame {
    const shared = form === plainForm ? event.frame : undefined
    const bytes = shared ?? this.#frames.encode(form.encode(this.#store.epoch, event))
    return { position: event.position, bytes, isEvent: true }
  }

  #onTrim(trimmed: HistoryPosition): void {
    this.#positions.onTrim(trimmed)
    this.history.forget()
    if (this.#positions.keepFresh(this.head)) this.#requestTurn()
  }

  #put(feed: Feed<Subscriber>, frame: FeedFrame): void {
    this.#feeds.put(feed, frame)
    this.#goRound(feed)
  }

  #remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    this.#unsent.release(subscriber)
    subscriber.replay?.end('left')
    const { feed } = subscriber
    feed.leave(subscriber)
    feed.subscriberCount--
    if (feed.subscriberCount === 0) this.#feeds.delete(feed)
  }

  // From the feeds and the history to the sessions.

  /**
   * Puts a subscriber where it belongs now. It is in exactly one place: among those behind or those
   * served in its feed, those that catch up, or those that wait for room. `given` is what it was
   * just given.
   */
  #place(subscriber: Subscriber, given?: Uint8Array): void {
    const { session, feed } = subscriber
    if (!session.isOpen) return
    if (!session.hasRoom) {
      this.#awaitRoom(subscriber, given)
      return
    }
    if (subscriber.offset !== undefined && subscriber.offset < feed.start) subscriber.offset = undefined
    if (subscriber.offset === undefined && subscriber.canJoin) this.#join(subscriber)

    if (subscriber.page || subscriber.offset === undefined) this.#catchUp.add(subscriber)
    else if (subscriber.offset < feed.end) {
      feed.behind.push(subscriber)
      this.#goRound(feed)
    } else {
      feed.addServed(subscriber)
      return
    }
    this.#requestTurn()
  }

  #awaitRoom(subscriber: Subscriber, given: Uint8Array | undefined): void {
    if (given) this.#unsent.hold(subscriber, given)
    subscriber.session.whenRoom(() => {
      this.#unsent.release(subscriber)
      this.#place(subscriber)
    })
    while (this.#unsent.total > this.#maxUnsentBytes()) {
      const { slowest } = this.#unsent
      if (!slowest) return
      this.#unsent.release(slowest)
      slowest.session.cutOff()
    }
  }

  /**
   * From here on the subscriber gets what follows its position from its feed. If nothing does yet,
   * it has everything up to the head, and is sent that position: so a client that never had an
   * event knows what to ask for when it reconnects.
   */
  #join(subscriber: Subscriber): void {
    const { feed } = subscriber
    subscriber.offset = feed.offsetAfter(subscriber.position)
    subscriber.acceptsTrimmed = false
    subscriber.replay?.end('complete')
    subscriber.replay = undefined
    if (subscriber.offset < feed.end) return
    subscriber.position = this.head.position
    if (subscriber.lastSentPosition === this.head.position) return
    subscriber.session.offer(this.#positions.encode(this.head, feed.isForEventSources))
  }

  /** A turn that is being taken goes on by itself. */
  #requestTurn(): void {
    if (!this.#isInTurn) this.#scheduleTurn()
  }

  #scheduleTurn(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    setImmediate(() => {
      this.#isTurnDue = false
      this.#takeTurn()
    })
  }

  /**
   * Makes sure that a feed whose subscribers lack something has its turn, as soon as it has rested.
   */
  #goRound(feed: Feed<Subscriber>): void {
    if (feed.isDue) return
    if (feed.behind.length === 0) {
      const restMs = feed.restMs(performance.now())
      if (restMs > 0) {
        feed.rest ??= setTimeout(() => {
          feed.rest = undefined
          this.#goRound(feed)
          this.#takeTurn()
        }, Math.ceil(restMs))
        return
      }
      if (!feed.beginRound()) return
    }
    feed.isDue = true
    this.#due.push(feed)
  }

  /**
   * Serves subscribers that are behind, for at most twice `turnMs`: first live ones, then those
   * that catch up, so that a returning crowd delays nobody who stayed. Does nothing if a later turn
   * is due: then events gather, and each write carries more.
   */
  #takeTurn(): void {
    if (this.#isTurnDue || this.#isInTurn) return
    this.#isInTurn = true
    let now = performance.now()
    let end = now + this.#turnMs
    for (let feed = this.#due.shift(); feed; feed = this.#due.shift()) {
      this.#giveFrames(feed)
      const began = now
      now = performance.now()
      feed.isDue = false
      if (this.#traces && !this.#traces.isEmpty && feed.behind.length === 0) this.#traces.onRound(feed)
      if (feed.hasWorked(now - began, now)) this.#goRound(feed)
      if (now >= end) break
    }
    end = now + this.#turnMs
    while (this.#catchUp.hasWork) {
      this.#catchUp.step()
      if (performance.now() >= end) break
    }
    this.#isInTurn = false
    if (this.#due.length > 0 || this.#catchUp.hasWork) this.#scheduleTurn()
  }

  /** Sends some of those behind in a feed everything they lack. */
  #giveFrames(feed: Feed<Subscriber>): void {
    for (let count = 0; count < sliceSubscribers; count++) {
      const subscriber = feed.behind.shift()
      if (!subscriber) return
      const { offset, session } = subscriber
      let given: Uint8Array | undefined
      if (offset !== undefined && offset >= feed.start && offset < feed.end) {
        const span = feed.spanFrom(offset, spanBytes)
        subscriber.offset = span.end
        subscriber.position = span.position
        given = span.bytes
        session.offer(given)
        this.#counts.add(span.eventCount, given)
      }
      this.#place(subscriber, given)
    }
  }
}
