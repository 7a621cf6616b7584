import { isEventSourceRequest } from '@headwater/sse/internal'
import { readLastEventId, type Session } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { Topic } from '../../matching/topic.ts'
import { goneError } from '../../streams/stream-errors.ts'
import type { StreamPlace } from '../../streams/stream-log.ts'
import { isEnd, type StreamRecord } from '../../streams/stream-record.ts'
import { newWriterId } from '../../streams/writer-id.ts'
import { parseForm } from '../message/form.ts'
import { type HubRequest, type HubResponse, pathOf } from '../message/http-message.ts'
import { jsonResponse } from '../message/json-response.ts'
import { problemResponse } from '../message/problem.ts'
import { pipeBody } from './pipe-body.ts'
import { openingOptions, readAppend } from './read-append.ts'
import type { Fields, StreamsContext } from './streams-context.ts'

/** The names of the query's fields. */
const fieldNames = [
  ...['open', 'take_over', 'writer', 'number', 'end', 'reason', 'state', 'lease_ms', 'retention_ms', 'private'],
  ...['last_event_id', 'lastEventId', 'lastEventID', 'Last-Event-ID', 'authorization'],
]

/**
 * The routes of streams, below the hub's path: `GET` reads one, `PUT` writes one from a body that is
 * sent as it is made, `POST` opens, appends, ends and takes over in steps, `DELETE` stops.
 *
 * Who may publish to a topic may write and stop the stream of that name. Who may subscribe to it may
 * read it, if it is private; a public one, who may subscribe at all.
 */
export function streamsRoute(context: StreamsContext) {
  const { streams, authorizer, cors, quotas, addresses, onReaderLeft, onError } = context
  const prefix = `${streams.log.topics.registry}/`
  return {
    isAt: (path: string) => path.startsWith(prefix),
    read,
    put: writing(pipeBody),
    post: writing(answerStep),
    delete: writing(async (_request, name, fields) =>
      jsonResponse({ how: await streams.stop(name, fields.get('reason')) }),
    ),
  }

  /** Checks who may write before anything of the body is read. */
  function writing(
    answer: (request: HubRequest, name: string, fields: Fields, context: StreamsContext) => Promise<HubResponse>,
  ) {
    return async (request: HubRequest): Promise<HubResponse> => {
      if (authorizer.trustsBrowsers) cors.assertMayPublish(request)
      const permission = await authorizer.authorizePublisher(request)
      const { name, fields } = parse(request, prefix)
      permission.assertMayPublish([name])
      return await answer(request, name, fields, context)
    }
  }

  async function answerStep(request: HubRequest, name: string, fields: Fields): Promise<HubResponse> {
    if (fields.has('open')) {
      const record = await streams.openRecord(name, fields.get('writer') || newWriterId(), openingOptions(fields))
      return jsonResponse(positionOf(record), 201)
    }
    if (fields.has('take_over')) {
      const { record, before } = await streams.takeOverElsewhere(
        name,
        fields.get('writer') || newWriterId(),
        request.clientSignal(),
      )
      return jsonResponse({ ...positionOf(record), ...before })
    }
    const append = await readAppend(request, fields, context.limits)
    quotas.publish(addresses.of(request), Math.max(1, append.written.length))
    const record = await streams.append(name, append)
    return jsonResponse(positionOf(record))
  }

  async function read(request: HubRequest): Promise<HubResponse> {
    const permission = await authorizer.authorizeSubscriber(request)
    const { name, fields } = parse(request, prefix)
    const place = await (fields.has('state') ? streams.place(name) : streams.placeForReader(name)).catch(
      (error: unknown) => {
        const { method, header } = request
        const isPassing = error instanceof HubError && error.code === 'STORE_FAILED'
        if (!isPassing || !isEventSourceRequest(method, header('accept'))) throw error
        onError(error)
        return undefined
      },
    )
    // An `EventSource` that is refused gives up for good: it is given a stream that breaks off, and comes back.
    if (!place) return eventStream((session) => void session.drain())
    if (place.name !== 'none' && place.last.isPrivate) {
      const rights = new MatcherSet(permission.subscribe ?? [])
      if (!rights.selectsAny([new Topic(name)])) {
        throw new HubError(
          'FORBIDDEN',
          `This request may not read the stream ${JSON.stringify(name)}, which is private.`,
        )
      }
    }
    if (fields.has('state')) return jsonResponse(stateOf(place))
    if (place.name === 'none') return { status: 204, headers: { 'cache-control': 'no-store' }, body: '' }
    if (place.name === 'gone') return problemResponse(goneError(name))
    // Read now, because nothing of a request is kept as long as its stream.
    const address = onReaderLeft && addresses.nameOf(request)
    const leave = quotas.subscribe({ address: addresses.of(request), holder: permission.holder })
    return eventStream((session) => {
      session.closed.then((reason) => {
        leave()
        if (address !== undefined) onReaderLeft?.(reason, address)
      })
      streams.deliver(name, session)
    }, leave)

    function eventStream(deliverTo: (session: Session) => void, abandon = () => {}): HubResponse {
      return {
        status: 200,
        headers: { 'cache-control': 'private, no-cache, no-store, no-transform' },
        eventStream: {
          deliverTo,
          abandon,
          contentCoding: undefined,
          lastEventId: readLastEventId(request.header('last-event-id'), request.url),
          expiresAt: permission.expiresAt,
        },
      }
    }

    function stateOf(found: StreamPlace) {
      if (found.name === 'none') return { state: 'none' }
      if (found.name === 'open') return { state: 'open', ...positionOf(found.last, false) }
      if (found.name === 'gone') return { state: 'gone' }
      return { state: 'ended', how: found.how, reason: found.reason }
    }
  }
}

/** What a producer continues by. Readers are not shown who writes. */
function positionOf(record: StreamRecord, isForWriter = true) {
  const { writer, run, number, kind, leaseMs } = record
  return { ...(isForWriter && { writer, run, lease_ms: leaseMs }), next: number + 1, ...(isEnd(kind) && { how: kind }) }
}

function parse(request: HubRequest, prefix: string): { name: string; fields: Fields } {
  const encoded = pathOf(request).slice(prefix.length)
  let name: string
  try {
    name = decodeURIComponent(encoded)
  } catch {
    throw new HubError(
      'INVALID_STREAM_NAME',
      `The name of the stream, ${JSON.stringify(encoded)}, is not percent-encoded UTF-8.`,
    )
  }
  const { url } = request
  const start = url.indexOf('?')
  const fields = new Map<string, string>()
  for (const { name: field, value } of parseForm(Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1'), 100)) {
    if (!fieldNames.includes(field)) {
      throw new HubError(
        'INVALID_REQUEST',
        `A stream has no parameter ${JSON.stringify(field)}. It has ${fieldNames.slice(0, 11).join(', ')}.`,
      )
    }
    if (value === undefined) throw new HubError('INVALID_REQUEST', `${field} is not valid UTF-8.`)
    if (!fields.has(field)) fields.set(field, value)
  }
  return { name, fields }
}
