import { suggestName } from '@headwater/sse/internal'
import { HubError } from '../../base/errors.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import { assertShallow, decodeJson, isObject, parseExactly, parseJson } from './exact-json.ts'
import type { RawEvent, RawEvents } from './raw-event.ts'

/** Parses a JSON body: an event or an array of events. */
export function parseEventsJson(body: Buffer): { events: RawEvents; isArray: boolean } {
  const text = decodeJson(body)
  const value = parseJson(text)
  // Done once for all events of an array, however many need it.
  let exact: unknown
  const parseAgain = () => {
    exact ??= parseExactly(text)
    return exact
  }
  if (!Array.isArray(value)) return { events: { count: 1, at: () => new EventJson(value, parseAgain) }, isArray: false }
  const at = (index: number) => new EventJson(value[index], () => (parseAgain() as unknown[])[index])
  return { events: { count: value.length, at }, isArray: true }
}

/** Parses one line of JSON as an event. */
export function parseEventJson(line: Buffer): RawEvent {
  const text = decodeJson(line)
  return new EventJson(parseJson(text), () => parseExactly(text))
}

/** A JSON value that should be an event. `toInit` checks whether it is one. */
class EventJson implements RawEvent {
  readonly #value: unknown
  readonly #again: () => unknown

  /** `again` parses the value once more, and keeps its numbers as written. */
  constructor(value: unknown, again: () => unknown) {
    this.#value = value
    this.#again = again
  }

  get topic(): unknown {
    return isObject(this.#value) ? this.#value.topic : undefined
  }

  /**
   * Rejects unknown members: if it ignored `"privat": true`, a private event would go to everyone.
   * The types of known members are checked later, with the event itself.
   */
  toInit(): PublishInit {
    const value = this.#value
    assertShallow(value)
    if (!isObject(value)) {
      throw new HubError(
        'INVALID_REQUEST',
        `${shorten(JSON.stringify(value))} is not an event. An event looks like {"topic":"log","data":"hello"}.`,
      )
    }
    for (const name of Object.keys(value)) {
      if (members.has(name)) continue
      const meant = suggestName(name, members)
      const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
      throw new HubError(
        'INVALID_REQUEST',
        `An event has no member ${shorten(JSON.stringify(name))}.${advice} Its members are: ${[...members].join(', ')}.`,
      )
    }
    const { topic, data, private: isPrivate, id, type, retry, idempotency_key, traceparent, tracestate } = value
    if (isPrivate !== undefined && typeof isPrivate !== 'boolean') {
      throw new HubError(
        'INVALID_REQUEST',
        `private is ${shorten(JSON.stringify(isPrivate))}: it must be true or false.`,
      )
    }
    return {
      topic: (topic ?? []) as string | string[],
      data: toText(data, () => (this.#again() as { data: unknown }).data),
      private: isPrivate,
      // A member that is null is not set: many serialisers write it so.
      id: (id ?? undefined) as string | undefined,
      type: (type ?? undefined) as string | undefined,
      retry: (retry ?? undefined) as number | undefined,
      idempotencyKey: (idempotency_key ?? undefined) as string | undefined,
      traceparent: (traceparent ?? undefined) as string | undefined,
      tracestate: (tracestate ?? undefined) as string | undefined,
    }
  }
}

const members: ReadonlySet<string> = new Set([
  'topic',
  'data',
  'private',
  'id',
  'type',
  'retry',
  'idempotency_key',
  'traceparent',
  'tracestate',
])

/** Returns text as it is, and anything else as JSON, as `session.send` does. */
function toText(data: unknown, exactly: () => unknown): string | undefined {
  if (data === undefined || typeof data === 'string') return data
  return JSON.stringify(exactly())
}

function shorten(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
