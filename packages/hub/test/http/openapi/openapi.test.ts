import { readEvents } from '@headwater/sse'
import { validate } from '@hyperjump/json-schema/openapi-3-2'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import { Metrics } from '../../../src/http/metrics.ts'
import { oneSecret } from '../../auth/tokens.ts'
import { type ServeOptions, type Serving, serve } from '../serve-hub.ts'

interface Response32 {
  readonly content?: Readonly<Record<string, { readonly schema?: object; readonly itemSchema?: object }>>
  readonly $ref?: string
}
interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, Response32>>
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes?: object }
  readonly servers: readonly { readonly url: string }[]
  readonly security?: readonly object[]
}

const tokenRules = { ...oneSecret, anonymousSubscribers: true }
const withTokens = async (): Promise<ServeOptions> => ({ tokens: await TokenAuthorizer.create(tokenRules) })

const below = '/headwater/v1/openapi.json'

async function documentOf({ url }: Pick<Serving, 'url'>): Promise<Document> {
  const response = await fetch(url + below)
  expect(response.headers.get('content-type')).toBe('application/json')
  return (await response.json()) as Document
}

const everything = (): ServeOptions => ({
  health: true,
  metrics: new Metrics(),
  dashboard: true,
  isOpenToObservers: true,
  isOpenToTrimming: true,
  asyncApi: { asyncapi: '3.0.0' },
  subscriptions: true,
})

/** What each operation is asked, and how it must answer; the keys are all operations of a hub with all parts. */
const requests: Readonly<Record<string, { query?: string; init?: RequestInit; status?: number; type: string }>> = {
  subscribe: { query: '?match=a&last_event_id=earliest', type: 'text/event-stream' },
  subscribeByQuery: {
    init: { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'match=a&last_event_id=earliest' },
    type: 'text/event-stream',
  },
  publish: {
    init: { headers: { 'content-type': 'application/json' }, body: '{"topic":"a","data":1}' },
    type: 'application/json',
  },
  lastEventId: { query: '?match=a', type: 'application/json' },
  lastEventIdByQuery: {
    init: { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'match=a' },
    type: 'application/json',
  },
  subscriptions: { type: 'application/json' },
  subscriptionsByMatcher: { type: 'application/json' },
  subscription: { status: 404, type: 'application/problem+json' },
  readStream: { query: '?state', type: 'application/json' },
  writeStream: { init: { headers: { 'content-type': 'text/plain' }, body: 'hello' }, type: 'application/json' },
  stepStream: { query: '?open', status: 201, type: 'application/json' },
  stopStream: { query: '', status: 404, type: 'application/problem+json' },
  figures: { type: 'application/json' },
  figuresStream: { type: 'text/event-stream' },
  topics: { type: 'application/json' },
  subscribers: { type: 'application/json' },
  history: { type: 'application/json' },
  trimHistory: { query: '?through=1&epoch={epoch}', type: 'application/json' },
  historyEvent: { query: '?position=1', type: 'application/json' },
  historyTrace: { query: '?id=a', type: 'application/json' },
  historyStream: { query: '?after=0', type: 'text/event-stream' },
  openapi: { type: 'application/json' },
  openapiAtTheRoot: { type: 'application/json' },
  asyncapi: { type: 'application/json' },
  isAlive: { type: 'text/plain' },
  isReady: { type: 'text/plain' },
  metrics: { type: 'text/plain' },
}

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )

describe('the description of the hub by OpenAPI', () => {
  test.each([
    ['a hub with all parts', async () => everything()],
    ['a hub inside a program', async () => ({})],
    ['a hub with tokens', withTokens],
  ] as const)('is valid OpenAPI 3.2 for %s', async (_, options) => {
    const document = await documentOf(await serve(await options()))
    expect(document.openapi).toBe('3.2.0')
    const output = await validate('https://spec.openapis.org/oas/3.2/schema-base', document as never, 'BASIC')
    expect(output).toMatchObject({ valid: true })
  })

  test('is found to be invalid by the same validator when it is', async () => {
    const document = { ...(await documentOf(await serve())), paths: { 'no-slash': { get: { operationId: 7 } } } }
    expect(await validate('https://spec.openapis.org/oas/3.2/schema-base', document as never)).toMatchObject({
      valid: false,
    })
  })

  test('has what the hub has', async () => {
    const all = await documentOf(await serve(everything()))
    expect(operationsOf(all).map(({ operation }) => operation.operationId)).toEqual(Object.keys(requests))
    const little = await documentOf(await serve())
    expect(Object.keys(little.paths)).toEqual([
      '/.well-known/mercure',
      '/.well-known/mercure/last',
      '/.well-known/mercure/headwater/v1/streams/{name}',
      `/.well-known/mercure${below}`,
      '/openapi.json',
      '/healthz',
      '/readyz',
    ])
    expect(little.servers).toEqual([{ url: '/' }])
    expect(little.components.securitySchemes).toBeUndefined()
  })

  test('says where the hub is, and how its tokens are presented', async () => {
    const { url, server, hub } = await serve({
      ...(await withTokens()),
      path: '/api/hub',
      publicUrls: [`http://127.0.0.1`, 'https://hub.example.com/api/hub'],
    })
    // By its address it is not the hub that its clients know.
    expect((await fetch(url + below)).status).toBe(421)
    const request = new Request(`http://127.0.0.1${hub.path}${below}`, { headers: { host: '127.0.0.1' } })
    const document = (await (await hub.fetch(request)).json()) as Document
    expect(Object.keys(document.paths)).toContain('/api/hub')
    expect(document.servers).toEqual([{ url: 'http://127.0.0.1' }, { url: 'https://hub.example.com' }])
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { scheme: 'bearer' },
      cookie: { in: 'cookie', name: '__Secure-mercure_access_token' },
    })
    expect(server.url).toContain('127.0.0.1')
  })

  test('has no method to publish where nobody may', async () => {
    const tokens = await TokenAuthorizer.create(tokenRules)
    const publishes = (document: Document) => 'post' in document.paths['/.well-known/mercure']!
    const serving = await serve({ tokens })
    expect(publishes(await documentOf(serving))).toBe(true)
    await tokens.reload({ anonymousSubscribers: true })
    expect(publishes(await documentOf(serving))).toBe(false)
  })

  test('names every route for operators that there is', async () => {
    const serving = await serve(everything())
    const { detail } = (await (await fetch(`${serving.url}/headwater/v1/none`)).json()) as { detail: string }
    const there = detail.slice(detail.indexOf('It has ') + 7, -1).split(', ')
    expect(there.length).toBeGreaterThan(5)
    expect(Object.keys((await documentOf(serving)).paths)).toEqual(expect.arrayContaining(there))
  })

  test('has every method that a path of it has', async () => {
    const serving = await serve(everything())
    const { paths } = await documentOf(serving)
    for (const [path, item] of Object.entries(paths)) {
      const concrete = path.replace('{match_type}', 'exact').replaceAll(/\{\w+\}/g, 'a')
      const refused = await fetch(serving.server.url + concrete, { method: 'PATCH' })
      expect([path, refused.status]).toEqual([path, 405])
      const methods = refused.headers.get('allow')!.toLowerCase().split(', ')
      const told = methods.filter((method) => method !== 'head' && method !== 'options')
      expect([path, Object.keys(item).sort()]).toEqual([path, told.sort()])
    }
  })

  test('is at the root only where the hub has its own port', async () => {
    const own = await serve()
    expect((await fetch(`${own.server.url}/openapi.json`)).status).toBe(200)
    const embedded = await serve({ health: false })
    expect((await fetch(`${embedded.server.url}/openapi.json`)).status).toBe(404)
    expect((await fetch(embedded.url + below)).status).toBe(200)
    expect((await fetch(embedded.url + below, { method: 'POST' })).status).toBe(405)
  })
})

describe('a hub answers as its description says', async () => {
  test.each(Object.keys(requests))('%s', async (id) => {
    const serving = await serve(everything())
    await serving.post(
      { topic: 'a', data: '{"n":1}', type: 'count' },
      { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'shop=t61' },
    )
    const document = await documentOf(serving)
    const { path, method, operation } = operationsOf(document).find(({ operation }) => operation.operationId === id)!
    const { query = '', init, status = 200, type } = requests[id]!
    const concrete = path
      .replace('{match_type}', 'exact')
      .replace('{match}', 'a')
      .replace('{subscriber}', 'b')
      .replace('{name}', 'a')
    const controller = new AbortController()
    const asked = query.replace('{epoch}', serving.hub.replication.epoch)
    const response = await fetch(serving.server.url + concrete + asked, {
      ...init,
      method: method.toUpperCase(),
      signal: controller.signal,
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')!.split(';')[0]).toBe(type)
    const described = operation.responses[status] ?? operation.responses.default!
    const { content } = described.$ref ? problemResponse(document) : described
    const media = content![type]!
    const isValid = validatorOf(document)
    if (type === 'text/event-stream') {
      for await (const { data, type: event, id: eventId } of readEvents(response.body!)) {
        expect(isValid(media.itemSchema!, { data, event, id: eventId })).toBe('')
        expect(isValidContent(document, media.itemSchema!, { data, event })).toBe('')
        break
      }
      controller.abort()
    } else {
      const body = await response.text()
      expect(isValid(media.schema!, type === 'text/plain' ? body : JSON.parse(body))).toBe('')
    }
  })

  test('whether an event is asked for by its position or by its ID', async () => {
    const serving = await serve(everything())
    await serving.post({ topic: 'a', data: 'x', id: 'urn:mine' })
    const { get } = (await documentOf(serving)).paths['/.well-known/mercure/headwater/v1/history/event']!
    const { parameters } = get as unknown as { parameters: { name: string; required?: boolean }[] }
    expect(parameters.map(({ name, required }) => [name, required])).toEqual([
      ['position', undefined],
      ['id', undefined],
    ])
    for (const query of ['position=1', 'id=urn:mine']) {
      const response = await fetch(`${serving.url}/headwater/v1/history/event?${query}`)
      expect(((await response.json()) as { event: object }).event).toMatchObject({ position: 1, id: 'urn:mine' })
    }
  })

  test('and what it publishes is what the other forms say', async () => {
    const serving = await serve(everything())
    const document = await documentOf(serving)
    const { requestBody, responses } = document.paths['/.well-known/mercure']!.post as unknown as {
      requestBody: { content: Record<string, { schema?: object; itemSchema?: object }> }
      responses: Record<string, Response32>
    }
    const cloudEvent = { specversion: '1.0', id: '1', source: '/s', type: 't' }
    const bodies: Readonly<Record<string, readonly [value: unknown, body: string, answer: string]>> = {
      'application/x-www-form-urlencoded': [{ topic: ['a'], data: 'b' }, 'topic=a&data=b', 'text/plain'],
      'application/json': [[{ topic: 'a', id: null }], '[{"topic":"a","id":null}]', 'application/json'],
      'application/x-ndjson': [{ topic: 'a' }, '{"topic":"a"}\n', 'application/x-ndjson'],
      'application/cloudevents+json': [cloudEvent, JSON.stringify(cloudEvent), 'application/json'],
      'application/cloudevents-batch+json': [[cloudEvent], JSON.stringify([cloudEvent]), 'application/json'],
    }
    expect(Object.keys(requestBody.content)).toEqual(Object.keys(bodies))
    const isValid = validatorOf(document)
    for (const [type, [value, body, answer]] of Object.entries(bodies)) {
      const { schema, itemSchema } = requestBody.content[type]!
      expect(isValid((schema ?? itemSchema)!, value), type).toBe('')
      const response = await fetch(serving.url, { method: 'POST', headers: { 'content-type': type }, body })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')!.split(';')[0], type).toBe(answer)
      const answered = responses[200]!.content![answer]!
      const text = await response.text()
      expect(
        isValid((answered.schema ?? answered.itemSchema)!, answer === 'text/plain' ? text : JSON.parse(text)),
      ).toBe('')
    }
    const refused = await fetch(serving.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(isValid(problemResponse(document).content!['application/problem+json']!.schema!, await refused.json())).toBe(
      '',
    )
  })
})

function problemResponse(document: Document): Response32 {
  const { responses } = document.components as unknown as { responses: Record<string, Response32> }
  return responses.Problem!
}

/** Says what is wrong with a value: nothing, `''`. Undefined members of it are not there. */
function validatorOf(document: Document): (schema: object, value: unknown) => string {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: 'document' })
  return (schema, value) => {
    const valid = ajv.compile(withDocument(schema))
    return valid(JSON.parse(JSON.stringify(value))) ? '' : ajv.errorsText(valid.errors)
  }
}

/** Checks the data of an event by the schema of the form that has its type. */
function isValidContent(
  document: Document,
  itemSchema: object,
  event: { data: string; event?: string | undefined },
): string {
  const name = (itemSchema as { $ref: string }).$ref.split('/').at(-1)!
  const forms = (
    document.components.schemas[name] as {
      anyOf: { properties: Record<string, { const?: string; contentSchema?: object }> }[]
    }
  ).anyOf
  const form = forms.find(({ properties }) => properties.event?.const === event.event)
  if (!form?.properties.data?.contentSchema) return ''
  return validatorOf(document)(form.properties.data.contentSchema, JSON.parse(event.data))
}

function withDocument(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components')) as object
}
