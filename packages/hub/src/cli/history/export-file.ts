import { HubError } from '../../base/errors.ts'
import type { ObservedEvent } from '../../hub/observed-event.ts'
import { parseTraceContext } from '../../hub/trace-context.ts'
import { notUtf8, readLines } from '../lines.ts'

/**
 * The file of an export: lines of JSON. The first says what it is, then follows a line for each event,
 * and the last says that this is all.
 */
export interface ExportHeader {
  readonly headwater: 'history'
  readonly version: 1
  /** The history: with it, an empty directory becomes the same one. */
  readonly epoch: string
  /** Up to here, the history was trimmed when it was exported. */
  readonly after: { readonly position: number; readonly tag: number }
  /** Whether the file leaves events out that were kept. */
  readonly isPart: boolean
}

/** An event in such a file. What is not there is as usual. */
export interface ExportedEvent {
  readonly position: number
  readonly tag: number
  readonly id: string
  readonly at?: number
  readonly topics: readonly string[]
  readonly type?: string
  readonly private?: true
  readonly retry?: number
  /** The trace in which it was published, by W3C Trace Context. */
  readonly traceparent?: string
  readonly tracestate?: string
  readonly data: string
}

export interface ExportEnd {
  readonly headwater: 'end'
  readonly events: number
}

export function toExported({
  position,
  tag,
  id,
  at,
  topics,
  type,
  private: isPrivate,
  retry,
  traceparent,
  tracestate,
  data = '',
}: ObservedEvent): ExportedEvent {
  return {
    position,
    tag,
    id,
    ...(at !== null && { at }),
    topics,
    ...(type !== 'message' && { type }),
    ...(isPrivate && { private: true as const }),
    ...(retry !== null && { retry }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    data,
  }
}

/** What is read of a file, in order. */
export type ExportPart =
  | { readonly name: 'header'; readonly header: ExportHeader }
  | { readonly name: 'event'; readonly event: ExportedEvent; readonly line: number }
  | { readonly name: 'end'; readonly end: ExportEnd }

/**
 * Reads the file of an export.
 *
 * @throws HubError `INVALID_DATA` that names the line
 */
export async function* readExport(source: AsyncIterable<Uint8Array>): AsyncGenerator<ExportPart> {
  let number = 0
  for await (const line of readLines(source)) {
    number++
    if (line === '') continue
    const value = line === notUtf8 ? undefined : parsed(line)
    if (number === 1) {
      if (!isHeader(value))
        throw invalid(number, 'it does not say that this is an export. Make one with headwater history export')
      yield { name: 'header', header: value }
    } else if (isEnd(value)) yield { name: 'end', end: value }
    else if (isEvent(value)) yield { name: 'event', event: value, line: number }
    else throw invalid(number, 'it is not an event')
  }
  if (number === 0) throw invalid(1, 'there is none')
}

function invalid(line: number, why: string): HubError {
  return new HubError('INVALID_DATA', `Line ${line} of the file cannot be imported: ${why}.`)
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

function isHeader(value: unknown): value is ExportHeader {
  const { headwater, version, epoch, after, isPart } = Object(value) as Partial<ExportHeader>
  return (
    headwater === 'history' &&
    version === 1 &&
    typeof epoch === 'string' &&
    /^[0-9a-z]{1,32}$/.test(epoch) &&
    isCount(after?.position) &&
    isCount(after?.tag) &&
    typeof isPart === 'boolean'
  )
}

function isEnd(value: unknown): value is ExportEnd {
  const { headwater, events } = Object(value) as Partial<ExportEnd>
  return headwater === 'end' && isCount(events)
}

function isEvent(value: unknown): value is ExportedEvent {
  const event = Object(value) as Partial<Record<keyof ExportedEvent, unknown>>
  const { topics, retry, at, type, traceparent, tracestate } = event
  return (
    isCount(event.position) &&
    event.position > 0 &&
    isCount(event.tag) &&
    typeof event.id === 'string' &&
    typeof event.data === 'string' &&
    Array.isArray(topics) &&
    topics.length > 0 &&
    topics.every((topic) => typeof topic === 'string') &&
    (at === undefined || Number.isSafeInteger(at)) &&
    (type === undefined || typeof type === 'string') &&
    (event.private === undefined || typeof event.private === 'boolean') &&
    (retry === undefined || isCount(retry)) &&
    (traceparent === undefined || parseTraceContext(traceparent) !== undefined) &&
    (tracestate === undefined || typeof tracestate === 'string')
  )
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
