import type { EventRecord } from './store.ts'

/**
 * The fields of an event that its publisher set, as threads send them to each other: cloning an
 * object takes twice as long as cloning the array of its values, mostly because of the names.
 */
export type EventFields = readonly [
  topics: string | readonly string[],
  data: string,
  isPrivate: boolean,
  id: string | undefined,
  type: string | undefined,
  retryMs: number | undefined,
  traceContext: string | undefined,
]

export function fieldsOf({ topics, data, isPrivate, id, type, retryMs, traceContext }: EventRecord): EventFields {
  return [topics.length === 1 ? topics[0]! : topics, data, isPrivate, id, type, retryMs, traceContext]
}

export function recordOf([topics, data, isPrivate, id, type, retryMs, traceContext]: EventFields): EventRecord {
  return { topics: typeof topics === 'string' ? [topics] : topics, data, isPrivate, id, type, retryMs, traceContext }
}
