import { bytesOf } from '../retention.ts'
import type { Append, StoredEvent } from '../store.ts'

/**
 * The events of a batch as the arrays that `append_batch` takes. Those of a group are stored together
 * or not at all.
 */
export function paramsOf(groups: readonly (readonly Append[])[], nextTag: () => number): readonly unknown[] {
  const topics: string[] = []
  const alternates: (string | null)[] = []
  const privates: boolean[] = []
  const ids: (string | null)[] = []
  const types: (string | null)[] = []
  const retries: (number | null)[] = []
  const datas: string[] = []
  const escaped: boolean[] = []
  const tags: number[] = []
  const bytes: number[] = []
  const keys: (string | null)[] = []
  const groupOf: number[] = []
  const traces: (string | null)[] = []
  let isPlain = true
  for (const [group, appends] of groups.entries())
    for (const { event, idempotencyKey } of appends) {
      const { data } = event
      const isEscaped = needsEscape(data)
      topics.push(event.topics[0]!)
      alternates.push(event.topics.length > 1 ? arrayLiteral(event.topics.slice(1)) : null)
      privates.push(event.isPrivate)
      ids.push(event.id ?? null)
      types.push(event.type ?? null)
      retries.push(event.retryMs ?? null)
      datas.push(isEscaped ? JSON.stringify(data) : data)
      escaped.push(isEscaped)
      tags.push(nextTag())
      bytes.push(bytesOf(data, event.id, event.type, event.topics))
      keys.push(idempotencyKey ?? null)
      groupOf.push(group)
      traces.push(event.traceContext ?? null)
      isPlain &&= idempotencyKey === undefined && event.id === undefined
    }
  return [
    topics,
    alternates,
    privates,
    ids,
    types,
    retries,
    datas,
    escaped,
    tags,
    bytes,
    keys,
    isPlain ? null : groupOf,
    traces.some((trace) => trace !== null) ? traces : null,
  ]
}

/** Text in PostgreSQL holds neither NUL nor half of a surrogate pair. */
function needsEscape(data: string): boolean {
  return data.includes('\0') || !data.isWellFormed()
}

/** An array as text: `{"a","b"}`. */
function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}

/** A row of `event`. Numbers of 64 bits come as text. */
export type EventRow = readonly [
  position: string,
  tag: string,
  topic: string,
  alternates: string[] | null,
  isPrivate: boolean,
  id: string | null,
  type: string | null,
  retryMs: string | null,
  data: string,
  isEscaped: boolean,
  traceContext: string | null,
]

/** The columns of an {@link EventRow}. */
export const eventColumns =
  'position, tag, topic, alternates, is_private, id, type, retry_ms, data, is_escaped, trace_context'

export function toStoredEvent(row: readonly [...EventRow, ...unknown[]]): StoredEvent {
  const [position, tag, topic, alternates, isPrivate, id, type, retryMs, data, isEscaped, traceContext] = row
  return {
    position: Number(position),
    tag: Number(tag),
    topics: alternates ? [topic, ...alternates] : [topic],
    isPrivate,
    id: id ?? undefined,
    type: type ?? undefined,
    retryMs: retryMs === null ? undefined : Number(retryMs),
    data: isEscaped ? (JSON.parse(data) as string) : data,
    traceContext: traceContext ?? undefined,
  }
}
