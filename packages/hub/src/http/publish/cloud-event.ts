import { createHash } from 'node:crypto'
import { HubError } from '../../base/errors.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import { parseForm } from '../message/form.ts'
import { isObject } from './exact-json.ts'
import type { RawEvent } from './raw-event.ts'

/** How a request says where its CloudEvents go, which an event itself cannot say. */
export interface CloudEventAddress {
  /** The topics of all events; empty for those that each event's source and subject name. */
  readonly topics: readonly string[]
  readonly isPrivate: boolean
}

/** A context attribute or the data of an event, by its name in the JSON format. */
type CloudEventMembers = Readonly<Record<string, unknown>>

/**
 * Reads `topic` (repeated for alternates) and `private` from the query of a request. Senders of
 * CloudEvents are configured with a URL and nothing else.
 */
export function addressOf(url: string): CloudEventAddress {
  const start = url.indexOf('?')
  const query = Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1')
  const topics: string[] = []
  let isPrivate = false
  for (const { name, value } of parseForm(query, maxQueryFields)) {
    if (name === 'private') isPrivate = true
    if (name !== 'topic') continue
    if (value === undefined) throw new HubError('INVALID_TOPIC', 'topic is not valid UTF-8.')
    topics.push(value)
  }
  return { topics, isPrivate }
}

/** As many as a form may have. */
const maxQueryFields = 1100

/**
 * Makes an event of the hub of a CloudEvent in the JSON format. Its data is the whole CloudEvent as
 * JSON, its type the CloudEvent's. Its ID is the hub's own, because a CloudEvent's `id` is only unique
 * within its `source`; the two together are the idempotency key.
 *
 * `exactly` returns the same members with each number as it was written.
 */
export class CloudEventBody implements RawEvent {
  readonly #members: CloudEventMembers | undefined
  readonly #exactly: () => unknown
  readonly #address: CloudEventAddress

  constructor(given: unknown, exactly: () => unknown, address: CloudEventAddress) {
    this.#members = isObject(given) ? given : undefined
    this.#exactly = exactly
    this.#address = address
  }

  get topic(): unknown {
    if (this.#address.topics.length > 0) return this.#address.topics
    const { source, subject } = this.#members ?? {}
    // What is missing is reported with the rest of the event.
    if (!isText(source)) return []
    return isText(subject) ? [`${source.replace(/\/$/, '')}/${subject}`, source] : [source]
  }

  toInit(): PublishInit {
    const members = this.#members
    if (!members) {
      throw new HubError(
        'INVALID_REQUEST',
        'That is not a CloudEvent: it must be a JSON object with specversion, id, source and type.',
      )
    }
    assertCloudEvent(members)
    const { id, source, type, traceparent, tracestate } = members
    return {
      topic: this.topic as string[],
      data: toJson(this.#exactly() as CloudEventMembers),
      private: this.#address.isPrivate,
      type: type as string,
      // [CloudEvents, Distributed tracing] The trace in which the event was made.
      traceparent: traceparent as string | undefined,
      tracestate: tracestate as string | undefined,
      idempotencyKey: `cloudevents ${createHash('sha256')
        .update(JSON.stringify([source, id]))
        .digest('base64url')}`,
    }
  }
}

/** In one order whatever order they came in, without members that are null, which means not set. */
function toJson(members: CloudEventMembers): string {
  const { specversion, id, source, type, data, data_base64, ...rest } = members
  const ordered = { specversion, id, source, type, ...rest, data, data_base64 }
  return JSON.stringify(Object.fromEntries(Object.entries(ordered).filter(([, value]) => value !== null)))
}

/**
 * [CloudEvents] Checks the context attributes and the form of the data by version 1.0.2 and its JSON
 * format.
 *
 * @throws HubError `INVALID_REQUEST`
 */
function assertCloudEvent(members: CloudEventMembers): void {
  if (members.specversion !== '1.0') {
    throw new HubError(
      'INVALID_REQUEST',
      `specversion is ${show(members.specversion)}. This hub accepts CloudEvents of version "1.0".`,
    )
  }
  for (const name of ['id', 'source', 'type']) {
    if (!isText(members[name]))
      refuse(name, members[name], 'A CloudEvent has id, source and type, and they are non-empty text.')
  }
  for (const [name, value] of Object.entries(members)) {
    // [CloudEvents JSON, 3.1] An attribute that is null is not set.
    if (value === null || name === 'data') continue
    if (name === 'data_base64') assertBase64(value)
    else assertAttribute(name, value)
  }
  if (isSet(members.data) && isSet(members.data_base64)) {
    throw new HubError('INVALID_REQUEST', 'The CloudEvent has both data and data_base64. Send one of them.')
  }
}

function assertAttribute(name: string, value: unknown): void {
  // [CloudEvents, Naming conventions] lower-case letters and digits of ASCII.
  if (!/^[a-z0-9]+$/.test(name)) {
    throw new HubError(
      'INVALID_REQUEST',
      `A CloudEvent has no attribute ${show(name)}: names are lower-case letters and digits.`,
    )
  }
  const optional = optionalAttributes[name]
  if (optional) {
    if (!isText(value) || !optional.form.test(value)) refuse(name, value, `It must be ${optional.says}.`)
  } else if (typeof value === 'number') {
    // [CloudEvents, Type system] Integer: 32 bits, signed.
    if ((value | 0) !== value) refuse(name, value, 'A number must be a whole one of 32 bits.')
  } else if (typeof value !== 'string' && typeof value !== 'boolean') {
    refuse(name, value, 'It must be text, a whole number, or true or false.')
  }
  if (typeof value === 'string' && !isAllowedText(value))
    refuse(name, value, 'It contains a control character, or half of a surrogate pair.')
}

const optionalAttributes: Readonly<Record<string, { readonly form: RegExp; readonly says: string } | undefined>> = {
  // [CloudEvents] a URI reference: no spaces, and none of the characters that a URI never has.
  source: { form: /^[^\s<>"{}|\\^`]+$/, says: 'a URI reference' },
  datacontenttype: { form: /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;.*)?$/, says: 'a media type' },
  dataschema: { form: /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+$/, says: 'an absolute URI' },
  subject: { form: /./s, says: 'non-empty text' },
  time: {
    form: /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/,
    says: 'a timestamp of RFC 3339, such as "2026-11-30T12:00:00Z"',
  },
}

function assertBase64(value: unknown): void {
  if (typeof value === 'string' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
    return
  refuse('data_base64', value, 'It must be bytes in Base64.')
}

/** [CloudEvents, Type system] String: no control characters, no lone surrogates. */
function isAllowedText(text: string): boolean {
  return !/\p{Cc}/u.test(text) && text.isWellFormed()
}

function refuse(name: string, value: unknown, advice: string): never {
  throw new HubError('INVALID_REQUEST', `${name} of the CloudEvent is ${show(value)}. ${advice}`)
}

function show(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
