import { type GapReason, SseError } from '../protocol/index.ts'
import type { BroadcastOptions, Channel, ChannelOptions, FilteredEvent, SubscribeOptions } from './channel.ts'
import { parsePlaces, placeIn, placePrefix } from './channel-id.ts'
import { claimSession } from './claim-session.ts'
import { createEpoch, formatEventId, parseEventId } from './event-id.ts'
import { byteLength, frameBytes } from './frame-bytes.ts'
import { encodeGap } from './gap.ts'
import { History, type SentEvent } from './history.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { refuseOtherWords } from './other-words.ts'
import { assertOwnId } from './own-id.ts'
import { encodePosition } from './reserved.ts'
import { ServerSession } from './server-session.ts'
import type { AnySession, Session } from './session.ts'
import { dataEncoder, type EncodeData, encodeSessionEvent, type SessionEvent } from './session-event.ts'
import { SessionPlaces } from './session-places.ts'
import { letProcessEnd } from './timer.ts'

/** The implementation of {@link Channel}, for options that are checked. */
export class MemoryChannel implements Channel {
  readonly name: string | undefined
  readonly #prefix: string
  readonly #options: ChannelOptions<object, never>
  readonly #encodeData: EncodeData
  readonly #history: History
  readonly #subscribers = new Map<ServerSession, Subscriber>()
  /** How far sessions had come that were unsubscribed and are still open. */
  readonly #left = new WeakMap<ServerSession, number>()
  /** Created when first needed: workerd has no random numbers while a module is loading. */
  #epoch: string | undefined
  #isClosed = false
  #positionTimer: unknown

  constructor(options: ChannelOptions<object, never>) {
    this.name = options.name
    this.#prefix = placePrefix(options.name)
    this.#options = options
    this.#encodeData = dataEncoder(options)
    this.#history = new History(options.history ?? {})
  }

  get size(): number {
    return this.#subscribers.size
  }

  get subscribers(): Iterable<Session> {
    return this.#subscribers.keys()
  }

  /** Internal: whether nobody is subscribed, and nothing is left for those who come back. */
  get isIdle(): boolean {
    this.#history.trim()
    return this.size === 0 && this.#history.earliest > this.#history.head
  }

  /** Internal: the age at which events are dropped, in milliseconds. */
  get maxAgeMs(): number {
    return this.#history.maxAgeMs
  }

  subscribe(session: AnySession, options: SubscribeOptions = {}): () => void {
    refuseUnknownName("subscribe's options", options, subscribeNames)
    const { filter, lastEventId } = options
    if (!(session instanceof ServerSession)) {
      throw new SseError('INVALID_OPTION', 'subscribe() needs a session made by createSession or createResponse.')
    }
    if (filter !== undefined && typeof filter !== 'function') {
      throw new SseError('INVALID_OPTION', `filter is ${String(filter)}: it must be a function.`)
    }
    claimSession(session, this.name === undefined ? this : named)
    const unsubscribe = () => this.#unsubscribe(session)
    if (!session.isOpen || this.#subscribers.has(session)) return unsubscribe
    const places = this.#placesOf(session)
    const { head } = this.#history
    const subscriber: Subscriber = {
      session,
      places,
      filter,
      isLive: false,
      next: head + 1,
      told: head,
      skips: undefined,
    }
    const requested = this.#requested(subscriber, lastEventId)
    // After that: making room may leave out other places.
    if (this.name !== undefined) places?.join(this.name)
    this.#subscribers.set(session, subscriber)
    session.signal.addEventListener('abort', unsubscribe, { once: true })
    this.#history.trim()
    const hasGap = this.#resume(subscriber, requested)
    this.#move(subscriber, subscriber.next - 1)
    subscriber.told = subscriber.next - 1
    // Also where the client has this ID: some drop an ID unless the response repeats it.
    if (!hasGap && subscriber.next > this.#history.head) this.#tellPosition(subscriber)
    this.#replay(subscriber)
    this.#tell(this.#options.onSubscribe, session)
    return unsubscribe
  }

  #placesOf(session: ServerSession): SessionPlaces | undefined {
    if (this.name === undefined) return undefined
    session.places ??= new SessionPlaces(session.lastEventId)
    return session.places
  }

  /** The place in this channel from which a session resumes. `''`: its client has none. */
  #requested({ session, places }: Subscriber, given: string | undefined): string {
    const left = this.#left.get(session)
    if (given === undefined && left !== undefined) return this.#placeAt(left)
    if (!places || this.name === undefined) return given ?? session.lastEventId
    const client = given === undefined ? places : new SessionPlaces(given)
    const place = client.of(this.name)
    if (place !== undefined) return place
    // A client that was in other channels only, and in nothing of which we do not know.
    return client.isKnown && !client.hasLeftOut ? '' : (given ?? session.lastEventId)
  }

  broadcast(event: SessionEvent, options: BroadcastOptions = {}): string {
    if (this.#isClosed) {
      throw new SseError(
        'CHANNEL_CLOSED',
        'The channel is permanently closed: nobody would get the event. Create a new channel.',
      )
    }
    refuseUnknownName("broadcast's options", options, broadcastNames)
    const except = exceptions(options.except)
    const position = this.#history.head + 1
    const ownId = Object(event).id as string | undefined
    if (ownId !== undefined) assertOwnId(ownId, this.#history)
    const place = this.#placeAt(position)
    const id = ownId ?? place
    // What is not an object is refused as such.
    const frame = encodeSessionEvent(Object(event) === event ? { ...event, id } : event, this.#encodeData)
    if (frame === undefined) return ''
    // A place is ASCII.
    const idLength = 'id: \n\n'.length + (ownId === undefined ? place.length : byteLength(ownId))
    const content = { type: event.type || 'message', data: event.data }
    const sent: SentEvent = { bytes: frameBytes(frame), idLength, place, ownId, content }
    this.#history.add(sent)
    for (const subscriber of this.#subscribers.values()) {
      if (except?.has(subscriber.session)) this.#except(subscriber, position)
      else if (subscriber.isLive) this.#send(subscriber, sent, position)
    }
    return id
  }

  async drain(): Promise<void> {
    const among = this.#subscribers.size
    await Promise.all([...this.#subscribers.keys()].map((session) => session.drain({ among })))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const ended = [...this.#subscribers.values()].map((subscriber) => {
      // A replay under way ends with the session when it has reached the head.
      if (subscriber.isLive) this.#finish(subscriber)
      return subscriber.places?.isSubscribed ? undefined : subscriber.session.closed
    })
    await Promise.all(ended)
  }

  /** Ends what a closed channel has sent everything. */
  #finish({ session, places }: Subscriber): void {
    this.#unsubscribe(session)
    if (!places?.isSubscribed) session.close()
  }

  /**
   * Finds where a subscriber begins. Returns whether part of what its client missed is gone, which the
   * client is told.
   */
  #resume(subscriber: Subscriber, requested: string): boolean {
    const { head, earliest } = this.#history
    if (requested === 'earliest') subscriber.next = earliest
    if (requested === '' || requested === 'earliest') return false
    const found = this.#find(requested)
    let gap: GapReason | undefined
    if (typeof found === 'string') gap = found
    else if (found > head) gap = 'ahead'
    else if (found < earliest - 1) gap = 'trimmed'
    else subscriber.next = found + 1
    if (gap) this.#tellGap(subscriber, gap, requested)
    return gap !== undefined
  }

  /** The position that an ID is of, or why it is of none. */
  #find(requested: string): number | GapReason {
    const own = this.#history.find(requested)
    if (own !== undefined) return own
    const id = this.name === undefined ? parseEventId(requested) : placeIn(parsePlaces(requested), this.name)
    // Of a channel that had no name.
    const { tag } = id ?? parseEventId(requested) ?? { tag: '' }
    if (tag !== undefined) return 'unknown'
    return id?.epoch === this.#currentEpoch ? id.position : 'epoch'
  }

  #tellGap(subscriber: Subscriber, reason: GapReason, requested: string): void {
    const { head, earliest } = this.#history
    subscriber.next = earliest
    this.#move(subscriber, earliest - 1)
    const first = earliest > head ? null : this.#placeAt(earliest)
    const gap = { reason, requested, earliest: first, channel: this.name }
    subscriber.session.offer(frameBytes(encodeGap(gap, this.#idOf(subscriber, earliest - 1))))
    subscriber.told = earliest - 1
  }

  /**
   * Sends from the history, as fast as the client reads. Joins the live events in the same tick in
   * which nothing is left, so that no event is missed or sent twice.
   */
  #replay(subscriber: Subscriber): void {
    const { session } = subscriber
    const history = this.#history
    while (session.isOpen && this.#subscribers.get(session) === subscriber) {
      if (subscriber.next < history.earliest) this.#tellGap(subscriber, 'trimmed', this.#placeAt(subscriber.next - 1))
      if (subscriber.next > history.head) {
        subscriber.isLive = true
        subscriber.skips = undefined
        if (subscriber.told < history.head) this.#tellPosition(subscriber)
        if (this.#isClosed) this.#finish(subscriber)
        return
      }
      if (!session.hasRoom) {
        session.whenRoom(() => this.#replay(subscriber))
        return
      }
      const position = subscriber.next++
      const event = history.at(position)
      if (subscriber.skips?.has(position) || !this.#passes(subscriber, event)) this.#move(subscriber, position)
      else this.#deliver(subscriber, event, position)
    }
  }

  #send(subscriber: Subscriber, event: SentEvent, position: number): void {
    const { session } = subscriber
    if (!this.#passes(subscriber, event)) {
      this.#pass(subscriber, position)
    } else if (session.waitsWhenFull && !session.hasRoom) {
      // Its events wait in the shared history, not in a separate queue.
      subscriber.isLive = false
      subscriber.next = position
      session.whenRoom(() => this.#replay(subscriber))
    } else this.#deliver(subscriber, event, position)
  }

  #deliver(subscriber: Subscriber, { bytes, idLength, place }: SentEvent, position: number): void {
    const { session, places } = subscriber
    if (this.name !== undefined) places?.move(this.name, place)
    subscriber.told = position
    if (places?.isSeveral) {
      const block = places.withId(bytes, idLength)
      session.offer(block.bytes, block.id)
    } else session.offer(bytes)
  }

  #passes({ filter, session }: Subscriber, { content }: SentEvent): boolean {
    try {
      return filter === undefined || filter(content as FilteredEvent<object>, session)
    } catch (error) {
      session.report(error)
      return false
    }
  }

  /** An event that this subscriber does not get, though it is live. */
  #pass(subscriber: Subscriber, position: number): void {
    this.#move(subscriber, position)
    const { earliest, head } = this.#history
    // An ID that the client has for long would be trimmed: it is told when half of the history is newer.
    if (subscriber.told < (earliest + head) / 2) this.#tellPosition(subscriber)
    else this.#tellPositionsLater()
  }

  #except(subscriber: Subscriber, position: number): void {
    if (subscriber.isLive) {
      this.#move(subscriber, position)
      this.#tellPosition(subscriber)
    } else {
      subscriber.skips ??= new Set()
      subscriber.skips.add(position)
    }
  }

  /** Within ten seconds, and before the history has lost what the client's ID is of. */
  #tellPositionsLater(): void {
    if (this.#positionTimer !== undefined) return
    const timer = setTimeout(
      () => {
        this.#positionTimer = undefined
        for (const subscriber of this.#subscribers.values()) {
          if (subscriber.isLive && subscriber.told < this.#history.head) this.#tellPosition(subscriber)
        }
      },
      Math.min(10_000, this.#history.maxAgeMs / 4),
    )
    this.#positionTimer = timer
    letProcessEnd(timer)
  }

  /** Tells a live client that it has everything up to the head. */
  #tellPosition(subscriber: Subscriber): void {
    const { session } = subscriber
    subscriber.told = this.#history.head
    session.offer(frameBytes(encodePosition(this.#idOf(subscriber, this.#history.head), session.isEventSource)))
  }

  #move({ places }: Subscriber, position: number): void {
    if (this.name !== undefined) places?.move(this.name, this.#placeAt(position))
  }

  /** The ID of a client that has come to this position. */
  #idOf({ places }: Subscriber, position: number): string {
    return places?.isSeveral ? places.format() : this.#placeAt(position)
  }

  #unsubscribe(session: ServerSession): void {
    const subscriber = this.#subscribers.get(session)
    if (!subscriber) return
    this.#subscribers.delete(session)
    if (this.name !== undefined) subscriber.places?.leave(this.name)
    this.#left.set(session, subscriber.isLive ? this.#history.head : subscriber.next - 1)
    this.#tell(this.#options.onUnsubscribe as ((session: Session) => void) | undefined, session)
  }

  #tell(listener: ((session: never) => void) | undefined, session: ServerSession): void {
    try {
      listener?.(session as never)
    } catch (error) {
      session.report(error)
    }
  }

  #placeAt(position: number): string {
    return this.#prefix + formatEventId({ epoch: this.#currentEpoch, position })
  }

  get #currentEpoch(): string {
    this.#epoch ??= createEpoch()
    return this.#epoch
  }
}

refuseOtherWords(MemoryChannel.prototype, 'a channel', {
  publish: 'broadcast',
  send: 'broadcast',
  emit: 'broadcast',
  add: 'subscribe',
  register: 'subscribe',
  subscriberCount: 'size',
  sessionCount: 'size',
  sessions: 'subscribers',
})

/** What claims a session for all channels that have names. */
const named = {}

const subscribeNames = namesOf<SubscribeOptions>({ lastEventId: true, filter: true })
const broadcastNames = namesOf<BroadcastOptions>({ except: true })

function exceptions(except: BroadcastOptions['except']): ReadonlySet<unknown> | undefined {
  if (except === undefined) return undefined
  const sessions = new Set<unknown>(Symbol.iterator in except ? except : [except])
  for (const session of sessions) {
    if (session instanceof ServerSession) continue
    throw new SseError(
      'INVALID_OPTION',
      'except has something that is no session made by createSession or createResponse.',
    )
  }
  return sessions
}

interface Subscriber {
  readonly session: ServerSession
  /** Its client's places in channels with names; `undefined` if this one has none. */
  readonly places: SessionPlaces | undefined
  readonly filter: SubscribeOptions['filter']
  /** The next position to replay. Has no meaning while live. */
  next: number
  isLive: boolean
  /** The position that its client has an ID of. */
  told: number
  /** The positions that it does not get, though it has not come to them yet. */
  skips: Set<number> | undefined
}
