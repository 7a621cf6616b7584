import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { defineEvents, type StandardSchema, text } from '@headwater/sse'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { HubError } from '../../../src/base/errors.ts'
import { type AsyncApiOptions, asyncApiDocument } from '../../../src/http/openapi/asyncapi.ts'
import { serve } from '../serve-hub.ts'

const orders = defineEvents({
  paid: z.object({ total: z.number(), note: z.string().optional() }),
  'sent.out': z.object({ at: z.string().transform((at) => new Date(at)) }),
  line: text(),
})
const options: AsyncApiOptions = {
  title: 'Shop',
  version: '1.0.0',
  urls: ['https://hub.example.com/.well-known/mercure'],
  topics: {
    'https://shop.example/orders/{id}': { events: orders, title: 'Orders', description: 'What becomes of an order.' },
    log: { events: defineEvents({ message: text() }) },
  },
}

interface Document {
  readonly channels: Record<string, { address: string; parameters?: object; messages: Record<string, Message> }>
  readonly operations: Record<string, { action: string; channel: { $ref: string }; messages: { $ref: string }[] }>
  readonly servers?: object
}
interface Message {
  readonly name: string
  readonly contentType: string
  readonly payload: { readonly schema: object }
}

/** Says what the JSON Schema of AsyncAPI 3.0 has against a document. */
function problemsOf(document: object): string {
  const path = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0.json')
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false })
  const isValid = ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object)
  return isValid(JSON.parse(JSON.stringify(document))) ? '' : ajv.errorsText(isValid.errors)
}

describe('the description of typed topics by AsyncAPI', () => {
  test('is valid AsyncAPI 3, and its references lead somewhere', () => {
    const document = asyncApiDocument(options) as Document
    expect(problemsOf(document)).toBe('')
    expect(problemsOf({ ...document, channels: { log: { address: 7 } } })).not.toBe('')
    for (const { channel, messages } of Object.values(document.operations)) {
      const key = channel.$ref.split('/')[2]!
      expect(document.channels[key]).toBeDefined()
      const known = Object.keys(document.channels[key]!.messages)
      expect(messages.map(({ $ref }) => $ref)).toEqual(known.map((each) => `#/channels/${key}/messages/${each}`))
    }
  })

  test('has a channel for each topic, and its events with what may be sent', () => {
    const { channels, operations, servers } = asyncApiDocument(options) as Document
    expect(servers).toEqual({
      hub1: { host: 'hub.example.com', pathname: '/.well-known/mercure', protocol: 'https', protocolVersion: '1.1' },
    })
    expect(Object.values(channels).map(({ address }) => address)).toEqual(Object.keys(options.topics))
    expect(Object.keys(operations)).toEqual([
      'subscribe.https_shop.example_orders_id',
      'publish.https_shop.example_orders_id',
      'subscribe.log',
      'publish.log',
    ])
    const { messages, parameters } = Object.values(channels)[0]!
    expect(parameters).toEqual({ id: {} })
    expect(Object.values(messages).map(({ name, contentType }) => [name, contentType])).toEqual([
      ['paid', 'application/json'],
      ['sent.out', 'application/json'],
      ['line', 'text/plain'],
    ])
    const accepts = (type: string, data: unknown) =>
      new Ajv({ strict: false }).compile(messages[type]!.payload.schema)(data)
    // As the map itself does.
    for (const [type, data, isAccepted] of [
      ['paid', { total: 1 }, true],
      ['paid', { total: '1' }, false],
      ['sent.out', { at: '2026-11-30' }, true],
      ['sent.out', {}, false],
    ] as const) {
      expect(accepts(type, data), JSON.stringify(data)).toBe(isAccepted)
      expect(orders.encode(type, data, 'skip') !== undefined).toBe(isAccepted)
    }
  })

  test('gives topics that look alike keys of their own', () => {
    const events = defineEvents({ message: text() })
    const document = asyncApiDocument({
      title: 'a',
      version: '1',
      topics: { 'a/b': { events }, 'a b': { events }, '⛲': { events } },
    })
    expect(Object.keys((document as Document).channels)).toEqual(['a_b', 'a_b_2', 'topic'])
    expect(problemsOf(document)).toBe('')
  })

  test('asks another function for the JSON Schema, and says where it is not known', () => {
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'mine', validate: (value) => ({ value }) } }
    const topics = { a: { events: defineEvents({ message: schema }) } }
    const document = asyncApiDocument({ title: 'a', version: '1', topics, toJsonSchema: () => ({ type: 'null' }) })
    expect((document as Document).channels.a!.messages.message!.payload.schema).toEqual({ type: 'null' })
    expect(() => asyncApiDocument({ title: 'a', version: '1', topics })).toThrow(
      'The JSON Schema of the event type "message" is not known: schemas of mine do not say it themselves. Pass toJsonSchema.',
    )
  })

  test.each([
    ['a map without schemas', { topics: { a: { events: defineEvents<{ a: 1 }>() } } }, 'have no schemas'],
    ['a template with more than names', { topics: { '/{+a}': { events: defineEvents({ message: text() }) } } }, '{+a}'],
    ['what is no URL', { topics: {}, urls: ['hub'] }, 'not a URL'],
    ['an unknown name', { topics: {}, servers: [] }, 'servers'],
  ])('refuses %s', (_, more, message) => {
    const make = () => asyncApiDocument({ title: 'a', version: '1', ...more } as AsyncApiOptions)
    expect(make).toThrow(HubError)
    expect(make).toThrow(message)
  })

  test('is served below the path of the hub, and the description by OpenAPI says so', async () => {
    const asyncApi = asyncApiDocument(options)
    const { url } = await serve({ asyncApi })
    const response = await fetch(`${url}/headwater/v1/asyncapi.json`)
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(asyncApi)))
    const { paths } = (await (await fetch(`${url}/headwater/v1/openapi.json`)).json()) as { paths: object }
    expect(Object.keys(paths)).toContain('/.well-known/mercure/headwater/v1/asyncapi.json')
    const without = await serve()
    expect((await fetch(`${without.url}/headwater/v1/asyncapi.json`)).status).toBe(404)
  })
})
