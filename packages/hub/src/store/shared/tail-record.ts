import { createParser } from '@headwater/sse'
import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type { EventRecord, HistoryPosition, StoredEvent } from '../store.ts'

/** What happens at the end of a history, as it is written for other threads. */
export type TailRecord =
  | { readonly name: 'event'; readonly event: StoredEvent }
  | { readonly name: 'trimmed'; readonly trimmed: HistoryPosition }
  | { readonly name: 'failed'; readonly error: HubError }

/** A record as bytes: its fields as JSON, and the frame as it is sent to sockets. */
interface RecordParts {
  readonly fields: Uint8Array
  readonly frame: Uint8Array
}

/** The size of what precedes the fields of a record: two lengths of 32 bits. */
export const recordHeaderBytes = 8

type Fields =
  | readonly [
      name: 'event',
      position: number,
      tag: number,
      topics: readonly string[],
      isPrivate: boolean,
      id: string | null,
      type: string | null,
      retryMs: number | null,
      traceContext: string | null,
      /** Only if it cannot be read from the frame. */
      data: string | null,
    ]
  | readonly [name: 'trimmed', position: number, tag: number]
  | readonly [name: 'failed', code: HubErrorCode, message: string]

const nothing = new Uint8Array(0)

export function encodeRecord(record: TailRecord): RecordParts {
  if (record.name === 'event') {
    const { position, tag, topics, data, isPrivate, id, type, retryMs, traceContext, frame } = record.event
    const own = frame && !data.includes('\r') ? null : data
    const fields = [
      'event',
      position,
      tag,
      topics,
      isPrivate,
      id ?? null,
      type ?? null,
      retryMs ?? null,
      traceContext ?? null,
      own,
    ] as const
    return { fields: toBytes(fields), frame: frame ?? nothing }
  }
  if (record.name === 'trimmed') {
    const { position, tag } = record.trimmed
    return { fields: toBytes(['trimmed', position, tag]), frame: nothing }
  }
  const { code, message } = record.error
  return { fields: toBytes(['failed', code, message]), frame: nothing }
}

/** Does not copy the frame: the event has a view of it. */
export function decodeRecord(fields: Buffer, frame: Uint8Array): TailRecord {
  const values = JSON.parse(fields.toString()) as Fields
  switch (values[0]) {
    case 'event': {
      const [, position, tag, topics, isPrivate, id, type, retryMs, traceContext, data] = values
      const record = {
        topics,
        isPrivate,
        id: id ?? undefined,
        type: type ?? undefined,
        retryMs: retryMs ?? undefined,
        traceContext: traceContext ?? undefined,
      }
      const event =
        data === null
          ? new FramedEvent(record, { position, tag }, frame)
          : { ...record, data, position, tag, frame: frame.length === 0 ? undefined : frame }
      return { name: 'event', event }
    }
    case 'trimmed':
      return { name: 'trimmed', trimmed: { position: values[1], tag: values[2] } }
    case 'failed':
      return { name: 'failed', error: new HubError(values[1], values[2]) }
  }
}

/** An event whose data is read from its frame, as it is seldom needed. */
class FramedEvent implements StoredEvent {
  readonly topics: readonly string[]
  readonly isPrivate: boolean
  readonly id: string | undefined
  readonly type: string | undefined
  readonly retryMs: number | undefined
  readonly traceContext: string | undefined
  readonly position: number
  readonly tag: number
  readonly frame: Uint8Array

  constructor(record: Omit<EventRecord, 'data'>, { position, tag }: HistoryPosition, frame: Uint8Array) {
    this.topics = record.topics
    this.isPrivate = record.isPrivate
    this.id = record.id
    this.type = record.type
    this.retryMs = record.retryMs
    this.traceContext = record.traceContext
    this.position = position
    this.tag = tag
    this.frame = frame
  }

  get data(): string {
    let data = ''
    const parser = createParser({
      maxEventBytes: Infinity,
      onEvent: (event) => {
        data = event.data
      },
    })
    // A copy: decoders do not accept memory that another thread could change.
    parser.feed(this.frame.slice())
    return data
  }
}

function toBytes(fields: Fields): Uint8Array {
  return Buffer.from(JSON.stringify(fields))
}
