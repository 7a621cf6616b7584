import { encodeEvent, type Frame } from '../protocol/encode.ts'
import { SseError } from '../protocol/errors.ts'
import { GAP_EVENT_TYPE, type GapReason } from '../protocol/signals.ts'
import { namesOf, refuseUnknownName } from '../server/names.ts'
import { dataText, type SessionEvent } from '../server/session-event.ts'

/** An event as a session sends it: data that is not a string is sent as JSON. */
export type TestEvent = SessionEvent

/**
 * What a scripted connection does next: send an event; send text or bytes exactly as they are; or
 * what a function of this module returns.
 */
export type Step = TestEvent | string | Uint8Array | Control

/** A step that is not something to send as it is. Made by the functions of this module. */
export class Control {
  /** @internal */
  readonly kind: 'cut' | 'end' | 'stall' | 'wait' | 'gap' | 'replay'
  /** @internal */
  readonly milliseconds: number
  /** @internal */
  readonly gap: GapInit
  /** @internal */
  readonly events: readonly TestEvent[]

  /** @internal */
  constructor(
    kind: Control['kind'],
    { milliseconds = 0, gap = {}, events = [] as readonly TestEvent[] }: Partial<Omit<Control, 'kind'>> = {},
  ) {
    this.kind = kind
    this.milliseconds = milliseconds
    this.gap = gap
    this.events = events
  }
}

/**
 * Breaks the connection off, as a lost network or a killed server does: the response does not finish.
 * What stands before it in the same script arrives first.
 */
export function cut(): Control {
  return new Control('cut')
}

/** Finishes the response normally. */
export function end(): Control {
  return new Control('end')
}

/**
 * Leaves the connection open and sends nothing more, not even a heartbeat. An event stream does the
 * same at the end of its steps; this says it, and refuses steps after it.
 */
export function stall(): Control {
  return new Control('stall')
}

/**
 * Waits, in milliseconds, before the next step. A fake clock counts.
 *
 * @throws {SseError} `INVALID_OPTION` unless it is a number from 0 up.
 */
export function wait(milliseconds: number): Control {
  checkTime('wait()', milliseconds)
  return new Control('wait', { milliseconds })
}

/**
 * The first bytes of an event, without the rest: by default half of them. Follow it with `cut()`,
 * `stall()`, or the rest.
 *
 * @throws {SseError} for an invalid event; `INVALID_OPTION` for a number of bytes out of range.
 */
export function half(event: TestEvent, bytes?: number): Uint8Array {
  const frame = new TextEncoder().encode(encodeTestEvent(event))
  const count = bytes ?? Math.floor(frame.length / 2)
  if (!Number.isInteger(count) || count < 0 || count > frame.length)
    throw new SseError('INVALID_OPTION', `half() of ${bytes} bytes: this event has ${frame.length} bytes.`)
  return frame.subarray(0, count)
}

/** What a `gap()` says. */
export interface GapInit {
  /** Default `trimmed`. */
  reason?: GapReason | undefined
  /** The ID of the earliest event that is kept. Default `null`: nothing is kept. */
  earliest?: string | null | undefined
  /** The ID of the gap event itself. Default: none. */
  id?: string | undefined
}

/**
 * A server that has lost the ID it was asked for: sends the `headwater-gap` event that a channel or
 * hub of Headwater sends, with the request's `Last-Event-ID`. Sends nothing if the request has none.
 *
 * @throws {SseError} `INVALID_OPTION` for a name that means nothing here.
 */
export function gap(init: GapInit = {}): Control {
  refuseUnknownName("gap()'s options", init, gapNames)
  return new Control('gap', { gap: init })
}

const gapNames = namesOf<GapInit>({ reason: true, earliest: true, id: true })

/**
 * Makes the client forget its last event ID: its next request has no `Last-Event-ID`. By the
 * standard, a block with an empty `id` does that; it dispatches no event.
 */
export function forgetId(): string {
  return 'id\n\n'
}

/**
 * A server with a history: sends the events after the request's `Last-Event-ID`; all of them if the
 * request has none; and a gap, then all of them, if no event has that ID.
 *
 * @throws {SseError} for an invalid event, and `INVALID_EVENT_ID` for one without an ID.
 */
export function replay(events: readonly TestEvent[]): Control {
  for (const event of events) {
    encodeTestEvent(event)
    if (!event.id)
      throw new SseError('INVALID_EVENT_ID', `replay() needs an id in each event; one has ${JSON.stringify(event)}.`)
  }
  return new Control('replay', { events })
}

/** The event that a channel or hub sends for a gap. */
export function encodeGapEvent({ reason = 'trimmed', earliest = null, id }: GapInit, requested: string): Frame {
  return encodeEvent({ type: GAP_EVENT_TYPE, data: JSON.stringify({ reason, requested, earliest }), id })
}

/** Unlike a session, a script may also send what only Headwater sends. */
export function encodeTestEvent(event: TestEvent): Frame {
  return encodeEvent(Object(event) === event ? { ...event, data: dataText(event.data) } : (event as never))
}

/** Throws `INVALID_OPTION` unless it is a time in milliseconds. */
export function checkTime(what: string, milliseconds: unknown): void {
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0))
    throw new SseError('INVALID_OPTION', `${what} is ${milliseconds}, not a number of milliseconds from 0 up.`)
}
