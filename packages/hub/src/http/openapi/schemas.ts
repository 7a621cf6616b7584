/** A schema, in the dialect of OpenAPI 3.2: JSON Schema 2020-12. */
export type Schema = Readonly<Record<string, unknown>>

const text: Schema = { type: 'string' }
const count: Schema = { type: 'integer', minimum: 0 }
const time: Schema = { type: 'integer', description: 'Milliseconds since 1970.' }
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })
const object = (properties: Schema, optional: readonly string[] = []): Schema => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
})
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const json = (contentSchema: Schema): Schema => ({
  type: 'string',
  contentMediaType: 'application/json',
  contentSchema,
})

/** A reference to one of {@link schemas}. */
export function refTo(name: keyof typeof schemas): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** An event of an event stream with this type and data. Undefined fields are not sent. */
function streamEvent(event: string | undefined, data: Schema, description: string): Schema {
  return {
    type: 'object',
    description,
    required: event === undefined ? ['data'] : ['event', 'data'],
    properties: {
      id: { ...text, description: 'The cursor to resume from, in Last-Event-ID.' },
      event: event === undefined ? { ...text, not: { pattern: '^headwater-' } } : { const: event },
      data,
      retry: { ...count, description: 'The reconnection time in milliseconds.' },
    },
  }
}

const topicNames: Schema = {
  oneOf: [text, { type: 'array', items: text, minItems: 1, maxItems: 1000 }],
  description: 'The canonical topic, or it and alternates.',
}

/** What operators see of an event. */
const observedEvent = object(
  {
    position: { type: 'integer', minimum: 1 },
    at: orNull(time),
    tag: { ...count, description: 'Tells the event from any other that had its position.' },
    id: text,
    topics: listOf(text),
    type: text,
    private: { type: 'boolean' },
    retry: orNull(count),
    traceparent: { ...text, description: 'The trace in which it was published, by W3C Trace Context.' },
    tracestate: text,
    bytes: { ...count, description: 'The length of the data in UTF-8.' },
    data: { ...text, description: 'The data or its beginning. Missing without a right to this private event.' },
    isCut: { type: 'boolean', description: 'Whether data is only the beginning.' },
  },
  ['traceparent', 'tracestate', 'data'],
)

const mark = object({ position: { type: 'integer', minimum: 1 }, at: orNull(time) })

const subscriberList = object({
  total: count,
  found: count,
  subscribers: listOf({ type: 'object', required: ['selectors', 'address', 'since'] }),
})

const figures = object({
  version: { const: 1 },
  at: time,
  startedAt: time,
  threads: { type: 'integer', minimum: 1 },
  totals: { type: 'object', additionalProperties: { type: 'number' } },
  series: { type: 'object', required: ['minute', 'hour', 'day'] },
  notices: listOf({ type: 'object', required: ['id', 'at', 'kind', 'text', 'count'] }),
  topics: { type: 'object', required: ['counted', 'isPartial', 'busiest'] },
  subscribers: { type: 'object' },
  history: object({ epoch: text, head: count, trimmed: count, count }),
  nodes: orNull({ type: 'object', required: ['self', 'alive'] }),
  upstream: orNull({ type: 'object', required: ['isConnected', 'silentMs'] }),
})

/** The schemas that operations share, by name. */
export const schemas = {
  Problem: {
    description: 'A problem document (RFC 9457). `detail` is for people, `code` for programs.',
    ...object({ title: text, status: { type: 'integer' }, detail: text, code: text }, ['code']),
  },
  Event: {
    type: 'object',
    description: 'An event to publish.',
    additionalProperties: false,
    required: ['topic'],
    properties: {
      topic: topicNames,
      data: { description: 'Text as it is, or any other value, sent as JSON. Default: empty.' },
      private: { type: 'boolean', description: 'Only for subscribers with a right to one of the topics.' },
      id: { type: ['string', 'null'], description: 'Default: one that the hub makes of the position.' },
      type: { type: ['string', 'null'], description: 'Default: none, which is `message` to an EventSource.' },
      retry: { type: ['integer', 'null'], minimum: 0, maximum: 86_400_000 },
      idempotency_key: { type: ['string', 'null'], description: 'At most 255 bytes.' },
      traceparent: { type: ['string', 'null'], description: 'W3C Trace Context. Default: the header.' },
      tracestate: { type: ['string', 'null'] },
    },
  },
  EventForm: {
    type: 'object',
    description: 'An event to publish. A field that is repeated counts once; of topic, all count.',
    required: ['topic'],
    properties: {
      topic: listOf(text),
      data: text,
      private: { ...text, description: 'Makes the event private by its presence.' },
      id: text,
      type: text,
      retry: { ...text, pattern: '^[0-9]*$' },
    },
  },
  CloudEvent: {
    type: 'object',
    description: 'A CloudEvent 1.0 in the JSON format. It may have further attributes.',
    required: ['specversion', 'id', 'source', 'type'],
    properties: {
      specversion: { const: '1.0' },
      id: { ...text, minLength: 1 },
      source: { ...text, format: 'uri-reference', minLength: 1 },
      type: { ...text, minLength: 1 },
      subject: { type: ['string', 'null'], minLength: 1 },
      time: { type: ['string', 'null'], format: 'date-time' },
      datacontenttype: { type: ['string', 'null'], minLength: 1 },
      dataschema: { type: ['string', 'null'], format: 'uri' },
      data: {},
      data_base64: { type: ['string', 'null'], contentEncoding: 'base64' },
    },
  },
  Published: object({ id: { ...text, description: 'The ID that subscribers get.' } }),
  Acknowledgement: {
    description: 'What became of a line: its ID, or why it was not published.',
    oneOf: [
      object({ line: { type: 'integer', minimum: 1 }, id: text }),
      object({ line: { type: 'integer', minimum: 1 }, status: { type: 'integer' }, detail: text, code: text }, [
        'code',
      ]),
    ],
  },
  StreamEvent: {
    anyOf: [
      streamEvent(undefined, text, 'An event of the application. Without a type it is a `message`.'),
      streamEvent(
        'headwater-gap',
        json(
          object(
            {
              reason: { enum: ['trimmed', 'epoch', 'unknown', 'ahead', 'damaged'] },
              requested: text,
              earliest: orNull(text),
              channel: text,
            },
            ['channel'],
          ),
        ),
        'Part of what the subscriber missed is gone.',
      ),
      streamEvent('headwater-position', json({ type: 'object' }), 'Only moves the last event ID.'),
    ],
  },
  StreamState: {
    type: 'object',
    description: 'How a stream stands.',
    required: ['state'],
    properties: { state: { enum: ['none', 'open', 'ended', 'gone'] }, next: count, how: text, reason: text },
  },
  LastEventId: object({ last_event_id: text }),
  Subscription: {
    type: 'object',
    description: 'A matcher of a connection.',
    required: ['id', 'type', 'match_type', 'match', 'subscriber', 'active'],
    properties: { id: text, type: { const: 'subscription' }, match_type: text, match: text, subscriber: text },
  },
  Subscriptions: {
    type: 'object',
    required: ['id', 'type', 'subscriptions'],
    properties: {
      id: text,
      type: { const: 'subscriptions' },
      subscriptions: listOf({ $ref: '#/components/schemas/Subscription' }),
    },
  },
  ProtectedResource: {
    type: 'object',
    description: 'How to get and present a token (RFC 9728).',
    required: ['resource'],
  },
  Figures: { description: 'How the hub stands, and the figures of the last minute, hour and day.', ...figures },
  Topics: { type: 'object', required: ['counted', 'isPartial', 'busiest'] },
  SubscriberList: { ...subscriberList, required: ['at', ...(subscriberList.required as string[])] },
  ObservedEvent: observedEvent,
  ObservedEventWithFrame: object({
    event: { $ref: '#/components/schemas/ObservedEvent' },
    frame: { ...orNull(text), description: 'The bytes that subscribers get; null without a right to the data.' },
  }),
  Trimmed: object({
    epoch: text,
    trimmed: { ...count, description: 'The newest position that is gone.' },
    count: { ...count, description: 'How many events are kept.' },
  }),
  TracedEvent: object({
    id: text,
    state: { enum: ['kept', 'trimmed', 'other history', 'unknown', 'replaced', 'ahead', 'damaged'] },
    position: orNull(count),
    positionId: orNull(text),
    event: orNull({ $ref: '#/components/schemas/ObservedEvent' }),
    trace: orNull(
      object({ traceId: text, traceparent: text, tracestate: text, isSampled: { type: 'boolean' } }, ['tracestate']),
    ),
    subscribers: orNull(object({ past: count, behind: count })),
    epoch: text,
    node: orNull(text),
    head: count,
    earliest: orNull(count),
  }),
  ObservedPage: object({
    epoch: text,
    events: listOf({ $ref: '#/components/schemas/ObservedEvent' }),
    after: count,
    through: count,
    head: count,
    oldest: orNull(mark),
    newest: orNull(mark),
    count,
  }),
  FiguresEvent: {
    anyOf: [
      streamEvent('snapshot', json({ $ref: '#/components/schemas/Figures' }), 'All figures.'),
      streamEvent('step', json({ $ref: '#/components/schemas/Figures' }), 'What is new, each second.'),
    ],
  },
  HistoryEvent: {
    anyOf: [
      streamEvent('start', json(object({ epoch: text, after: count, head: count })), 'Where the stream begins.'),
      streamEvent(
        'events',
        json(object({ events: listOf({ $ref: '#/components/schemas/ObservedEvent' }), through: count })),
        'Events of the history.',
      ),
      streamEvent(
        'skipped',
        json(object({ reason: { enum: ['behind', 'trimmed'] }, after: count, through: count })),
        'Events that are not shown.',
      ),
    ],
  },
} as const satisfies Readonly<Record<string, Schema>>
