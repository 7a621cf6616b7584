import { HubError, type HubErrorCode } from '../../base/errors.ts'
import { maxTopics, type PublishInit } from '../../hub/publish-init.ts'
import { decodeFormValue, readForm } from '../message/form.ts'
import type { RawEvent } from './raw-event.ts'

/** The most fields of a form: the most topics, the other fields of an event, and unknown ones. */
const maxFields = maxTopics + 100

/**
 * Reads an event from the fields of a form. If a field is repeated, the first one counts; of
 * `topic` all count. Ignores unknown fields.
 */
export function parseEventForm(body: Buffer): RawEvent {
  const form = new EventForm()
  readForm(body, maxFields, (name, encodedValue) => form.add(name, encodedValue))
  return form
}

class EventForm implements RawEvent {
  readonly topic: string[] = []
  #isPrivate = false
  #data: string | undefined
  #id: string | undefined
  #type: string | undefined
  #retry: string | undefined
  /** A field that was probably meant as a topic. */
  #likeTopic: string | undefined

  add(name: string, encodedValue: string): void {
    switch (name) {
      case 'topic':
        this.topic.push(decode('topic', encodedValue, 'INVALID_TOPIC')!)
        break
      // [Mercure] The presence of `private` makes the update private, whatever its value.
      case 'private':
        this.#isPrivate = true
        break
      case 'data':
        this.#data ??= encodedValue
        break
      case 'id':
        this.#id ??= encodedValue
        break
      case 'type':
        this.#type ??= encodedValue
        break
      case 'retry':
        this.#retry ??= encodedValue
        break
      default:
        if (/^topics?(\[[^\]]*\])*$/i.test(name)) this.#likeTopic ??= name
    }
  }

  toInit(): PublishInit {
    if (this.topic.length === 0 && this.#likeTopic !== undefined) {
      throw new HubError(
        'INVALID_TOPIC',
        `The event has no topic. The form has ${JSON.stringify(this.#likeTopic.slice(0, 100))}, but the field is named topic, and is repeated for several: topic=a&topic=b. (PHP's http_build_query names the items of an array like that: join the fields yourself, or send JSON.)`,
      )
    }
    return {
      topic: this.topic,
      data: decode('data', this.#data, 'INVALID_DATA'),
      private: this.#isPrivate,
      id: decode('id', this.#id, 'INVALID_EVENT_ID'),
      type: decode('type', this.#type, 'INVALID_EVENT_TYPE'),
      retry: parseRetry(decode('retry', this.#retry, 'INVALID_RETRY')),
      idempotencyKey: undefined,
    }
  }
}

function decode(name: string, encodedValue: string | undefined, code: HubErrorCode): string | undefined {
  if (encodedValue === undefined) return undefined
  const value = decodeFormValue(encodedValue)
  if (value === undefined) throw new HubError(code, `${name} is not valid UTF-8.`)
  return value
}

function parseRetry(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^[0-9]+$/.test(text)) return Number(text)
  throw new HubError(
    'INVALID_RETRY',
    `retry is ${JSON.stringify(text)}: it must be digits, a whole number of milliseconds.`,
  )
}
