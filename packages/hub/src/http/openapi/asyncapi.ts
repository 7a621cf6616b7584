import type { EventMap, StandardSchema } from '@headwater/sse'
import { namesOf } from '@headwater/sse/internal'
import { refuseUnknownName } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'

/** What an AsyncAPI document is about. */
export interface AsyncApiOptions {
  readonly title: string
  /** The version of what is described, such as `1.2.0`. */
  readonly version: string
  /**
   * The topics, or URI templates of several, and what events each has: the maps that `hub.topic` takes
   * as `events`.
   */
  readonly topics: Readonly<Record<string, DescribedTopic>>
  /** The hub's URLs, with its path: `https://hub.example.com/.well-known/mercure`. Default: none. */
  readonly urls?: readonly string[] | undefined
  /**
   * The JSON Schema, draft 7, of what a schema accepts. Default: what the schema says itself by the
   * Standard JSON Schema, as those of zod 4 do.
   */
  readonly toJsonSchema?: ((schema: StandardSchema) => object) | undefined
}

/** A topic of an AsyncAPI document. */
export interface DescribedTopic {
  /** A map by `defineEvents`, with schemas. */
  readonly events: Pick<EventMap, 'schemas'>
  readonly title?: string | undefined
  readonly description?: string | undefined
}

/**
 * Describes topics by AsyncAPI 3: a channel for each, with a message for each event type, and one
 * operation for publishers (the hub receives) and one for subscribers (the hub sends). Pass it to
 * `createHub` as `asyncApi` to have it served.
 *
 * @throws HubError `INVALID_OPTION` for a map without schemas, a schema whose JSON Schema is not known,
 * or a template with more than names in braces.
 */
export function asyncApiDocument(options: AsyncApiOptions): object {
  refuseUnknownName('the options of asyncApiDocument', options, optionNames)
  const { title, version, topics, urls = [], toJsonSchema = ownJsonSchema } = options
  const keys = new Set<string>()
  const described = Object.entries(topics).map(([name, topic]) => describe(name, topic, keys, toJsonSchema))
  return {
    asyncapi: '3.0.0',
    info: { title, version },
    ...(urls.length > 0 && { servers: Object.fromEntries(urls.map((url, index) => [`hub${index + 1}`, server(url)])) }),
    channels: Object.fromEntries(described.map(({ key, channel }) => [key, channel])),
    operations: Object.fromEntries(described.flatMap(({ operations }) => operations)),
  }
}

const optionNames = namesOf<AsyncApiOptions>({
  title: true,
  version: true,
  topics: true,
  urls: true,
  toJsonSchema: true,
})
const topicNames = namesOf<DescribedTopic>({ events: true, title: true, description: true })

function server(given: string): object {
  const url = URL.parse(given)
  if (!url) throw new HubError('INVALID_OPTION', `urls has ${JSON.stringify(given)}, which is not a URL.`)
  return { host: url.host, pathname: url.pathname, protocol: url.protocol.slice(0, -1), protocolVersion: '1.1' }
}

function describe(
  name: string,
  topic: DescribedTopic,
  keys: Set<string>,
  toJsonSchema: (schema: StandardSchema) => object,
): { readonly key: string; readonly channel: object; readonly operations: readonly [string, object][] } {
  refuseUnknownName(`topic ${JSON.stringify(name)}`, topic, topicNames)
  const { events, title, description } = topic
  const { schemas } = events
  if (!schemas) {
    throw new HubError(
      'INVALID_OPTION',
      `The events of topic ${JSON.stringify(name)} have no schemas: only types, which are gone when the program runs. Pass schemas to defineEvents.`,
    )
  }
  const key = keyOf(name, keys)
  const messages = Object.entries(schemas).map(([type, schema]) => [keyOf(type), message(type, schema, toJsonSchema)])
  const parameters = parametersOf(name)
  const ref = { $ref: `#/channels/${key}` }
  const operation = (action: 'send' | 'receive', summary: string, method: 'GET' | 'POST') => ({
    action,
    channel: ref,
    summary,
    messages: messages.map(([message]) => ({ $ref: `#/channels/${key}/messages/${message}` })),
    bindings: { http: { method, bindingVersion: '0.3.0' } },
  })
  return {
    key,
    channel: {
      address: name,
      ...(title && { title }),
      ...(description && { description }),
      ...(parameters.length > 0 && { parameters: Object.fromEntries(parameters.map((each) => [each, {}])) }),
      messages: Object.fromEntries(messages),
    },
    operations: [
      [`subscribe.${key}`, operation('send', 'The hub sends the events of the topic to subscribers.', 'GET')],
      [`publish.${key}`, operation('receive', 'The hub receives events from publishers.', 'POST')],
    ],
  }
}

function message(type: string, schema: StandardSchema, toJsonSchema: (schema: StandardSchema) => object): object {
  const isText = textMark in schema
  return {
    name: type,
    contentType: isText ? 'text/plain' : 'application/json',
    headers: {
      type: 'object',
      description: 'The fields of the event beside its data.',
      properties: { event: { const: type }, id: { type: 'string' }, retry: { type: 'integer', minimum: 0 } },
    },
    payload: {
      schemaFormat: 'application/schema+json;version=draft-07',
      schema: isText ? { type: 'string' } : jsonSchemaOf(type, schema, toJsonSchema),
    },
  }
}

/** What `text()` of `@headwater/sse` makes is marked by it. */
const textMark = Symbol.for('headwater.text')

function jsonSchemaOf(type: string, schema: StandardSchema, toJsonSchema: (schema: StandardSchema) => object): object {
  try {
    return toJsonSchema(schema)
  } catch (cause) {
    throw new HubError(
      'INVALID_OPTION',
      `The JSON Schema of the event type ${JSON.stringify(type)} is not known: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** [Standard JSON Schema, 1] What a sender may send, which is what is on the way. */
function ownJsonSchema(schema: StandardSchema): object {
  const { jsonSchema, vendor } = schema['~standard'] as StandardSchema['~standard'] & {
    readonly jsonSchema?: { input(options: { target: 'draft-07' }): object }
  }
  if (jsonSchema) return jsonSchema.input({ target: 'draft-07' })
  throw new TypeError(`schemas of ${vendor} do not say it themselves. Pass toJsonSchema.`)
}

/** [AsyncAPI, Channels Object] Keys are letters, digits, dots, hyphens and underscores. */
function keyOf(name: string, taken = new Set<string>()): string {
  const plain = name.replaceAll(/[^\w.-]+/g, '_').replaceAll(/^_+|_+$/g, '') || 'topic'
  let key = plain
  for (let count = 2; taken.has(key); count++) key = `${plain}_${count}`
  taken.add(key)
  return key
}

function parametersOf(name: string): readonly string[] {
  return Array.from(name.matchAll(/\{([^{}]*)\}/g), ([, parameter]) => {
    if (/^[\w-]+$/.test(parameter!)) return parameter!
    throw new HubError(
      'INVALID_OPTION',
      `The topic ${JSON.stringify(name)} has {${parameter}}. AsyncAPI only has names in braces, such as {id}.`,
    )
  })
}
