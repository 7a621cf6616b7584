import { encodeEvent, type Frame } from '@headwater/sse'
import type { StoredEvent } from '../store/store.ts'
import { eventIdOf } from './event-id.ts'
import { headersOf } from './trace-context.ts'

/**
 * Encodes an event for a subscriber of CloudEvents: its data is a CloudEvent in the JSON format. One
 * that was published as a CloudEvent is that CloudEvent. Of any other, one is made: its `id` is the
 * event's, its `source` the hub's path, its `type` the event's or `message`, and its `subject` the
 * canonical topic.
 */
export function encodeCloudEvent(epoch: string, event: StoredEvent, path: string, isTraced: boolean): Frame {
  const id = eventIdOf(epoch, event)
  const data = isCloudEvent(event.data) ? event.data : wrap(id, event, path)
  return encodeEvent({ data: isTraced ? withTrace(data, event) : data, type: event.type, id, retry: event.retryMs })
}

function isCloudEvent(data: string): boolean {
  if (!data.startsWith('{') || !data.includes('"specversion":"1.0"')) return false
  const value = parse(data) as Record<string, unknown> | undefined
  return value?.specversion === '1.0' && [value.id, value.source, value.type].every((each) => typeof each === 'string')
}

/** [CloudEvents, Distributed tracing] As attributes, unless the CloudEvent was published with its own. */
function withTrace(data: string, { traceContext }: StoredEvent): string {
  if (traceContext === undefined || Object.hasOwn(parse(data) as object, 'traceparent')) return data
  return `${data.trimEnd().slice(0, -1)},${JSON.stringify(headersOf(traceContext)).slice(1)}`
}

/** Never different for one event: it is encoded again whenever it is read from the history. */
function wrap(id: string, { topics, type = 'message', data }: StoredEvent, path: string): string {
  const attributes = { specversion: '1.0', id, source: path, type, subject: topics[0] }
  if (data === '') return JSON.stringify(attributes)
  // JSON is put in as it was published: parsed and written again, long numbers would be rounded.
  const isJson = parse(data) !== undefined
  const head = JSON.stringify({ ...attributes, datacontenttype: isJson ? 'application/json' : 'text/plain' })
  return `${head.slice(0, -1)},"data":${isJson ? data : JSON.stringify(data)}}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
