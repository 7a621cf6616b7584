import { encodeComment, encodeRetry, type Frame, SseError } from '../protocol/index.ts'
import type { Alarm, Timed } from './alarm.ts'
import { Authorization } from './authorization.ts'
import type { CloseReason } from './close-reason.ts'
import { encodeComeBack } from './come-back.ts'
import { type DrainOptions, drainSpreadOf } from './drain-options.ts'
import { joinDrain, leaveDrain } from './drain-signal.ts'
import type { FedSession } from './fed-session.ts'
import { firstBytes } from './first-bytes.ts'
import { frameBytes } from './frame-bytes.ts'
import { type Delivery, FrameQueue } from './frame-queue.ts'
import { lastIdIn } from './last-id.ts'
import { encodePassedOn } from './passed-on.ts'
import { checkPipe, type PipeOptions, type PipeResult, type PipeSource, type PipeTarget, pipeInto } from './pipe.ts'
import { encodeFinalEnd } from './reserved.ts'
import type { Session } from './session.ts'
import { type EncodeData, encodeSessionEvent, type SessionEvent } from './session-event.ts'
import type { SessionSettings } from './session-options.ts'
import type { SessionPlaces } from './session-places.ts'
import type { SessionEnd, SessionState } from './session-state.ts'
import type { Sink, SinkListener } from './sink.ts'
import type { StreamRequest } from './stream-request.ts'

/** The implementation of {@link Session}: its states and its limits, over any {@link Sink}. */
export class ServerSession implements FedSession, SinkListener, Timed, PipeTarget {
  readonly lastEventId: string
  readonly isEventSource: boolean
  readonly closed: Promise<CloseReason>
  droppedEvents = 0
  /** Internal: called when the session accepts anything, and when it is no longer open. */
  onBegun: (() => void) | undefined
  /** Internal: the sequence of event IDs that the client resumes. */
  sequence: object | undefined
  /** Internal: the client's places in channels that have names. */
  places: SessionPlaces | undefined
  state: unknown
  readonly #settings: SessionSettings
  readonly #sink: Sink | undefined
  #state: SessionState = { name: 'open' }
  #resolveClosed!: (reason: CloseReason) => void
  #controller: AbortController | undefined
  readonly #queue = new FrameQueue()
  /**
   * The promises of bytes in the sink that are not yet sent, with the byte count after which each
   * resolves.
   */
  #inFlight: { end: number; deliveries: readonly Delivery[] }[] | undefined
  /** Whether the session accepted something that it will not send. */
  #hasLost = false
  /** The last event ID that the client has after everything accepted; `undefined` if we sent none. */
  #cursor: string | undefined
  #bytesWritten = 0
  #bytesFlushed = 0
  #sinkIsFull = false
  #waitingForRoom: (() => void)[] | undefined
  #acceptedFrames = 0
  #alarm: Alarm | undefined
  readonly #endsAt: number
  #lastSentAt: number
  #lastProgressAt: number
  readonly #authorization: Authorization | undefined

  /** A reason in place of a sink means that the session is over from the start. */
  constructor(request: StreamRequest, settings: SessionSettings, sink: Sink | CloseReason) {
    this.lastEventId = request.lastEventId
    this.isEventSource = request.isEventSource
    this.#settings = settings
    this.state = settings.state
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    const now = performance.now()
    this.#lastSentAt = this.#lastProgressAt = now
    this.#endsAt = now + settings.maxDurationMs * (1 - 0.09 * Math.random())
    if (settings.authorize) {
      this.#authorization = new Authorization(settings.authorize, settings, now, {
        onError: (error) => this.isOpen && this.report(error),
        onRefused: () => this.#revoke(),
      })
    }
    if (typeof sink === 'string') {
      this.#over(sink)
      return
    }
    this.#sink = sink
    this.#sinkIsFull = !sink.start(this)
    // Sends the first bytes at once: Firefox's fetch and several proxies hold a response back until
    // its body starts.
    if (settings.contentCoding) this.#hand(settings.contentCoding.head())
    this.#accept(firstBytes(settings.retryMs))
    if (settings.drainSignal) joinDrain(settings.drainSignal, this)
    if (this.isOpen) this.#setAlarm(now)
  }

  get isOpen(): boolean {
    return this.#state.name === 'open'
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (!this.isOpen) this.#controller.abort(this.#closedError())
    }
    return this.#controller.signal
  }

  get unsentBytes(): number {
    return this.#queue.byteLength + this.#bytesWritten - this.#bytesFlushed
  }

  send(event: SessionEvent): Promise<void> {
    return this.#deliver(() => encodePassedOn(event, this.isEventSource, this.encodeData))
  }

  write(frame: Frame): Promise<void> {
    return this.#deliver(() => {
      if (typeof frame === 'string') return frame
      throw new SseError('INVALID_DATA', 'write() needs a frame, such as encodeEvent() makes. Use send() for an event.')
    })
  }

  comment(text?: string): Promise<void> {
    return this.#deliver(() => encodeComment(text))
  }

  retry(milliseconds: number): Promise<void> {
    return this.#deliver(() => encodeRetry(milliseconds))
  }

  pipe<T>(source: PipeSource<T>, options: PipeOptions<T> = {}): Promise<PipeResult> {
    try {
      checkPipe(source, options)
    } catch (error) {
      // Nothing will come: the client must not wait for it.
      void this.#end('failed', { isBroken: true })
      throw error
    }
    return pipeInto(this, source, options)
  }

  close(): Promise<CloseReason> {
    return this.#end('closed', { lastFrame: this.isEventSource ? encodeFinalEnd(this.cursor) : undefined })
  }

  drain(options: DrainOptions = {}): Promise<CloseReason> {
    const { retryMs } = this.#settings
    const spreadMs = drainSpreadOf(options, this.#settings.drainSpreadMs)
    return this.#interrupt('drained', {
      lastFrame: this.#comeBackIn(Math.round((retryMs ?? 0) + Math.random() * spreadMs)),
      isLeaving: true,
    })
  }

  /** Ends a stream that is not complete. */
  #interrupt(reason: CloseReason, end: Omit<SessionEnd, 'isBroken'> = {}) {
    return this.#end(reason, { ...end, isBroken: this.#settings.whenInterrupted === 'break' })
  }

  /** Ends the session after everything accepted and one last frame. */
  #end(reason: CloseReason, { lastFrame, isBroken = false, isLeaving = false }: SessionEnd) {
    if (this.isOpen) {
      const { contentCoding } = this.#settings
      // Not through #accept: the last frame is sent however much is waiting.
      if (lastFrame !== undefined) this.#queue.push(this.#encode(frameBytes(lastFrame)))
      if (contentCoding && !this.#hasLost && !isBroken) this.#queue.push(contentCoding.tail())
      this.#stopBeingOpen({ name: 'ending', reason, ending: { isBroken, isLeaving } })
      this.#lastProgressAt = performance.now()
      this.#setAlarm(this.#lastProgressAt)
      this.#pump()
    }
    return this.closed
  }

  /** Internal: `id` is the last ID in the bytes, if the caller knows it. */
  offer(bytes: Uint8Array, id?: string): boolean {
    return this.isOpen && this.#accept(bytes, undefined, id)
  }

  get hasRoom(): boolean {
    return this.isOpen && this.unsentBytes < Math.min(roomBytes, this.#settings.maxUnsentBytes)
  }

  cutOff(): Promise<CloseReason> {
    if (this.isOpen) {
      this.#sink?.destroy()
      this.#over('too-slow')
    }
    return this.closed
  }

  whenRoom(callback: () => void): void {
    if (this.hasRoom || !this.isOpen) callback()
    else {
      this.#waitingForRoom ??= []
      this.#waitingForRoom.push(callback)
    }
  }

  /** Internal: whether anything was accepted after the first bytes. */
  get hasBegun(): boolean {
    return this.#acceptedFrames > 1
  }

  /** Internal: the last event ID that the client has after everything accepted. */
  get cursor(): string {
    return this.#cursor ?? this.lastEventId
  }

  /** Internal: whether events beyond the bound wait at their source instead of here. */
  get waitsWhenFull(): boolean {
    return this.#settings.whenFull === 'wait'
  }

  /** Internal: gives the data of an event as text. */
  get encodeData(): EncodeData {
    return this.#settings.encodeData
  }

  /** Internal: why the session ended, as soon as it is no longer open. */
  get closeReason(): CloseReason | undefined {
    return this.#state.name === 'open' ? undefined : this.#state.reason
  }

  /**
   * Internal: reports an error to the operator, sends the client the event for it if there is one,
   * and breaks the response off.
   */
  async fail(error: unknown, { errorEvent, keepOpen = false }: Pick<PipeOptions, 'errorEvent' | 'keepOpen'> = {}) {
    this.report(error)
    let frame: Frame | undefined
    if (errorEvent) {
      try {
        frame = encodeSessionEvent(typeof errorEvent === 'function' ? errorEvent(error) : errorEvent, this.encodeData)
      } catch (secondError) {
        this.report(secondError)
      }
    }
    if (!keepOpen) await this.#end('failed', { lastFrame: frame, isBroken: true })
    else if (frame) this.offer(frameBytes(frame))
  }

  /** Internal: reports an error to the operator that no promise reports. */
  report(error: unknown): void {
    this.#settings.onError(error)
  }

  #deliver(encode: () => Frame | undefined): Promise<void> {
    if (!this.isOpen) return rejectQuietly(this.#closedError())
    const frame = encode()
    if (!frame) return Promise.resolve()
    const bytes = frameBytes(frame)
    let delivery: Delivery | undefined
    const promise = new Promise<void>((resolve, reject) => {
      delivery = {
        resolve,
        reject(error) {
          promise.catch(ignore)
          reject(error)
        },
      }
    })
    return this.#accept(bytes, delivery) ? promise : rejectQuietly(this.#closedError())
  }

  #encode(bytes: Uint8Array): Uint8Array {
    return this.#settings.contentCoding?.encode(bytes) ?? bytes
  }

  #accept(plain: Uint8Array, delivery?: Delivery, id = lastIdIn(plain)): boolean {
    const { maxUnsentBytes, whenFull } = this.#settings
    const unsentBytes = this.unsentBytes
    if (unsentBytes >= maxUnsentBytes) {
      if (whenFull === 'disconnect') {
        // Accepted events are still sent as long as the client reads. So even if too many events
        // come in one go, each reconnect brings the client further.
        this.#interrupt('too-slow')
        return false
      }
      if (whenFull === 'drop') {
        while (this.unsentBytes + plain.length > maxUnsentBytes && this.#queue.dropOldest()) {
          this.droppedEvents++
          this.#hasLost = true
        }
      }
    }
    this.#acceptedFrames++
    this.onBegun?.()
    this.#cursor = id ?? this.#cursor
    const bytes = this.#encode(plain)
    this.#lastSentAt = performance.now()
    if (unsentBytes === 0) this.#lastProgressAt = this.#lastSentAt
    if (!this.#sinkIsFull && this.#queue.byteLength === 0 && bytes.length <= pieceBytes) {
      // A shortcut for by far the most frequent case: one event, and room for it.
      this.#hand(bytes, delivery && [delivery])
    } else {
      this.#queue.push(bytes, delivery)
      this.#pump()
    }
    return true
  }

  /** Moves bytes from the queue to the sink. Re-entrant: a sink may report from inside `write`. */
  #pump(): void {
    while (!this.#sinkIsFull && this.#queue.byteLength > 0 && this.#sink) {
      const { bytes, deliveries } = this.#queue.take(pieceBytes)
      this.#hand(bytes, deliveries)
    }
    if (this.#state.name === 'ending' && this.#queue.byteLength === 0) {
      const { reason, ending } = this.#state
      this.#state = { name: 'ended', reason }
      this.#sink?.end(ending)
    }
  }

  #hand(bytes: Uint8Array, deliveries?: readonly Delivery[]): void {
    this.#bytesWritten += bytes.length
    if (deliveries?.length) {
      this.#inFlight ??= []
      this.#inFlight.push({ end: this.#bytesWritten, deliveries })
    }
    this.#sinkIsFull = true
    if (this.#sink?.write(bytes)) this.#sinkIsFull = false
  }

  /** Internal: called by the sink. */
  onFlushed(byteLength: number): void {
    this.#bytesFlushed += byteLength
    // With nothing waiting, a stall could not be distinguished from progress.
    if (this.unsentBytes > 0) this.#lastProgressAt = performance.now()
    if (this.#inFlight?.length) {
      let count = 0
      for (const { end, deliveries } of this.#inFlight) {
        if (end > this.#bytesFlushed) break
        for (const delivery of deliveries) delivery.resolve()
        count++
      }
      if (count > 0) this.#inFlight.splice(0, count)
    }
    if (this.#waitingForRoom && this.hasRoom) this.#giveRoom()
  }

  /** Internal: called by the sink. */
  onDrain(): void {
    this.#sinkIsFull = false
    this.#pump()
    if (this.hasRoom) this.#giveRoom()
  }

  /** Internal: called by the sink. */
  onOver(): void {
    this.#over('client-left')
  }

  /** Internal: called by the sink. */
  onEndedByOthers(): void {
    if (this.isOpen) {
      this.report(
        new SseError(
          'RESPONSE_ENDED',
          'Other code ended the response of an open session. Have your framework leave it alone: in Koa set ctx.respond = false, in Fastify call reply.hijack(), in h3 v1 set event._handled = true.',
        ),
      )
    }
    this.#over('response-ended')
  }

  #giveRoom(): void {
    const waiting = this.#waitingForRoom
    if (!waiting) return
    this.#waitingForRoom = undefined
    for (const callback of waiting) callback()
  }

  #over(reason: CloseReason): void {
    const state = this.#state
    if (state.name === 'over') return
    const first = state.name === 'open' ? reason : state.reason
    this.#stopBeingOpen({ name: 'over', reason: first })
    const inFlight = this.#inFlight ?? []
    this.#inFlight = undefined
    this.#rejectDeliveries([...inFlight.flatMap(({ deliveries }) => deliveries), ...this.#queue.clear()])
    this.#resolveClosed(first)
  }

  #stopBeingOpen(next: SessionState): void {
    const wasOpen = this.isOpen
    this.#state = next
    this.onBegun?.()
    this.#cancelAlarm()
    if (!wasOpen) return
    if (this.#settings.drainSignal) leaveDrain(this.#settings.drainSignal, this)
    this.#controller?.abort(this.#closedError())
    this.#giveRoom()
  }

  #rejectDeliveries(deliveries: Delivery[]): void {
    if (deliveries.length === 0) return
    const error = this.#closedError()
    for (const delivery of deliveries) delivery.reject(error)
  }

  #closedError(): SseError {
    const reason = this.#state.name === 'open' ? '' : ` (${this.#state.reason})`
    return new SseError(
      'SESSION_CLOSED',
      `The session is closed${reason}: nothing more can be sent. Stop producing when its signal aborts.`,
    )
  }

  /**
   * One alarm for all limits. It is set for the nearest one and checks again when it goes off, so
   * that sending, which moves most of them, does not need to change it.
   */
  #setAlarm(now: number): void {
    const { heartbeatMs, stallTimeoutMs } = this.#settings
    let next = this.#lastProgressAt + stallTimeoutMs
    // Nothing can stall while nothing waits, but something may begin to wait at any time.
    if (next <= now) next = now + stallTimeoutMs
    if (this.isOpen) {
      let heartbeatAt = this.#lastSentAt + heartbeatMs
      // A heartbeat is due, but not sent because bytes are waiting.
      if (heartbeatAt <= now) heartbeatAt = now + heartbeatMs
      next = Math.min(next, this.#endsAt, heartbeatAt)
      if (this.#authorization) next = Math.min(next, this.#authorization.dueAt)
    }
    this.#cancelAlarm()
    if (next === Number.POSITIVE_INFINITY) return
    this.#alarm = this.#sink?.setAlarm(this, Math.max(next - now, 1))
  }

  #cancelAlarm(): void {
    this.#alarm?.cancel(this)
    this.#alarm = undefined
  }

  /** Internal: called by the alarm. */
  onAlarm(now: number): void {
    this.#alarm = undefined
    const { heartbeatMs, stallTimeoutMs } = this.#settings
    const isWaiting = this.unsentBytes > 0 || !this.isOpen
    if (isWaiting && now - this.#lastProgressAt >= stallTimeoutMs) {
      this.#sink?.destroy()
      this.#over('stalled')
      return
    }
    if (this.isOpen) {
      if (now >= this.#endsAt) {
        this.#interrupt('max-duration', { lastFrame: this.#comeBack })
        return
      }
      if (this.#authorization && now >= this.#authorization.dueAt) this.#authorization.ask(now)
      if (this.unsentBytes === 0 && now - this.#lastSentAt >= heartbeatMs) this.offer(heartbeat)
    }
    if (this.#state.name !== 'over') this.#setAlarm(now)
  }

  /**
   * Tells the client to reconnect after its reconnection time and up to as much again. The spread
   * matters because sessions that began with the same event, such as a login or a deployment, also
   * end together.
   */
  get #comeBack(): Frame | undefined {
    const { retryMs } = this.#settings
    return retryMs === null ? undefined : this.#comeBackIn(Math.round(retryMs * (1 + Math.random())))
  }

  #comeBackIn(milliseconds: number): Frame {
    return encodeComeBack(this.#cursor, this.isEventSource, milliseconds)
  }

  /**
   * Ends without sending what is still waiting: the client may no longer receive it. Clients ignore
   * a block that is cut short.
   */
  #revoke(): void {
    if (!this.isOpen) return
    this.#hasLost ||= this.#queue.byteLength > 0
    this.#rejectDeliveries(this.#queue.clear())
    this.#interrupt('unauthorized')
  }
}

/** The most bytes passed to a sink in one piece. */
const pieceBytes = 65_536

/** How far a source that can wait (a pipe, a replay) sends ahead of the client. */
const roomBytes = 65_536

const heartbeat = frameBytes(encodeComment())

function rejectQuietly(error: Error): Promise<never> {
  const promise = Promise.reject(error)
  promise.catch(ignore)
  return promise
}

function ignore(): void {}
