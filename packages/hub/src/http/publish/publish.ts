import { HubError } from '../../base/errors.ts'
import type { HubSpan } from '../../hub/telemetry.ts'
import { headersOf } from '../../hub/trace-context.ts'
import type { PublishPermission } from '../access/permission.ts'
import { readBody, readFormBody } from '../message/body.ts'
import { constantHeaders, type HubRequest, type HubResponse, type HubResponseHeaders } from '../message/http-message.ts'
import { admitEvent, admitEvents, type RequestDefaults } from './admit-event.ts'
import { addressOf } from './cloud-event.ts'
import { hasCloudEventHeaders, parseBinaryCloudEvent } from './cloud-event-headers.ts'
import { parseCloudEvent, parseCloudEvents } from './cloud-event-json.ts'
import { parseEventForm } from './event-form.ts'
import { parseEventsJson } from './event-json.ts'
import type { PublishContext } from './publish-context.ts'
import { publishStream } from './publish-stream.ts'
import type { RawEvent, RawEvents } from './raw-event.ts'

/**
 * Publishes the content of a body: one event as a form, one or several as JSON, any number as lines
 * of JSON; or CloudEvents, as JSON or as headers and data. Only the body counts, not the query, except
 * for the topics of CloudEvents. With an `Idempotency-Key`, a client can safely send the same request
 * again; CloudEvents have one of their own.
 */
export function publish(
  request: HubRequest,
  context: PublishContext,
  span?: HubSpan,
): HubResponse | Promise<HubResponse> {
  const { authorizer, cors } = context
  if (authorizer.trustsBrowsers) cors.assertMayPublish(request)
  return then(authorizer.authorizePublisher(request), (permission) => publishBody(request, permission, context, span))
}

function publishBody(
  request: HubRequest,
  permission: PublishPermission,
  context: PublishContext,
  span: HubSpan | undefined,
): HubResponse | Promise<HubResponse> {
  const { hub, quotas, addresses, limits } = context
  const type = contentTypeOf(request)
  const defaults: RequestDefaults = { key: request.header('idempotency-key'), trace: traceOf(request, span) }
  const address = addresses.of(request)
  switch (type) {
    case 'application/x-www-form-urlencoded':
      return then(readFormBody(request, limits.maxBodyBytes), (body) => {
        const event = admitEvent(parseEventForm(body), permission, hub, defaults)
        quotas.publish(address, 1)
        return hub.append(event, span).then(publishedText)
      })
    case 'application/json':
      return then(readBody(request, limits.maxBodyBytes), async (body) => {
        const { events, isArray } = parseEventsJson(body)
        return isArray ? await publishEach(events) : await publishOne(events.at(0))
      })
    case 'application/cloudevents+json':
      return then(readBody(request, limits.maxBodyBytes), (body) =>
        publishOne(parseCloudEvent(body, addressOf(request.url))),
      )
    case 'application/cloudevents-batch+json':
      return then(readBody(request, limits.maxBodyBytes), (body) =>
        publishEach(parseCloudEvents(body, addressOf(request.url))),
      )
    case 'a CloudEvent in binary mode':
      return then(readBody(request, limits.maxBodyBytes), (body) =>
        publishOne(parseBinaryCloudEvent(request, body, addressOf(request.url))),
      )
    case 'application/x-ndjson':
      return published(
        linesHeaders,
        publishStream({ body: request.body, defaults, span, permission, address }, context),
      )
  }

  async function publishOne(raw: RawEvent): Promise<HubResponse> {
    const event = admitEvent(raw, permission, hub, defaults)
    quotas.publish(address, 1)
    return published(jsonHeaders, `${JSON.stringify({ id: await hub.append(event, span) })}\n`)
  }

  async function publishEach(raws: RawEvents): Promise<HubResponse> {
    const events = admitEvents(raws, permission, hub, defaults)
    quotas.publish(address, events.length)
    const ids = (await hub.appendAll(events, span)).map((id) => ({ id }))
    return published(jsonHeaders, `${JSON.stringify(ids)}\n`)
  }
}

/** The trace of a request's events: that of their publisher, or else the one that the hub begins. */
function traceOf(request: HubRequest, span: HubSpan | undefined): RequestDefaults['trace'] {
  const traceparent = request.header('traceparent')
  if (traceparent !== undefined) return { traceparent, tracestate: request.header('tracestate') }
  return span?.traceContext === undefined ? undefined : headersOf(span.traceContext)
}

/**
 * Continues with a value, at once if it is not a promise: usually the whole request is here, and
 * its permission is known at once. A promise for each step of each publish was a fifth of its
 * garbage.
 */
function then<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

const contentTypes = [
  'application/x-www-form-urlencoded',
  'application/json',
  'application/x-ndjson',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
] as const
/** [CloudEvents HTTP, 3] In binary mode the content type is that of the event's data. */
type ContentType = (typeof contentTypes)[number] | 'a CloudEvent in binary mode'

const plainForm = 'application/x-www-form-urlencoded'

function contentTypeOf(request: HubRequest): ContentType {
  const given = request.header('content-type')
  const type = parseContentType(request, given)
  const encoding = request.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new HubError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The body is encoded as ${encoding}. Send it without Content-Encoding.`,
    )
  }
  return type
}

function parseContentType(request: HubRequest, given: string | undefined): ContentType {
  // [CloudEvents HTTP, 3] Another content type than those of CloudEvents, and it is in binary mode.
  if (!given?.toLowerCase().startsWith('application/cloudevents') && hasCloudEventHeaders(request)) {
    return 'a CloudEvent in binary mode'
  }
  if (given === plainForm) return plainForm
  const [essence, ...parameters] = (given ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  const type = contentTypes.find((each) => each === essence)
  if (type && isUtf8) return type
  throw new HubError(
    'UNSUPPORTED_MEDIA_TYPE',
    `The content type is ${given ?? 'not given'}. Send the event as application/x-www-form-urlencoded, in UTF-8: curl -d topic=… -d data=… does. Or as application/json or application/x-ndjson, and CloudEvents as application/cloudevents+json.`,
  )
}

const headersFor = (contentType: string) =>
  constantHeaders({ 'content-type': contentType, 'cache-control': 'no-store' })
const textHeaders = headersFor('text/plain; charset=utf-8')
const jsonHeaders = headersFor('application/json')
const linesHeaders = headersFor('application/x-ndjson')

/** [Mercure] The body is exactly the ID. */
function publishedText(id: string): HubResponse {
  return published(textHeaders, id)
}

function published(headers: HubResponseHeaders, body: string | AsyncIterable<string>): HubResponse {
  return { status: 200, headers, body }
}
