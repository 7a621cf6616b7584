import { type GapReason, SseError } from '../protocol/index.ts'
import { createEpoch, formatEventId, parseEventId } from './event-id.ts'
import { frameBytes } from './frame-bytes.ts'
import { encodeGap } from './gap.ts'
import { History, type HistoryOptions } from './history.ts'
import { encodePosition } from './reserved.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { encodeSessionEvent, type SessionEvent } from './session-event.ts'

export type { HistoryOptions } from './history.ts'

export interface ChannelOptions {
  /** The history, in this process's memory, for clients that reconnect. */
  history?: HistoryOptions | undefined
  /** Called after a session was subscribed. */
  onSubscribe?: ((session: Session) => void) | undefined
  /** Called when a session is no longer subscribed, usually because it ended. */
  onUnsubscribe?: ((session: Session) => void) | undefined
}

/**
 * Sends events to many sessions, and replays to each reconnecting one what it missed: in memory,
 * within one process. Its events form one sequence, with IDs `<epoch>.<position>`. A session can
 * resume with one channel only. Use the hub for many topics, for a history that survives a restart,
 * or for more processes.
 */
export interface Channel {
  readonly subscriberCount: number
  readonly subscribers: Iterable<Session>
  /**
   * Sends the session what it missed since its `lastEventId`, then every broadcast event, none
   * twice and none left out. If part of what it missed is gone, a `headwater-gap` event says so
   * first. A session without an ID gets a position at once, so that it can resume even if it is cut
   * off before its first event.
   *
   * Ends with the session, or when the returned function is called.
   */
  subscribe(session: Session, options?: { lastEventId?: string | undefined }): () => void
  /**
   * Sends an event to every subscriber and returns its ID. The event is encoded once. A slow
   * subscriber delays no other: what it has not read waits within its own session's bound.
   *
   * @throws SseError `INVALID_…` for an invalid event, `CHANNEL_CLOSED` after `close()`.
   */
  broadcast(event: ChannelEvent): string
  /** Drains every currently subscribed session. Resolves when they have ended. */
  drain(): Promise<void>
  /**
   * Permanently closes every session subscribed now or later. Resolves when the current ones have
   * ended.
   */
  close(): Promise<void>
}

/** An event without an ID: the channel sets it. */
export type ChannelEvent = Omit<SessionEvent, 'id'> & { id?: never }

/** Creates a channel. */
export function createChannel(options: ChannelOptions = {}): Channel {
  return new MemoryChannel(options)
}

class MemoryChannel implements Channel {
  readonly #options: ChannelOptions
  readonly #history: History
  readonly #subscribers = new Map<ServerSession, Subscriber>()
  /** Created when first needed: workerd has no random numbers while a module is loading. */
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
      throw new SseError('INVALID_OPTION', 'subscribe() needs a session made by createSession or createResponse.')
    }
    const unsubscribe = () => this.#unsubscribe(session)
    if (this.#isClosed) session.close()
    if (!session.isOpen || this.#subscribers.has(session)) return unsubscribe
    const subscriber: Subscriber = { session, next: this.#history.head + 1, isLive: false }
    this.#subscribers.set(session, subscriber)
    session.signal.addEventListener('abort', unsubscribe, { once: true })
    this.#history.trim()
    if (lastEventId === '') {
      session.offer(frameBytes(encodePosition(this.#idAt(this.#history.head), session.isEventSource)))
    } else this.#resume(subscriber, lastEventId)
    this.#replay(subscriber)
    this.#tell(this.#options.onSubscribe, session)
    return unsubscribe
  }

  broadcast(event: ChannelEvent): string {
    if (this.#isClosed) {
      throw new SseError(
        'CHANNEL_CLOSED',
        'The channel is permanently closed: nobody would get the event. Create a new channel.',
      )
    }
    if ('id' in event && event.id !== undefined) {
      throw new SseError(
        'INVALID_EVENT_ID',
        `The channel sets the id of each event. Remove the id ${JSON.stringify(event.id)}.`,
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

  /** Finds where a returning subscriber resumes, and sends it a gap for what is gone. */
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
   * Sends from the history, as fast as the client reads. Joins the live events in the same tick in
   * which nothing is left, so that no event is missed or sent twice.
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
      // Its events wait in the shared history, not in a separate queue.
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
  /** The next position to replay. Has no meaning while live. */
  next: number
  isLive: boolean
}
