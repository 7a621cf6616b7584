import { encodePosition, type FedSession, frameBytes } from '@headwater/sse/internal'
import { GAP_EVENT_TYPE, type GapReason } from '@headwater/sse/server'
import type { HubCore } from '../hub/hub-core.ts'
import { everyTopic } from '../matching/matcher.ts'
import type { StreamLog } from './stream-log.ts'
import { beginningId, isEnd, numberInId, readRecord, reasonOf, recordId, type StreamEndKind } from './stream-record.ts'

/** An event of a stream as a reader receives it. */
export interface StreamEvent {
  /** The ID to resume after. */
  readonly id: string
  /** The event type; `message` if the writer set none. */
  readonly type: string
  readonly data: string
}

/**
 * The type of the event that says that a stream is not complete: `failed`, `stopped` or `lost`. Its
 * data is JSON, `{"how","reason"}`. A stream that is complete just ends.
 */
export const STREAM_ENDED_EVENT_TYPE = 'headwater-ended'

/** How a reader came to the end of a stream; `undefined` if the hub closes first. */
export type ReadEnd = StreamEndKind | undefined

/**
 * Yields the events of a stream after an ID, or all of them, until it ends. Ends early, returning
 * `undefined`, when the hub closes. Where records are gone from the history, yields a gap.
 */
export async function* readStream(
  hub: HubCore,
  log: StreamLog,
  name: string,
  after: string,
  signal?: AbortSignal,
): AsyncGenerator<StreamEvent, ReadEnd, undefined> {
  const has = numberInId(name, after)
  // Who has the end waits for nothing.
  const place = has === undefined ? undefined : await log.place(name)
  if (place?.name === 'ended' && recordId(name, place.last.run, place.last.number) === after) return place.how
  // An ID of something else says nothing about this stream: then everything comes, after a gap.
  const isKnown = has !== undefined || after === '' || after === 'earliest'
  let lostAs = isKnown ? undefined : gap('unknown', after)
  // From its beginning, if that is kept: a history that has just been opened is read as a whole.
  const beginning = has === undefined && (await log.beginningOf(name)) ? beginningId(name) : 'earliest'
  const lastEventId = has === undefined ? beginning : after
  let expected = lastEventId === 'earliest' ? 0 : 1 + (has ?? 0)
  for await (const event of hub.subscribe(log.topics.of(name), { lastEventId, rights: [everyTopic], signal })) {
    if (event.type === GAP_EVENT_TYPE) {
      expected = Number.NaN
      lostAs = (earliest) => JSON.stringify({ ...JSON.parse(event.data), requested: after, earliest })
      continue
    }
    const record = readRecord(event)
    if (!record) continue
    const { kind, number, run } = record
    if (number > expected) lostAs ??= gap('trimmed', after)
    // With an ID of the stream's, to resume from: that before the next record.
    if (lostAs) yield { id: recordId(name, run, Math.max(0, number - 1)), type: GAP_EVENT_TYPE, data: lostAs(event.id) }
    lostAs = undefined
    expected = number + 1
    if (kind === 'event') yield { id: event.id, type: record.type || 'message', data: record.data }
    if (!isEnd(kind)) continue
    if (kind !== 'closed') {
      const ended = { how: kind, reason: reasonOf(record) }
      yield { id: event.id, type: STREAM_ENDED_EVENT_TYPE, data: JSON.stringify(ended) }
    }
    return kind
  }
  return undefined
}

/** The data of a gap, once it is known where the history goes on. */
function gap(reason: GapReason, requested: string): (earliest: string) => string {
  return (earliest) => JSON.stringify({ reason, requested, earliest })
}

/**
 * Sends a session a stream, no faster than its client reads, and closes it at the end. If the hub
 * closes or the store fails before that, the session is drained, and its client comes back.
 */
export async function deliverStream(
  session: FedSession,
  cursor: string,
  open: (signal: AbortSignal) => AsyncGenerator<StreamEvent, ReadEnd, undefined>,
  onError: (error: unknown) => void,
): Promise<void> {
  // Every response begins with an ID.
  session.offer(frameBytes(encodePosition(cursor, session.isEventSource)))
  const events = open(session.signal)
  try {
    for (;;) {
      await new Promise<void>((resolve) => session.whenRoom(resolve))
      const { value, done } = await events.next()
      if (done) {
        await (value === undefined ? session.drain() : session.close())
        return
      }
      const { id, type, data } = value
      void session.send({ id, data, type: type === 'message' ? undefined : type })
    }
  } catch (error) {
    if (!session.isOpen) return
    onError(error)
    await session.drain()
  } finally {
    void events.return(undefined)
  }
}
