import type { IsAnyEvents } from '../protocol/event-map.ts'
import { type AnyEvents, type Frame, SseError } from '../protocol/index.ts'
import type { CloseReason } from './close-reason.ts'
import { frameBytes } from './frame-bytes.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { isObservable, type ObservableSource, readObservable } from './observable.ts'
import { encodePassedOn } from './passed-on.ts'
import { whyNoSource } from './pipe-source.ts'
import {
  type EncodeData,
  encodeSessionEvent,
  type MappedEvent,
  type MessageData,
  type SessionEvent,
} from './session-event.ts'

/** The source of a pipe: a list, a generator, a Node `Readable`, a web `ReadableStream` or an Observable. */
export type PipeSource<T> = Iterable<T> | AsyncIterable<T> | ReadableStream<T> | ObservableSource<T>

/**
 * An item that a pipe can send without `toEvent`: an event, also one from `readEvents()` or
 * `events()`, or the data of one. Bytes are UTF-8 text.
 */
export type PipeItem<M extends object = AnyEvents> =
  IsAnyEvents<M> extends true ? SessionEvent | ReceivedEvent | Plain | Uint8Array : MappedItem<M>

/** An item of a pipe for the events of a map. */
export type MappedItem<M extends object> = MappedEvent<M> | ReceivedEvent | (MessageData<M> & Plain) | Uint8Array

/** What needs no object around it to be the data of an event without a type. */
type Plain = string | number | boolean | null

/** An event from the client's `events()`. */
interface ReceivedEvent {
  readonly type: string
  readonly data: unknown
  readonly lastEventId: string
}

export interface PipeOptions<T = PipeItem, M extends object = AnyEvents> {
  /** Converts each item to an event. Required if the items are objects but not events. */
  toEvent?: ((item: T) => SessionEvent<M>) | undefined
  /** Leaves the session open after the source has ended or failed. Default `false`. */
  keepOpen?: boolean | undefined
  /**
   * An event to send when the source fails, before the response is broken off. Default: none. Only
   * the session's `onError` gets the error, which may contain what the client must not know.
   */
  errorEvent?: SessionEvent<M> | ((error: unknown) => SessionEvent<M>) | undefined
}

/** How a pipe ended. */
export type PipeResult =
  /** The source ended, and all of it was sent. */
  | { outcome: 'completed' }
  /** The source or `toEvent` threw `error`, or an item was not an event. */
  | { outcome: 'failed'; error: unknown }
  /** The session ended first. */
  | { outcome: 'closed'; reason: CloseReason }

/** The session that a pipe fills, with its internal methods. */
export interface PipeTarget {
  readonly isOpen: boolean
  readonly isEventSource: boolean
  readonly signal: AbortSignal
  readonly hasRoom: boolean
  /** Why the session ended, as soon as it is no longer open. */
  readonly closeReason: CloseReason | undefined
  readonly encodeData: EncodeData
  offer(bytes: Uint8Array): boolean
  whenRoom(callback: () => void): void
  close(): Promise<CloseReason>
  /** Reports the error to the operator, and breaks the response off. */
  fail(error: unknown, options: Pick<PipeOptions, 'errorEvent' | 'keepOpen'>): Promise<void>
  /** Reports an error to the operator that no promise reports. */
  report(error: unknown): void
}

/** Throws `INVALID_OPTION` for what is not a source, and for options that mean nothing. */
export function checkPipe(source: unknown, options: PipeOptions<never>): void {
  const problem = whyNoSource(source)
  if (problem !== undefined) {
    throw new SseError(
      'INVALID_OPTION',
      `pipe() needs an iterable, an async iterable, a stream or an Observable, not ${problem}.`,
    )
  }
  if (typeof options !== 'object' || options === null) {
    throw new SseError('INVALID_OPTION', `pipe()'s options are ${String(options)}, not an object.`)
  }
  refuseUnknownName("pipe()'s options", options, optionNames)
  const { toEvent, keepOpen, errorEvent } = options
  expect('toEvent', toEvent, ['function'])
  expect('keepOpen', keepOpen, ['boolean'])
  expect('errorEvent', errorEvent, ['function', 'object'])
}

const optionNames = namesOf<PipeOptions>({ toEvent: true, keepOpen: true, errorEvent: true })

function expect(name: string, value: unknown, types: readonly string[]): void {
  if (value === undefined || types.includes(typeof value)) return
  throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be of type ${types.join(' or ')}.`)
}

/** Implements `Session.pipe`, for arguments that {@link checkPipe} has checked. */
export async function pipeInto<T>(
  session: PipeTarget,
  source: PipeSource<T>,
  { toEvent, keepOpen = false, errorEvent }: PipeOptions<T>,
): Promise<PipeResult> {
  let reader: ItemReader<T>
  try {
    reader = new ItemReader(source, (error) => session.report(error))
  } catch (error) {
    await session.fail(error, { errorEvent, keepOpen })
    return { outcome: 'failed', error }
  }
  const encoder: Encoder<T> = toEvent
    ? { encode: (item) => encodePassedOn(toEvent(item), session.isEventSource, session.encodeData) }
    : itemEncoder(session)
  // Stops at once, even while the source is producing its next item, which is no longer needed.
  const stop = () => reader.stop()
  if (session.isOpen) session.signal.addEventListener('abort', stop)
  else stop()
  try {
    for (let count = 1; session.isOpen; count++) {
      const next = reader.next()
      const step = 'then' in next ? await next : next
      if (!session.isOpen) break
      const frame = step.done ? encoder.flush?.() : encoder.encode(step.value)
      if (frame !== undefined) session.offer(frameBytes(frame))
      if (step.done) {
        if (!keepOpen) await session.close()
        return { outcome: 'completed' }
      }
      // An Observable cannot wait: the session's `whenFull` says what happens to its events.
      if (reader.canWait && !session.hasRoom) await new Promise<void>((resolve) => session.whenRoom(resolve))
      // A source that never makes us wait would block timers and sockets.
      if (count % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 0))
    }
  } catch (error) {
    // An error that a source throws because it was stopped is not a failure.
    if (session.isOpen) {
      stop()
      await session.fail(error, { errorEvent, keepOpen })
      return { outcome: 'failed', error }
    }
  } finally {
    session.signal.removeEventListener('abort', stop)
  }
  return { outcome: 'closed', reason: session.closeReason as CloseReason }
}

/** Reads every kind of source in one way that can be interrupted. */
class ItemReader<T> {
  /** Whether the source waits for `next()`. */
  readonly canWait: boolean
  readonly #source: { next(): IteratorResult<T> | Promise<IteratorResult<T>>; stop(): unknown }
  readonly #onError: (error: unknown) => void
  #isFinished = false
  #interrupt: (() => void) | undefined

  constructor(source: PipeSource<T>, onError: (error: unknown) => void) {
    this.canWait = !isObservable(source) || Symbol.asyncIterator in source || Symbol.iterator in source
    this.#source = openSource(source)
    this.#onError = onError
  }

  next(): IteratorResult<T> | Promise<IteratorResult<T>> {
    const next = this.#source.next()
    if (!('then' in next)) {
      this.#isFinished ||= next.done === true
      return next
    }
    // Not Promise.race against the session's end: that promise would keep every item it was ever
    // raced against.
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve({ done: true, value: undefined })
      next.then(
        (step) => {
          this.#isFinished ||= step.done === true
          resolve(step)
        },
        (error: unknown) => {
          this.#isFinished = true
          reject(error)
        },
      )
    })
  }

  /** Ends the source, and a `next()` in progress. */
  stop(): void {
    this.#interrupt?.()
    if (this.#isFinished) return
    this.#isFinished = true
    new Promise((resolve) => resolve(this.#source.stop())).catch(this.#onError)
  }
}

function openSource<T>(source: PipeSource<T>) {
  if ('getReader' in source) {
    const reader = source.getReader()
    return {
      next: () => reader.read() as Promise<IteratorResult<T>>,
      stop: () => reader.cancel(),
    }
  }
  if (Symbol.asyncIterator in source) {
    const iterator = source[Symbol.asyncIterator]()
    return {
      next: () => iterator.next(),
      stop() {
        // The iterator of a Node stream would return only after its pending read.
        if ('destroy' in source && typeof source.destroy === 'function') source.destroy()
        return iterator.return?.()
      },
    }
  }
  if (Symbol.iterator in source) {
    const iterator = source[Symbol.iterator]()
    return { next: () => iterator.next(), stop: () => iterator.return?.() }
  }
  return readObservable(source)
}

/** `events()` gives each event the last event ID in force, and the type `message` if it has none. */
function toSessionEvent(item: SessionEvent | ReceivedEvent): SessionEvent {
  if (!('lastEventId' in item)) return item
  const { type, data, lastEventId } = item
  const event = { type: type === 'message' ? undefined : type, data, id: lastEventId || undefined }
  // Passed on, so that this other word for the type is refused like everywhere.
  return 'event' in item ? Object.assign(event, { event: item.event }) : event
}

interface Encoder<T> {
  encode(item: T): Frame | undefined
  flush?(): Frame | undefined
}

/** Encodes a {@link PipeItem}. */
function itemEncoder({ isEventSource, encodeData }: PipeTarget): Encoder<unknown> {
  const decoder = new TextDecoder()
  // A character may be cut between two chunks, so a chunk may yield no text yet.
  const encodeChunk = (text: string) => (text === '' ? undefined : encodeSessionEvent({ data: text }, encodeData))
  return {
    encode(item) {
      if (item instanceof Uint8Array) return encodeChunk(decoder.decode(item, { stream: true }))
      if (typeof item !== 'object' || item === null) return encodeSessionEvent({ data: item }, encodeData)
      if ('data' in item) {
        return encodePassedOn(toSessionEvent(item as SessionEvent | ReceivedEvent), isEventSource, encodeData)
      }
      throw new SseError(
        'INVALID_DATA',
        'A piped object without data is not an event. Did you mean pipe(source, { toEvent: (item) => ({ data: item }) })?',
      )
    },
    flush: () => encodeChunk(decoder.decode()),
  }
}
