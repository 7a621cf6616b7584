import { type GapReason, SseError } from '../protocol/index.ts'
import { claimSession } from './claim-session.ts'
import { createEpoch, formatEventId, parseEventId } from './event-id.ts'
import { frameBytes } from './frame-bytes.ts'
import { encodeGap } from './gap.ts'
import { History, type HistoryOptions } from './history.ts'
import { namesOf, refuseUnknownName } from './names.ts'
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

interface SubscribeOptions {
  /**
   * Where the session resumes. Default: after the last event ID that its client has. `earliest`:
   * before everything that is kept.
   */
  lastEventId?: string | undefined
}

/**
 * Sends events to many sessions, and replays to each reconnecting one what it missed: in memory,
 * within one process. Its events form one sequence, with IDs `<epoch>.<position>`. A session belongs
 * to one channel, because its client can resume one sequence only. Use the hub for many topics, for a history that survives a restart,
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
   * Ends with the session, or when the returned function is called. A closed channel sends what is
   * kept, and then closes the session.
   *
   * @throws SseError `ALREADY_SUBSCRIBED` for a session of another channel; `INVALID_OPTION`.
   */
  subscribe(session: Session, options?: SubscribeOptions): () => void
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
   * Permanently closes every session subscribed now or later, each after what it is still to get
   * from the history. Resolves when the current ones have ended.
   */
  close(): Promise<void>
}

/** An event without an ID: the channel sets it. */
export type ChannelEvent = Omit<SessionEvent, 'id'> & { id?: never }

/**
 * Creates a channel.
 *
 * @throws SseError `INVALID_OPTION`
 */
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
    checkOptions(options)
    this.#options = options
    this.#history = new History(options.history ?? {})
  }

  get subscriberCount(): number {
    return this.#subscribers.size
  }

  get subscribers(): Iterable<Session> {
    return this.#subscribers.keys()
  }

  subscribe(session: Session, options: SubscribeOptions = {}): () => void {
    refuseUnknownName("subscribe's options", options, subscribeNames)
    if (!(session instanceof ServerSession)) {
      throw new SseError('INVALID_OPTION', 'subscribe() needs a session made by createSession or createResponse.')
    }
    claimSession(session, this)
    const unsubscribe = () => this.#unsubscribe(session)
    if (!session.isOpen || this.#subscribers.has(session)) return unsubscribe
    const subscriber: Subscriber = { session, next: this.#history.head + 1, isLive: false }
    this.#subscribers.set(session, subscriber)
    session.signal.addEventListener('abort', unsubscribe, { once: true })
    this.#history.trim()
    const hasGap = this.#resume(subscriber, options.lastEventId ?? this.#lastIdOf(session))
    // Also where the client has this ID: some drop an ID unless the response repeats it.
    if (!hasGap && subscriber.next > this.#history.head) {
      session.offer(frameBytes(encodePosition(this.#idAt(this.#history.head), session.isEventSource)))
    }
    this.#replay(subscriber)
    this.#tell(this.#options.onSubscribe, session)
    return unsubscribe
  }

  /** The ID that a session's client has by now, if it is one of ours; or else had at the beginning. */
  #lastIdOf({ cursor, lastEventId }: ServerSession): string {
    return parseEventId(cursor)?.epoch === this.#currentEpoch ? cursor : lastEventId
  }

  broadcast(event: ChannelEvent): string {
    if (this.#isClosed) {
      throw new SseError(
        'CHANNEL_CLOSED',
        'The channel is permanently closed: nobody would get the event. Create a new channel.',
      )
    }
    if (typeof event === 'object' && event !== null && 'id' in event && event.id !== undefined) {
      throw new SseError(
        'INVALID_EVENT_ID',
        `The channel sets the id of each event. Remove the id ${JSON.stringify(event.id)}.`,
      )
    }
    const id = this.#idAt(this.#history.head + 1)
    // What is not an object is refused as such.
    const bytes = frameBytes(encodeSessionEvent(Object(event) === event ? { ...event, id } : event))
    this.#history.add(bytes)
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.isLive) this.#send(subscriber, bytes)
    }
    return id
  }

  async drain(): Promise<void> {
    const among = this.#subscribers.size
    await Promise.all([...this.#subscribers.keys()].map((session) => session.drain({ among })))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const ended = [...this.#subscribers.values()].map(({ session, isLive }) => {
      // A replay under way ends with the session when it has reached the head.
      if (isLive) session.close()
      return session.closed
    })
    await Promise.all(ended)
  }

  /**
   * Finds where a subscriber begins. Returns whether part of what its client missed is gone, which the
   * client is told.
   */
  #resume(subscriber: Subscriber, lastEventId: string): boolean {
    const { head, earliest } = this.#history
    if (lastEventId === 'earliest') subscriber.next = earliest
    if (lastEventId === '' || lastEventId === 'earliest') return false
    const id = parseEventId(lastEventId)
    let gap: GapReason | undefined
    if (!id || id.tag !== undefined) gap = 'unknown'
    else if (id.epoch !== this.#currentEpoch) gap = 'epoch'
    else if (id.position > head) gap = 'ahead'
    else if (id.position < earliest - 1) gap = 'trimmed'
    if (gap || !id) {
      this.#tellGap(subscriber, gap ?? 'unknown', lastEventId)
      return true
    }
    subscriber.next = id.position + 1
    return false
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
        if (this.#isClosed) session.close()
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

function checkOptions(options: ChannelOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new SseError('INVALID_OPTION', `The channel's options are ${String(options)}, not an object.`)
  }
  refuseUnknownName("a channel's options", options, optionNames)
  for (const name of ['onSubscribe', 'onUnsubscribe'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a function.`)
    }
  }
}

const optionNames = namesOf<ChannelOptions>({ history: true, onSubscribe: true, onUnsubscribe: true })
const subscribeNames = namesOf<SubscribeOptions>({ lastEventId: true })

interface Subscriber {
  session: ServerSession
  /** The next position to replay. Has no meaning while live. */
  next: number
  isLive: boolean
}
