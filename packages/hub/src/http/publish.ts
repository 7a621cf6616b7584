import type { IncomingMessage, ServerResponse } from 'node:http'
import { HubError, type HubErrorCode } from '../errors.ts'
import type { PublishInit } from '../event-rules.ts'
import type { Hub } from '../hub.ts'
import { readBody } from './body.ts'
import { parseForm } from './form.ts'
import { hubPath, isReservedTopic } from './reserved-topics.ts'

/** The largest body, in bytes. */
export const maxBodyBytes = 1024 * 1024

/**
 * Publishes an event from a form and answers with its ID. Only the body counts, not the query. Of fields given more than once the first
 * counts, of `topic` all; unknown fields are ignored.
 */
export async function publish(hub: Hub, req: IncomingMessage, res: ServerResponse): Promise<void> {
  assertForm(req)
  const init = parseFields(await readBody(req, maxBodyBytes))
  const id = await hub.publish(init)
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.setHeader('cache-control', 'no-store')
  res.end(id)
}

function assertForm({ headers }: IncomingMessage): void {
  const type = headers['content-type']
  const [essence, ...parameters] = (type ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  if (essence !== 'application/x-www-form-urlencoded' || !isUtf8) {
    throw new HubError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The content type is ${type ?? 'not given'}. Send the event as application/x-www-form-urlencoded, in UTF-8: curl -d topic=… -d data=… does.`,
    )
  }
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    throw new HubError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The body is encoded as ${encoding}. Send it without Content-Encoding.`,
    )
  }
}

function parseFields(body: Buffer): PublishInit {
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
  for (const topic of topics) {
    if (!isReservedTopic(topic)) continue
    const why = topic === '' ? 'is empty, which' : `${JSON.stringify(topic)}`
    throw new HubError(
      'INVALID_TOPIC',
      `The topic ${why} names the hub itself (${hubPath} and all below it). Choose another.`,
    )
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
