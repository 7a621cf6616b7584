import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import { type FormPair, parseForm } from '../message/form.ts'
import type { RawEvent } from './raw-event.ts'

/**
 * Reads an event from the fields of a form. Of fields given more than once the first counts, of `topic` all; unknown fields
 * are ignored.
 */
export function parseEventForm(body: Buffer): RawEvent {
  const form = new EventForm()
  for (const pair of parseForm(body)) form.add(pair)
  return form
}

class EventForm implements RawEvent {
  readonly topic: string[] = []
  #isPrivate = false
  #data: FormPair | undefined
  #id: FormPair | undefined
  #type: FormPair | undefined
  #retry: FormPair | undefined

  add(pair: FormPair): void {
    switch (pair.name) {
      case 'topic':
        this.topic.push(textOf(pair, 'INVALID_TOPIC')!)
        break
      // [Mercure] The presence of `private` makes the update private, whatever its value.
      case 'private':
        this.#isPrivate = true
        break
      case 'data':
        this.#data ??= pair
        break
      case 'id':
        this.#id ??= pair
        break
      case 'type':
        this.#type ??= pair
        break
      case 'retry':
        this.#retry ??= pair
        break
    }
  }

  toInit(): PublishInit {
    return {
      topic: this.topic,
      data: textOf(this.#data, 'INVALID_DATA'),
      private: this.#isPrivate,
      id: textOf(this.#id, 'INVALID_EVENT_ID'),
      type: textOf(this.#type, 'INVALID_EVENT_TYPE'),
      retry: parseRetry(textOf(this.#retry, 'INVALID_RETRY')),
    }
  }
}

function textOf(pair: FormPair | undefined, code: HubErrorCode): string | undefined {
  if (!pair) return undefined
  const { name, value } = pair
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
