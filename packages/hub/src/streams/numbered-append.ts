import { HubError } from '../base/errors.ts'
import { displacedError, endedError, goneError, hasWriterError, noStreamError } from './stream-errors.ts'
import type { StreamLog, StreamPlace } from './stream-log.ts'
import { isEnd, recordId, type StreamRecord, type StreamRecordKind } from './stream-record.ts'

/** What a producer elsewhere appends: records of its stream, from a number on. */
export interface NumberedAppend {
  /** The name of the writer, which it was told when it opened the stream or took it over. */
  readonly writer: string
  /** The number of the first record: one more than the last that was acknowledged. */
  readonly number: number
  readonly written: readonly {
    readonly kind: StreamRecordKind
    readonly type?: string | undefined
    readonly data: string
  }[]
}

export interface AppendContext {
  /** The newest record of the stream that the hub has seen, if it knows one. */
  readonly known: StreamRecord | undefined
  readonly onStored: (records: readonly StreamRecord[]) => void
  /** Throws `TOO_LARGE` if the stream has no room for so many bytes. */
  readonly assertFits: (bytes: number) => void
}

/**
 * Appends records at their numbers, and resolves to the last of them. The same records at the same numbers
 * are answered as the first time, so a producer that had no answer sends them again.
 *
 * @throws HubError `NOT_FOUND`, `STREAM_GONE`, `STREAM_ENDED`, `STREAM_TAKEN_OVER`, `STREAM_HAS_WRITER`;
 * `EVENT_ID_TAKEN` for a number that has other data, `INVALID_REQUEST` for one that would leave a hole.
 */
export async function appendNumbered(
  log: StreamLog,
  name: string,
  { writer, number, written }: NumberedAppend,
  { known, onStored, assertFits }: AppendContext,
): Promise<StreamRecord> {
  // If it is out of date, the number is taken.
  const isNext = known?.writer === writer && known.number + 1 === number
  const place: StreamPlace = isNext ? { name: 'open', last: known } : await log.placeNow(name)
  if (place.name === 'none') throw noStreamError(name)
  if (place.name === 'gone') throw goneError(name)
  const { last } = place
  const { run, leaseMs, retentionMs, isPrivate } = last
  const records = written.map(({ kind, type = '', data }, index) => ({
    kind,
    number: number + index,
    run,
    writer,
    leaseMs,
    retentionMs,
    isPrivate,
    type,
    data,
  }))
  if (number <= last.number) return await earlier(log, name, records)
  if (place.name === 'ended') throw endedError(name, place.how, place.reason)
  if (last.writer !== writer) throw last.kind === 'taken' ? displacedError(name, last) : hasWriterError(name)
  if (number > last.number + 1) {
    throw new HubError(
      'INVALID_REQUEST',
      `The next number of the stream ${JSON.stringify(name)} is ${last.number + 1}, not ${number}: send what comes before it first.`,
    )
  }
  assertFits(records.reduce((bytes, { data }) => bytes + Buffer.byteLength(data), 0))
  const outcome = await log.append(name, records)
  if (outcome.name !== 'stored') return await earlier(log, name, records)
  onStored(records)
  return records.at(-1)!
}

/** Finds out whether the same records are stored there. */
async function earlier(log: StreamLog, name: string, records: readonly StreamRecord[]): Promise<StreamRecord> {
  for (const record of records) {
    const stored = await log.at(recordId(name, record.run, record.number))
    if (stored && stored.writer !== record.writer) throw displacedError(name, stored)
    if (stored && stored.kind === record.kind && stored.type === record.type && stored.data === record.data) continue
    if (stored && isEnd(stored.kind)) throw displacedError(name, stored)
    throw new HubError(
      'EVENT_ID_TAKEN',
      `Number ${record.number} of the stream ${JSON.stringify(name)} has other data already. Send the same again to be safe, and something new with the next number.`,
    )
  }
  return records.at(-1)!
}
