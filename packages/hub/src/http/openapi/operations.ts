import type { RouteName } from '../routes.ts'
import { refTo, type Schema, type schemas } from './schemas.ts'

/** An operation of OpenAPI. */
export type Operation = Readonly<Record<string, unknown>>

/** A path of the hub, with what each method that it may have does there. */
export interface DescribedPath {
  /** With variables in braces. */
  readonly path: string
  /** What its route is for. */
  readonly route: RouteName
  /** A path that the template stands for, by which its route is found. Default: the path. */
  readonly example?: string | undefined
  readonly operations: Readonly<Record<string, Operation>>
}

/** What a description depends on beside the routes. */
export interface DescribedHub {
  /** The path of the hub. */
  readonly path: string
  /** Whether it accepts the selectors of Mercure 0.x. */
  readonly isCompat: boolean
}

/** Every path that a hub can have for its clients and operators, whether this one has it or not. */
export function describedPaths({ path, isCompat }: DescribedHub): readonly DescribedPath[] {
  const observe = `${path}/headwater/v1`
  return [
    {
      path,
      route: 'subscribe',
      operations: {
        get: subscribing('subscribe', isCompat),
        query: { ...subscribing('subscribeByQuery', isCompat), requestBody: selectorBody },
        post: publishing,
      },
    },
    {
      path: `${path}/last`,
      route: 'last',
      operations: {
        get: last('lastEventId', isCompat),
        query: { ...last('lastEventIdByQuery', isCompat), requestBody: selectorBody },
      },
    },
    {
      path: `${path}/subscriptions`,
      route: 'subscriptions',
      operations: { get: reading('subscriptions', 'Who is subscribed.', linkedData('Subscriptions')) },
    },
    {
      path: `${path}/subscriptions/{match_type}/{match}`,
      route: 'subscriptions',
      example: `${path}/subscriptions/exact/a`,
      operations: {
        get: {
          ...reading('subscriptionsByMatcher', 'Who is subscribed with one matcher.', linkedData('Subscriptions')),
          parameters: [matchTypeParameter, pathParameter('match')],
        },
      },
    },
    {
      path: `${path}/subscriptions/{match_type}/{match}/{subscriber}`,
      route: 'subscriptions',
      example: `${path}/subscriptions/exact/a/b`,
      operations: {
        get: {
          ...reading('subscription', 'One matcher of one connection.', linkedData('Subscription')),
          parameters: [matchTypeParameter, pathParameter('match'), pathParameter('subscriber')],
        },
      },
    },
    {
      path: `${observe}/streams/{name}`,
      route: 'stream',
      example: `${observe}/streams/a`,
      operations: {
        get: streaming('readStream', 'Read a stream from its beginning or the last event ID on.', {
          200: {
            description: 'The stream; with `state`, only how it stands.',
            content: { ...eventStreamOf('StreamEvent'), ...jsonOf('StreamState') },
          },
          204: { description: 'There is no such stream yet, or nothing more of it.' },
        }),
        put: streaming('writeStream', 'Write a stream from a body that is sent as it is made.', {
          200: { description: 'How it ended.', content: jsonObject },
          201: { description: 'How it ended.', content: jsonObject },
        }),
        post: streaming('stepStream', 'Open a stream, append to it, end it or take it over.', {
          200: { description: 'Where its writer continues.', content: jsonObject },
          201: { description: 'It is open.', content: jsonObject },
        }),
        delete: streaming('stopStream', 'Stop a stream.', {
          200: { description: 'How it ended.', content: jsonObject },
        }),
      },
    },
    observing(`${observe}/stats`, 'figures', 'The figures of the hub.', jsonOf('Figures')),
    observing(`${observe}/stats/stream`, 'figuresStream', 'The figures, each second.', eventStreamOf('FiguresEvent')),
    observing(`${observe}/topics`, 'topics', 'The busiest topics.', jsonOf('Topics'), [limit, search]),
    observing(`${observe}/subscribers`, 'subscribers', 'Who is connected.', jsonOf('SubscriberList'), [limit, search]),
    withTrimming(
      observing(`${observe}/history`, 'history', 'Events of the history, the oldest first.', jsonOf('ObservedPage'), [
        ...views(isCompat),
        limit,
        position('before'),
        position('after'),
        position('at', 'A time in milliseconds since 1970.'),
      ]),
    ),
    observing(
      `${observe}/history/event`,
      'historyEvent',
      'One event of the history, by its position or the ID that its publisher gave it.',
      jsonOf('ObservedEventWithFrame'),
      [
        position('position', 'The position, if there is no `id`.'),
        { name: 'id', in: 'query', description: 'The ID that its publisher gave it.', schema: { type: 'string' } },
      ],
    ),
    observing(`${observe}/history/trace`, 'historyTrace', 'What the hub knows of an event.', jsonOf('TracedEvent'), [
      { name: 'id', in: 'query', required: true, description: 'The ID of the event.', schema: { type: 'string' } },
    ]),
    observing(`${observe}/history/stream`, 'historyStream', 'The history as it grows.', eventStreamOf('HistoryEvent'), [
      ...views(isCompat),
      position('after'),
      lastEventIdHeader,
    ]),
    describing(`${observe}/openapi.json`, 'openapi'),
    describing('/openapi.json', 'openapiAtTheRoot'),
    {
      path: `${observe}/asyncapi.json`,
      route: 'operating',
      operations: {
        get: reading('asyncapi', 'The topics, by AsyncAPI 3.', { 'application/json': { schema: { type: 'object' } } }),
      },
    },
    plain('/healthz', 'isAlive', 'Whether the process answers.'),
    plain('/readyz', 'isReady', 'Whether the hub can store and read events, checked now.'),
    plain('/metrics', 'metrics', 'Metrics for Prometheus.'),
    {
      path: `/.well-known/oauth-protected-resource${path}`,
      route: 'operating',
      operations: { get: reading('protectedResource', 'How to get a token.', jsonOf('ProtectedResource')) },
    },
  ]
}

type Content = Readonly<Record<string, unknown>>
type SchemaName = keyof typeof schemas

function jsonOf(name: SchemaName): Content {
  return { 'application/json': { schema: refTo(name) } }
}

/** [Mercure] Of version 1.0 as JSON, of earlier ones as linked data. */
function linkedData(name: SchemaName): Content {
  return { ...jsonOf(name), 'application/ld+json': { schema: {} } }
}

function eventStreamOf(name: SchemaName): Content {
  return { 'text/event-stream': { itemSchema: refTo(name) } }
}

const problem = { $ref: '#/components/responses/Problem' }

function reading(
  operationId: string,
  summary: string,
  content: Content,
  description = 'What was asked for.',
): Operation {
  return { operationId, summary, responses: { 200: { description, content }, default: problem } }
}

function observing(
  path: string,
  operationId: string,
  summary: string,
  content: Content,
  parameters: readonly object[] = [],
): DescribedPath {
  const operation = reading(operationId, `For operators. ${summary}`, content)
  return {
    path,
    route: 'observe',
    operations: { get: parameters.length > 0 ? { ...operation, parameters } : operation },
  }
}

function withTrimming({ operations, ...rest }: DescribedPath): DescribedPath {
  const summary = 'Drop the oldest events, for everyone and for good. It needs a right of its own.'
  const trimming = {
    ...reading('trimHistory', `For operators. ${summary}`, jsonOf('Trimmed'), 'The events are gone.'),
    parameters: [
      { ...position('through', 'The newest position that is dropped.'), required: true },
      { name: 'epoch', in: 'query', required: true, description: 'Whose position it is.', schema: { type: 'string' } },
    ],
  }
  return { ...rest, operations: { ...operations, delete: trimming } }
}

/** docs/streams.md has the parameters and bodies. */
function streaming(operationId: string, summary: string, responses: object): Operation {
  return { operationId, summary, parameters: [pathParameter('name')], responses: { ...responses, default: problem } }
}

const jsonObject: Content = { 'application/json': { schema: { type: 'object' } } }

function describing(path: string, operationId: string): DescribedPath {
  const content = { 'application/json': { schema: { type: 'object' } } }
  return { path, route: 'operating', operations: { get: reading(operationId, 'This document.', content) } }
}

function plain(path: string, operationId: string, summary: string): DescribedPath {
  return {
    path,
    route: 'operating',
    operations: { get: reading(operationId, summary, { 'text/plain': { schema: { type: 'string' } } }) },
  }
}

function subscribing(operationId: string, isCompat: boolean): Operation {
  return {
    operationId,
    summary: 'Subscribe to topics, from the last event ID on.',
    description: 'At least one matcher. An event is sent once, however many of them select it.',
    parameters: [
      ...selectors(isCompat),
      lastEventIdHeader,
      {
        name: 'last_event_id',
        in: 'query',
        description: 'As Last-Event-ID; `earliest` for everything that is kept, `-N` for the last N events.',
        schema: { type: 'string' },
      },
      {
        name: 'format',
        in: 'query',
        description: '`cloudevents`: the data of each event is a CloudEvent in JSON.',
        schema: { enum: ['cloudevents'] },
      },
      {
        name: 'trace',
        in: 'query',
        description: 'By its presence: with the trace context of each event.',
        schema: { type: 'string' },
      },
    ],
    responses: {
      200: {
        description: 'What was missed, then every event as it is published.',
        headers: {
          'Mercure-Last-Event-ID': {
            description: 'The ID before the first event that is sent, if the request had one.',
            schema: { type: 'string' },
          },
        },
        content: eventStreamOf('StreamEvent'),
      },
      204: { description: 'The stream has ended for good.' },
      default: problem,
    },
  }
}

function last(operationId: string, isCompat: boolean): Operation {
  return {
    ...reading(operationId, 'The ID to resume from to get everything after the newest event.', jsonOf('LastEventId')),
    parameters: selectors(isCompat),
  }
}

const publishing: Operation = {
  operationId: 'publish',
  summary: 'Publish events.',
  description:
    'A CloudEvent in binary mode has its attributes as `ce-` headers, and any content type. The query counts for CloudEvents only.',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description: 'Makes it safe to send the request again.',
      schema: { type: 'string', maxLength: 255 },
    },
    {
      name: 'topic',
      in: 'query',
      description: 'The topics of CloudEvents. Default: their source and subject.',
      schema: { type: 'array', items: { type: 'string' } },
    },
    { name: 'private', in: 'query', description: 'Makes CloudEvents private.', schema: { type: 'string' } },
    {
      name: 'traceparent',
      in: 'header',
      description: 'W3C Trace Context, kept with the events; with tracestate.',
      schema: { type: 'string' },
    },
  ],
  requestBody: {
    required: true,
    content: {
      'application/x-www-form-urlencoded': { schema: refTo('EventForm') },
      'application/json': { schema: { oneOf: [refTo('Event'), { type: 'array', items: refTo('Event') }] } },
      'application/x-ndjson': { itemSchema: refTo('Event') },
      'application/cloudevents+json': { schema: refTo('CloudEvent') },
      'application/cloudevents-batch+json': { schema: { type: 'array', items: refTo('CloudEvent') } },
    },
  },
  responses: {
    200: {
      description: 'The events are stored.',
      content: {
        'text/plain': { schema: { type: 'string', description: 'Of a form: the ID.' } },
        'application/json': {
          schema: { oneOf: [refTo('Published'), { type: 'array', items: refTo('Published') }] },
        },
        'application/x-ndjson': { itemSchema: refTo('Acknowledgement') },
      },
    },
    default: problem,
  },
}

function selectors(isCompat: boolean): readonly object[] {
  const of = (name: string, description: string) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'array', items: { type: 'string', minLength: 1 } },
  })
  return [
    of('match', 'A topic, or `*` for all.'),
    of('match_exact', 'A topic.'),
    of('match_urlpattern', 'A URL pattern.'),
    ...(isCompat ? [of('topic', 'A topic or URI template, as in Mercure 0.x.')] : []),
  ]
}

function views(isCompat: boolean): readonly object[] {
  const types = { type: 'array', items: { type: 'string' } }
  return [
    ...selectors(isCompat),
    { name: 'type', in: 'query', description: 'Only events of these types.', schema: types },
    { name: 'except_type', in: 'query', description: 'No events of these types.', schema: types },
  ]
}

const selectorBody = {
  description: 'Further parameters of the query, as a form.',
  content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' } as Schema } },
}

const lastEventIdHeader = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'The last ID that the client has.',
  schema: { type: 'string' },
}

const limit = { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 500, default: 100 } }
const search = { name: 'search', in: 'query', description: 'Only what contains this.', schema: { type: 'string' } }

function position(name: string, description = 'A position.'): object {
  return { name, in: 'query', description, schema: { type: 'integer', minimum: 0 } }
}

function pathParameter(name: string): object {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

const matchTypeParameter = {
  ...pathParameter('match_type'),
  schema: { enum: ['exact', 'urlpattern', 'uritemplate'] },
}
