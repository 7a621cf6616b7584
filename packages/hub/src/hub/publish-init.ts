import { createHash } from 'node:crypto'
import { isReservedEventId, isReservedEventType, namesOf, parseEventId } from '@headwater/sse/internal'
import { refuseUnknownName } from '../base/check-names.ts'
import { HubError } from '../base/errors.ts'
import { hubPath } from '../base/hub-path.ts'
import { maxMatcherBytes } from '../matching/matcher.ts'
import { forbiddenCharacter } from '../matching/visible-text.ts'
import { type Append, type EventRecord, hubEventType, streamEventPrefix } from '../store/store.ts'
import { ReservedTopics } from './reserved-topics.ts'
import { parseTraceContext } from './trace-context.ts'

/** An event as a publisher sends it. */
export interface PublishInit {
  /**
   * The topic, or several: the first is canonical, and the others are alternates that also select
   * the event.
   */
  readonly topic: string | readonly string[]
  /** Opaque text. Default: empty. Line breaks (CRLF, CR, LF) arrive as LF. */
  readonly data?: string | undefined
  /**
   * Whether the event is only for subscribers with a right to one of its topics. Default: false.
   */
  readonly private?: boolean | undefined
  /**
   * An ID chosen by the publisher. Default (also for an empty one): the hub makes one from the
   * event's position.
   */
  readonly id?: string | undefined
  /**
   * The event type. Default (also for an empty one): none, which an `EventSource` dispatches as
   * `message`.
   */
  readonly type?: string | undefined
  /**
   * The reconnection time in milliseconds that subscribers use from now on, at most a day
   * (86,400,000). Default (also for 0): unchanged.
   */
  readonly retry?: number | undefined
  /**
   * Makes it safe to publish again if the answer to the first attempt was lost: for an hour (unless
   * the store is configured otherwise) the same event with the same key is stored once, and each
   * attempt resolves to the same ID. A different event with that key is stored as another event. At
   * most 255 bytes. Default: none.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * The trace in which the event is published, by W3C Trace Context. Kept with the event for
   * subscribers that ask for it. What is not valid counts as none, as that standard says. Default: the
   * span that is active, with the hub's `telemetry`; else none.
   */
  readonly traceparent?: string | undefined
  /** The `tracestate` that belongs to `traceparent`. At most 512 characters; a longer one is dropped. */
  readonly tracestate?: string | undefined
}

/** The limits on published events that an operator can lower. */
export interface PublishLimits {
  /** The topics of one event. Default 1,000, which is also the maximum. */
  readonly maxTopics: number
}

/** How the hub validates published events. */
export interface PublishRules extends PublishLimits {
  /**
   * Whether topics may contain zero-width joiners and non-joiners, as in Mercure 0.x. Default:
   * false.
   */
  readonly acceptsJoiners?: boolean | undefined
  /** The topics that only the hub may publish to. Default: those of the usual path. */
  readonly reserved?: ReservedTopics | undefined
}

const usuallyReserved = new ReservedTopics(hubPath)

/** The most topics of one event. */
export const maxTopics = 1000
/**
 * The longest topic in bytes of UTF-8, as long as the longest matcher: every character costs every
 * pattern some work.
 */
const maxTopicBytes = maxMatcherBytes
/** The most bytes of all topics of one event. */
const maxTopicsBytes = 64 * 1024
/** The longest ID in bytes. It returns in a request header, and headers are limited everywhere. */
const maxIdBytes = 1024
const maxIdempotencyKeyBytes = 255
/**
 * The longest reconnection time. A browser that was told one beyond 2^31 waits for weeks, or not at
 * all, because its timer overflows.
 */
const maxRetryMs = 86_400_000

declare const prepared: unique symbol

/**
 * An event that is ready to be appended: validated, with its key. Only `prepareEvent` creates one.
 */
export type PreparedEvent = Append & { readonly [prepared]: true }

/**
 * Validates an event from a publisher, and is the only place that does, however it arrived. Throws
 * a `HubError` that says what is wrong. The order of the checks is that of the reference hub, so
 * that both report the same one of several mistakes.
 */
export function prepareEvent(init: PublishInit, epoch: string, rules: PublishRules): PreparedEvent {
  if (typeof init !== 'object' || init === null) {
    throw new HubError(
      'INVALID_OPTION',
      `${String(init)} is not an event. An event has a topic: { topic: 'log', data: 'hello' }.`,
    )
  }
  refuseUnknownName('an event', init, memberNames)
  const topics = parseTopics(init.topic, rules)
  const retryMs = parseRetry(init.retry)
  const id = parseId(init.id, epoch)
  const type = parseType(init.type)
  const traceContext = parseTraceContext(init.traceparent, init.tracestate)
  const data = parseData(init.data)
  const event = { topics, data, isPrivate: init.private === true, id, type, retryMs, traceContext }
  const key = parseIdempotencyKey(init.idempotencyKey)
  return { event, idempotencyKey: key === undefined ? undefined : keyOfEvent(key, event) } as PreparedEvent
}

const memberNames = namesOf<PublishInit>({
  topic: true,
  data: true,
  private: true,
  id: true,
  type: true,
  retry: true,
  idempotencyKey: true,
  traceparent: true,
  tracestate: true,
})

/**
 * Validates an event that another hub passes on, with the key under which stores know it: the same in
 * each of them, so that its publisher can send it again to any. Throws as {@link prepareEvent} does.
 */
export function prepareAppend({ event, idempotencyKey }: Append, epoch: string, limits: PublishLimits): PreparedEvent {
  const { topics, isPrivate, retryMs, traceContext, ...rest } = event
  const prepared = prepareEvent({ ...rest, topic: topics, private: isPrivate, retry: retryMs }, epoch, limits)
  return {
    event: { ...prepared.event, retryMs, traceContext },
    idempotencyKey: parseIdempotencyKey(idempotencyKey),
  } as PreparedEvent
}

/**
 * The key under which the store knows an event. It includes the event: if a key is used twice, by
 * mistake or by two publishers that count from 1, no acknowledged event may disappear.
 */
function keyOfEvent(key: string, { topics, data, isPrivate, id, type, retryMs }: EventRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([key, topics, data, isPrivate, id, type, retryMs]))
    .digest('base64url')
}

/** Throws `INVALID_IDEMPOTENCY_KEY`. */
function parseIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  assertSingleLine('INVALID_IDEMPOTENCY_KEY', 'Idempotency key', key)
  const bytes = Buffer.byteLength(key)
  if (bytes > 0 && bytes <= maxIdempotencyKeyBytes) return key
  throw new HubError(
    'INVALID_IDEMPOTENCY_KEY',
    `The idempotency key is ${bytes} bytes long; it must have 1 to ${maxIdempotencyKeyBytes}. Use a random UUID, for example.`,
  )
}

function parseTopics(
  given: string | readonly string[],
  { maxTopics: most, acceptsJoiners = false, reserved = usuallyReserved }: PublishRules,
): readonly string[] {
  const topics = typeof given === 'string' ? [given] : given
  if (!Array.isArray(topics) || topics.length === 0) {
    throw new HubError('INVALID_TOPIC', 'The event has no topic. Set at least one.')
  }
  assertFewTopics(topics, Math.min(most, maxTopics))
  let bytes = 0
  for (const topic of topics) {
    bytes += assertShort(topic)
    assertSingleLine('INVALID_TOPIC', 'Topic', topic, acceptsJoiners)
    if (topic === '') throw new HubError('INVALID_TOPIC', 'The topic is empty. Name what the event is about.')
    if (reserved.has(topic)) {
      throw new HubError(
        'INVALID_TOPIC',
        `The topic ${JSON.stringify(topic)} names the hub itself (its path and all below it). Choose another.`,
      )
    }
    if (topic === '*') {
      throw new HubError(
        'INVALID_TOPIC',
        'The topic "*" is what subscribers use to match every topic. Publish to a real one.',
      )
    }
  }
  if (bytes > maxTopicsBytes) {
    throw new HubError(
      'TOO_LARGE',
      `The topics of the event have ${bytes} bytes together; the most is ${maxTopicsBytes}. Use fewer, or shorter ones.`,
    )
  }
  // A copy, because the array may be one that the program changes later.
  return topics.length === 1 ? [topics[0]] : [...new Set<string>(topics)]
}

/** Throws `TOO_LARGE` for more topics than an event may have. A value that is not an array passes. */
export function assertFewTopics(given: unknown, most = maxTopics): void {
  if (!Array.isArray(given) || given.length <= most) return
  throw new HubError('TOO_LARGE', `The event has ${given.length} topics; the most is ${most}.`)
}

/** Returns the bytes of a topic. Accepts what is not text, which another check reports. */
function assertShort(topic: unknown): number {
  const bytes = typeof topic === 'string' ? Buffer.byteLength(topic) : 0
  if (bytes <= maxTopicBytes) return bytes
  throw new HubError(
    'TOO_LARGE',
    `A topic is ${bytes} bytes long; the most is ${maxTopicBytes}. Move the rest into data.`,
  )
}

function parseRetry(retry: number | undefined): number | undefined {
  // Publishers' libraries send 0 for "not set". As a reconnection time, 0 would make clients spin.
  if (retry === undefined || retry === 0) return undefined
  if (!Number.isInteger(retry) || retry < 0)
    throw new HubError('INVALID_RETRY', `retry is ${String(retry)}: it must be a whole number of milliseconds.`)
  if (retry <= maxRetryMs) return retry
  throw new HubError(
    'INVALID_RETRY',
    `retry is ${retry}: the most is ${maxRetryMs}, a day in milliseconds. Every subscriber that receives it would stay away that long.`,
  )
}

function parseId(id: string | undefined, epoch: string): string | undefined {
  if (id === undefined || id === '') return undefined
  assertSingleLine('INVALID_EVENT_ID', 'Event id', id)
  const refuse = (why: string) => {
    throw new HubError(
      'INVALID_EVENT_ID',
      `Event id ${JSON.stringify(id)} ${why} Choose another, or leave it to the hub.`,
    )
  }
  if (Buffer.byteLength(id) > maxIdBytes) {
    throw new HubError('TOO_LARGE', `The event id is ${Buffer.byteLength(id)} bytes long; the most is ${maxIdBytes}.`)
  }
  if (id.startsWith('#')) refuse('starts with "#", which is reserved for ids made by the hub.')
  if (id === 'earliest') refuse('means the beginning of the history to subscribers.')
  if (/^-\d+$/.test(id)) refuse('means a number of last events to subscribers.')
  if (isReservedEventId(id)) refuse('would stop every client that receives it for good.')
  if (id.startsWith(' ') || id.endsWith(' '))
    refuse('begins or ends with a space, which HTTP drops from Last-Event-ID.')
  if (parseEventId(id)?.epoch === epoch) refuse("has the form of this hub's own ids.")
  return id
}

function parseType(type: string | undefined): string | undefined {
  if (type === undefined || type === '') return undefined
  assertSingleLine('INVALID_EVENT_TYPE', 'Event type', type)
  if (type === hubEventType || type.startsWith(streamEventPrefix) || isReservedEventType(type)) {
    throw new HubError('INVALID_EVENT_TYPE', `Event type "${type}" is reserved for the hub itself. Choose another.`)
  }
  return type
}

function parseData(data: string | undefined): string {
  if (data === undefined) return ''
  if (typeof data !== 'string') {
    throw new HubError(
      'INVALID_DATA',
      `data is of type ${typeof data}, and must be text. Did you mean JSON.stringify(data)?`,
    )
  }
  if (!data.isWellFormed()) {
    throw new HubError('INVALID_DATA', 'data contains half of a surrogate pair, which UTF-8 cannot encode.')
  }
  return data
}

/**
 * A topic, an id or a type is one line of visible text. Control characters could forge a field of
 * the stream, format characters could make two different topics look the same, and UTF-8 has no
 * lone surrogates.
 */
function assertSingleLine(
  code: 'INVALID_TOPIC' | 'INVALID_EVENT_ID' | 'INVALID_EVENT_TYPE' | 'INVALID_IDEMPOTENCY_KEY',
  what: string,
  text: unknown,
  joiners = false,
): void {
  if (typeof text !== 'string') {
    throw new HubError(code, `${what} ${String(text)} is of type ${typeof text}, and must be text.`)
  }
  const forbidden = forbiddenCharacter(text, { joiners })
  if (forbidden === undefined) return
  throw new HubError(
    code,
    `${what} ${JSON.stringify(text)} contains the control or format character ${forbidden}. ${adviceFor(what, forbidden)}`,
  )
}

function adviceFor(what: string, forbidden: string): string {
  const isJoiner = what === 'Topic' && /^U\+200[CD]$/.test(forbidden)
  return isJoiner ? 'Remove it, percent-encode the topic, or run the hub with --compat.' : 'Remove it.'
}
