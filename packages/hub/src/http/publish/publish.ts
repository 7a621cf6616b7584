import { HubError } from '../../base/errors.ts'
import { readBody } from '../message/body.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import { parseEventForm } from './event-form.ts'
import { parseEventsJson } from './event-json.ts'
import { withKey } from './idempotency-key.ts'
import type { PublishContext } from './publish-context.ts'
import { publishStream } from './publish-stream.ts'

/**
 * Publishes what a body holds: an event as a form, one or several as JSON, any number as lines of JSON. Only the body counts,
 * not the query. With an `Idempotency-Key` the same request can be sent again.
 */
export async function publish(request: HubRequest, context: PublishContext): Promise<HubResponse> {
  const { hub, admit, count, limits } = context
  const { maxBodyBytes } = limits
  const type = contentTypeOf(request)
  const key = request.header('idempotency-key')
  switch (type) {
    case 'application/x-www-form-urlencoded': {
      const event = withKey(parseEventForm(await readBody(request, maxBodyBytes)), key)
      admit(event)
      hub.validate(event)
      count(1)
      // [Mercure] The body is exactly the ID.
      return answerWith('text/plain; charset=utf-8', await hub.publish(event))
    }
    case 'application/json': {
      const { events, isArray } = parseEventsJson(await readBody(request, maxBodyBytes))
      const keyed = events.map((event, index) => withKey(event, key, isArray ? index : undefined))
      for (const event of keyed) {
        admit(event)
        hub.validate(event)
      }
      count(keyed.length)
      const ids = (await hub.publishAll(keyed)).map((id) => ({ id }))
      return answerWith('application/json', `${JSON.stringify(isArray ? ids : ids[0])}\n`)
    }
    case 'application/x-ndjson':
      return answerWith('application/x-ndjson', publishStream(request.body, key, context))
  }
}

const contentTypes = ['application/x-www-form-urlencoded', 'application/json', 'application/x-ndjson'] as const
type ContentType = (typeof contentTypes)[number]

function contentTypeOf(request: HubRequest): ContentType {
  const given = request.header('content-type')
  const [essence, ...parameters] = (given ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  const type = contentTypes.find((each) => each === essence)
  if (!type || !isUtf8) {
    throw new HubError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The content type is ${given ?? 'not given'}. Send the event as application/x-www-form-urlencoded, in UTF-8: curl -d topic=… -d data=… does. Or as application/json or application/x-ndjson.`,
    )
  }
  const encoding = request.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new HubError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The body is encoded as ${encoding}. Send it without Content-Encoding.`,
    )
  }
  return type
}

function answerWith(contentType: string, body: HubResponse['body'] & {}): HubResponse {
  return { headers: { 'content-type': contentType, 'cache-control': 'no-store' }, body }
}
