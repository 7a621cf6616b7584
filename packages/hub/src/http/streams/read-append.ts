import { HubError } from '../../base/errors.ts'
import type { NumberedAppend } from '../../streams/numbered-append.ts'
import type { StreamOptions } from '../../streams/stream.ts'
import { toReason, toText, toType } from '../../streams/stream-text.ts'
import type { Limits } from '../access/limits.ts'
import { readBody } from '../message/body.ts'
import type { HubRequest } from '../message/http-message.ts'
import { parseJson } from '../publish/exact-json.ts'
import type { Fields } from './streams-context.ts'

/** Reads what a producer appends in one request: its body, and how the stream ends after that, if it does. */
export async function readAppend(
  request: HubRequest,
  fields: Fields,
  { maxBodyBytes }: Readonly<Limits>,
): Promise<NumberedAppend> {
  const { writer, number } = writerIn(fields)
  const events = parseEvents(await readBody(request, maxBodyBytes), request.header('content-type') ?? '')
  const end = fields.get('end')
  if (end !== undefined && end !== 'closed' && end !== 'failed') {
    throw new HubError(
      'INVALID_REQUEST',
      `end is ${JSON.stringify(end)}: a stream ends as closed or failed. DELETE stops it.`,
    )
  }
  const last = end === undefined ? [] : [{ kind: end, data: toReason(fields.get('reason') ?? '') } as const]
  const written = [...events.map((event) => ({ kind: 'event' as const, ...event })), ...last]
  // Nothing to say: the producer is there.
  return { writer, number, written: written.length > 0 ? written : [{ kind: 'renewed', data: '' }] }
}

/** Who writes, and what comes next. Throws `INVALID_REQUEST`. */
export function writerIn(fields: Fields): { readonly writer: string; readonly number: number } {
  const writer = fields.get('writer') ?? ''
  assertWriter(writer)
  const text = fields.get('number') ?? ''
  if (!/^\d{1,15}$/.test(text) || Number(text) < 1) {
    throw new HubError(
      'INVALID_REQUEST',
      `number is ${JSON.stringify(text)}: it must be the number that follows the last one acknowledged, from 1 up.`,
    )
  }
  return { writer, number: Number(text) }
}

/** The options of a stream in a query. Throws `INVALID_REQUEST`. */
export function openingOptions(fields: Fields): StreamOptions {
  const writer = fields.get('writer')
  if (writer !== undefined && writer !== '') assertWriter(writer)
  return {
    leaseMs: millisecondsIn(fields, 'lease_ms', 100),
    retentionMs: millisecondsIn(fields, 'retention_ms', 0),
    private: fields.has('private'),
  }
}

function assertWriter(writer: string): void {
  if (/^[0-9a-z]{1,32}$/.test(writer)) return
  throw new HubError(
    'INVALID_REQUEST',
    `writer is ${JSON.stringify(writer.slice(0, 80))}: it must be the name that the answer to ?open or ?take_over had, 1 to 32 of 0-9 and a-z.`,
  )
}

function millisecondsIn(fields: Fields, name: string, least: number): number | undefined {
  const text = fields.get(name)
  if (text === undefined) return undefined
  if (/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) < 2 ** 31) return Number(text)
  throw new HubError(
    'INVALID_REQUEST',
    `${name} is ${JSON.stringify(text)}: it must be a whole number of milliseconds, ${least} to ${2 ** 31 - 1}.`,
  )
}

interface ReadEvent {
  readonly type: string | undefined
  readonly data: string
}

/** JSON is an event or several, `{"data","type"}`. Any other body is the data of one. */
function parseEvents(body: Buffer, contentType: string): readonly ReadEvent[] {
  if (body.length === 0) return []
  const text = decode(body)
  if (!/^application\/json\s*(;|$)/i.test(contentType)) return [{ type: undefined, data: toText(text) }]
  return [parseJson(text)].flat().map(parseEvent)
}

/** Reads `{"data","type"}`. Throws `INVALID_REQUEST`, `INVALID_DATA`, `INVALID_EVENT_TYPE`. */
export function parseEvent(value: unknown): ReadEvent {
  if (
    typeof value !== 'object' ||
    value === null ||
    !('data' in value) ||
    Object.keys(value).some((key) => !/^(data|type)$/.test(key))
  ) {
    throw new HubError(
      'INVALID_REQUEST',
      `${JSON.stringify(value)?.slice(0, 80)} is not an event of a stream, which is {"data": …} or {"data": …, "type": "…"}.`,
    )
  }
  const { data, type } = value as { data: unknown; type?: string | null }
  return { type: toType(type ?? undefined), data: toText(data) }
}

export function decode(body: Buffer): string {
  try {
    return strictUtf8.decode(body)
  } catch (error) {
    throw new HubError('INVALID_DATA', 'The body is not valid UTF-8.', { cause: error })
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
