import { encodeEvent } from '@headwater/sse'
import { claimSession, type FedSession, frameBytes } from '@headwater/sse/internal'
import type { Session } from '@headwater/sse/server'
import {
  type Bounds,
  beginning,
  type EventStore,
  type HistoryPosition,
  markOf,
  type StoredEvent,
} from '../store/store.ts'
import {
  type BoundsMessage,
  boundsMs,
  type StreamMessages,
  toEventTuple,
  toMarkTuple,
} from '../store/upstream/replication-protocol.ts'
import { positionId } from './event-id.ts'
import type { HistoryReader } from './history-reader.ts'

/** The most events, and about the most bytes, of one message. */
const messageEvents = 500
const messageBytes = 256 * 1024

/**
 * The whole history, sent to one hub that copies it. New events go out as they come while that hub
 * keeps up. Otherwise it is read from the store, a page at a time, whenever there is room: nothing is
 * held for a hub that reads slowly.
 */
export class ReplicationStream {
  readonly #store: EventStore
  readonly #history: HistoryReader
  readonly #after: number
  #tagBefore: number | undefined
  #session: FedSession | undefined
  /** Everything up to here is sent. */
  #position: number
  #head: HistoryPosition = beginning
  #trimmed: HistoryPosition = beginning
  #isBusy = false
  #hasFailed = false
  #timer: NodeJS.Timeout | undefined
  #stop = () => {}

  /** Resolves when the stream can be delivered. Rejects as the store does. */
  static async open(store: EventStore, history: HistoryReader, after: number): Promise<ReplicationStream> {
    const stream = new ReplicationStream(store, history, after)
    stream.#stop = await store.follow({
      onStart: (bounds) => stream.#onBounds(bounds),
      onAppend: (events) => stream.#onAppend(events),
      onTrim: (trimmed) => stream.#onTrim(trimmed),
      onFailure: () => stream.#onFailure(),
    })
    try {
      // Followed first: if the event there is dropped from now on, the stream fails. A store that is a
      // copy itself asks whether there is more.
      const state = await store.inspect(after)
      if (state.name === 'kept' || state.name === 'trimmed') stream.#tagBefore = state.tag
      return stream
    } catch (error) {
      stream.abandon()
      throw error
    }
  }

  private constructor(store: EventStore, history: HistoryReader, after: number) {
    this.#store = store
    this.#history = history
    this.#after = after
    this.#position = after
  }

  /** Sends the history through a session while it is open. */
  deliverTo(session: Session): void {
    claimSession(session, this)
    this.#session = session
    session.closed.then(() => this.abandon())
    if (this.#hasFailed) {
      void session.drain()
      return
    }
    this.#send('start', { after: this.#after, tagBefore: this.#tagBefore ?? null, ...this.#bounds() })
    this.#timer = setInterval(() => this.#sendBounds(), boundsMs)
    this.#timer.unref()
    void this.#sendMore()
  }

  /** Stops following the store. Idempotent. */
  abandon(): void {
    clearInterval(this.#timer)
    this.#stop()
  }

  drain(): Promise<unknown> {
    return this.#session?.drain() ?? Promise.resolve()
  }

  #onBounds({ head, trimmed }: Bounds): void {
    this.#head = head
    this.#trimmed = trimmed
  }

  #onAppend(events: readonly StoredEvent[]): void {
    const isNext = !this.#isBusy && this.#position === this.#head.position
    this.#head = markOf(events.at(-1)!)
    if (isNext) this.#sendEvents(events)
    void this.#sendMore()
  }

  #onTrim(trimmed: HistoryPosition): void {
    this.#trimmed = trimmed
    this.#sendBounds()
  }

  /** The other hub comes back, and begins where it is. */
  #onFailure(): void {
    this.#hasFailed = true
    void this.#session?.drain()
  }

  /** Reads and sends what the other hub lacks, unless that is under way. */
  async #sendMore(): Promise<void> {
    if (this.#isBusy || !this.#session) return
    this.#isBusy = true
    try {
      while (this.#session.isOpen && this.#position < this.#head.position) {
        await this.#untilRoom(this.#session)
        if (!this.#session.isOpen) return
        const page = await this.#history.readAll({
          after: this.#position,
          through: this.#head.position,
          topics: undefined,
          maxEvents: messageEvents,
          maxBytes: messageBytes,
        })
        // Read first: the message says what was trimmed by then.
        if (page.bounds.trimmed.position > this.#trimmed.position) this.#trimmed = page.bounds.trimmed
        this.#sendEvents(page.events)
        if (page.events.length === 0) this.#position = page.through
      }
    } catch {
      // The store reports its failures where it is read for clients. The other hub comes back.
      void this.#session.drain()
    } finally {
      this.#isBusy = false
    }
  }

  #untilRoom(session: FedSession): Promise<void> {
    return new Promise((resolve) => session.whenRoom(resolve))
  }

  /** Sends as many of the events as there is room for. */
  #sendEvents(events: readonly StoredEvent[]): void {
    for (let start = 0, end = 0; start < events.length; start = end) {
      if (!this.#session?.hasRoom) return
      end = endOfMessage(events, start)
      const some = events.slice(start, end)
      const last = some.at(-1)!
      this.#position = last.position
      this.#send('events', { events: some.map(toEventTuple), ...this.#bounds() }, positionId(this.#store.epoch, last))
    }
  }

  #sendBounds(): void {
    // One that does not read now is told with its next events.
    if (this.#session?.hasRoom) this.#send('bounds', this.#bounds())
  }

  #bounds(): BoundsMessage {
    return { head: toMarkTuple(this.#head), trimmed: toMarkTuple(this.#trimmed) }
  }

  #send<Type extends keyof StreamMessages>(type: Type, message: StreamMessages[Type], id?: string): void {
    this.#session?.offer(frameBytes(encodeEvent({ type, data: JSON.stringify(message), id })))
  }
}

/** The end of the message that begins with this event. */
function endOfMessage(events: readonly StoredEvent[], start: number): number {
  let end = start
  for (let characters = 0; end < events.length && end - start < messageEvents && characters < messageBytes; end++) {
    characters += events[end]!.data.length
  }
  return end
}
