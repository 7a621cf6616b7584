import { encodeEvent, type Frame } from '../protocol/index.ts'
import { CLOSE_EVENT_TYPE, POSITION_EVENT_TYPE } from '../protocol/signals.ts'
import { encodePosition, isReservedEventType } from './reserved.ts'
import { dataText, type EncodeData, encodeSessionEvent, type SessionEvent } from './session-event.ts'

/**
 * Encodes an event for one session, which may come from another Headwater: a gap stays what it is, a
 * position takes the form that this client understands. Returns `undefined` where nothing is to be
 * sent: the end of another stream says nothing about this one.
 */
export function encodePassedOn(
  event: SessionEvent,
  isEventSource: boolean,
  encodeData?: EncodeData,
): Frame | undefined {
  const type = (event as SessionEvent | null | undefined)?.type
  if (type === undefined || !isReservedEventType(type)) return encodeSessionEvent(event, encodeData)
  const { data, id } = event
  if (type === CLOSE_EVENT_TYPE) return undefined
  if (type === POSITION_EVENT_TYPE) return id === undefined ? undefined : encodePosition(id, isEventSource)
  return encodeEvent({ type, data: dataText(data), id })
}
