import { SseError } from '../protocol/index.ts'
import { createEpoch, formatEventId, parseEventId } from './event-id.ts'
import { frameBytes } from './frame-bytes.ts'
import { encodeGap, type GapReason } from './gap.ts'
import { History, type HistoryOptions } from './history.ts'
import { encodePosition } from './reserved.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { encodeSessionEvent, type SessionEvent } from './session-event.ts'

export type { HistoryOptions } from './history.ts'

export interface ChannelOptions {
  /** What is kept, in this process's memory, for clients that come back. */
  history?: HistoryOptions | undefined
  /** Called when a session has been subscribed. */
  onSubscribe?: ((session: Session) => void) | undefined
  /** Called when a session is no longer subscribed, as a rule because it ended. */
  onUnsubscribe?: ((session: Session) => void) | undefined
}

/**
 * Sends events to many sessions, and to each that reconnects what it missed: in memory, within one process. Its events
 * form one sequence, with IDs `<epoch>.<position>`. A session can resume with one channel only; for many topics, for a
 * history that survives a restart, or for more processes, there is the hub.
 */
export interface Channel {
  readonly subscriberCount: number
  readonly subscribers: Iterable<Session>
  /**
   * Sends the session what it missed since its `lastEventId`, then every event as it is broadcast, none twice and none
   * left out. If part of what it missed is gone, a `headwater-gap` event says so first. A session that comes without an
   * ID gets a position at once, so that it can resume even if it is cut off before its first event.
   *
   * Ends with the session, or when the returned function is called.
   */
  subscribe(session: Session, options?: { lastEventId?: string | undefined }): () => void
  /**
   * Sends an event to every subscriber and returns its ID. It is encoded once, and a slow subscriber delays nobody:
   * what it has not read waits within its own session's bound.
   *
   * @throws SseError `INVALID_…` for a faulty event, `CHANNEL_CLOSED` after `close()`.
   */
  broadcast(event: ChannelEvent): string
  /** Drains every session subscribed now; resolves when they are over. */
  drain(): Promise<void>
  /** Closes every session subscribed now or later, for good; resolves when the present ones are over. */
  close(): Promise<void>
}

/** An event without an ID: the channel gives it one. */
export type ChannelEvent = Omit<SessionEvent, 'id'> & { id?: never }

/** Makes a channel. */
export function createChannel(options: ChannelOptions = {}): Channel {
  return new MemoryChannel(options)
}

class MemoryChannel implements Channel {
  readonly #options: ChannelOptions
  readonly #history: History
  readonly #subscribers = new Map<ServerSession, Subscriber>()
  /** Made when first needed: workerd has no random numbers while a module is being loaded. */
  #epoch: string | undefined
  #isClosed = false

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#history = new History(options.history ?? {})
  }

  get subscriberCount(): number {
    return this.#subscribers.size
  }

  get subscribers(): Iterable<Session> {
    return this.#subscribers.keys()
  }

  subscribe(
    session: Session,
    { lastEventId = session.lastEventId }: { lastEventId?: string | undefined } = {},
  ): () => void {
    if (!(session instanceof ServerSession)) {
      throw new SseError('INVALID_OPTION', 'subscribe() takes a session made by createSession or createResponse.')
    }
    const unsubscribe = () => this.#unsubscribe(session)
    if (this.#isClosed) session.close()
    if (!session.isOpen || this.#subscribers.has(session)) return unsubscribe
    const subscriber: Subscriber = { session, next: this.#history.head + 1, isLive: false }
    this.#subscribers.set(session, subscriber)
    session.signal.addEventListener('abort', unsubscribe, { once: true })
    this.#history.trim()
    if (lastEventId === '') session.offer(frameBytes(encodePosition(this.#idAt(this.#history.head))))
    else this.#resume(subscriber, lastEventId)
    this.#replay(subscriber)
    this.#tell(this.#options.onSubscribe, session)
    return unsubscribe
  }

  broadcast(event: ChannelEvent): string {
    if (this.#isClosed) {
      throw new SseError(
        'CHANNEL_CLOSED',
        'The channel is closed for good: nobody would get the event. Make a new channel.',
      )
    }
    if ('id' in event && event.id !== undefined) {
      throw new SseError(
        'INVALID_EVENT_ID',
        `The channel gives each event its id, so ${JSON.stringify(event.id)} has no place.`,
      )
    }
    const id = this.#idAt(this.#history.head + 1)
    const bytes = frameBytes(encodeSessionEvent({ ...event, id }))
    this.#history.add(bytes)
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.isLive) this.#send(subscriber, bytes)
    }
    return id
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#subscribers.keys()].map((session) => session.drain()))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#subscribers.keys()].map((session) => session.close()))
  }

  /** Finds where a returning subscriber goes on, and tells it what it cannot get any more. */
  #resume(subscriber: Subscriber, lastEventId: string): void {
    const { head, earliest } = this.#history
    const id = parseEventId(lastEventId)
    let gap: GapReason | undefined
    if (!id || id.tag !== undefined) gap = 'unknown'
    else if (id.epoch !== this.#currentEpoch) gap = 'epoch'
    else if (id.position > head) gap = 'ahead'
    else if (id.position < earliest - 1) gap = 'trimmed'
    if (gap || !id) this.#tellGap(subscriber, gap ?? 'unknown', lastEventId)
    else subscriber.next = id.position + 1
  }

  #tellGap(subscriber: Subscriber, reason: GapReason, requested: string): void {
    const { head, earliest } = this.#history
    subscriber.next = earliest
    const gap = { reason, requested, earliest: earliest > head ? null : this.#idAt(earliest) }
    subscriber.session.offer(frameBytes(encodeGap(gap, this.#idAt(earliest - 1))))
  }

  /**
   * Sends from the history, as fast as the client reads, and joins the live events in the very tick in which nothing is
   * left: so none is missed and none sent twice.
   */
  #replay(subscriber: Subscriber): void {
    const { session } = subscriber
    const history = this.#history
    while (session.isOpen && this.#subscribers.get(session) === subscriber) {
      if (subscriber.next < history.earliest) this.#tellGap(subscriber, 'trimmed', this.#idAt(subscriber.next - 1))
      if (subscriber.next > history.head) {
        subscriber.isLive = true
        return
      }
      if (!session.hasRoom) {
        session.whenRoom(() => this.#replay(subscriber))
        return
      }
      session.offer(history.at(subscriber.next++))
    }
  }

  #send(subscriber: Subscriber, bytes: Uint8Array): void {
    const { session } = subscriber
    if (session.waitsWhenFull && !session.hasRoom) {
      // It waits in the history that all share, not in a queue of its own.
      subscriber.isLive = false
      subscriber.next = this.#history.head
      session.whenRoom(() => this.#replay(subscriber))
    } else session.offer(bytes)
  }

  #unsubscribe(session: ServerSession): void {
    if (this.#subscribers.delete(session)) this.#tell(this.#options.onUnsubscribe, session)
  }

  #tell(listener: ((session: Session) => void) | undefined, session: ServerSession): void {
    try {
      listener?.(session)
    } catch (error) {
      session.report(error)
    }
  }

  #idAt(position: number): string {
    return formatEventId({ epoch: this.#currentEpoch, position })
  }

  get #currentEpoch(): string {
    this.#epoch ??= createEpoch()
    return this.#epoch
  }
}

interface Subscriber {
  session: ServerSession
  /** The next position to replay. Of no meaning while live. */
  next: number
  isLive: boolean
}
