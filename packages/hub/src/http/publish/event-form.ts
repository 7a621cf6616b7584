import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import { parseForm } from '../message/form.ts'

/**
 * Reads an event from the fields of a form. Of fields given more than once the first counts, of `topic` all; unknown fields
 * are ignored.
 */
export function parseEventForm(body: Buffer): PublishInit {
  const topics: string[] = []
  const fields = new Map<string, string>()
  let isPrivate = false
  for (const pair of parseForm(body)) {
    const { name } = pair
    const code = fieldCodes.get(name)
    // [Mercure] The presence of `private` makes the update private, whatever its value.
    if (name === 'private') isPrivate = true
    if (code === undefined || fields.has(name)) continue
    const { value } = pair
    if (value === undefined) throw new HubError(code, `${name} is not valid UTF-8.`)
    if (name === 'topic') topics.push(value)
    else fields.set(name, value)
  }
  return {
    topic: topics,
    data: fields.get('data'),
    private: isPrivate,
    id: fields.get('id'),
    type: fields.get('type'),
    retry: parseRetry(fields.get('retry')),
  }
}

/** The fields with a value, and what is told when it cannot be read. */
const fieldCodes: ReadonlyMap<string, HubErrorCode> = new Map([
  ['topic', 'INVALID_TOPIC'],
  ['data', 'INVALID_DATA'],
  ['id', 'INVALID_EVENT_ID'],
  ['type', 'INVALID_EVENT_TYPE'],
  ['retry', 'INVALID_RETRY'],
])

function parseRetry(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^[0-9]+$/.test(text)) return Number(text)
  throw new HubError(
    'INVALID_RETRY',
    `retry is ${JSON.stringify(text)}: it must be digits, a whole number of milliseconds.`,
  )
}
