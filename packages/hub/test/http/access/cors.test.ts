import { describe, expect, test } from 'vitest'
import { Cors } from '../../../src/http/access/cors.ts'
import { problemOf, sendRaw, serve } from '../serve-hub.ts'

const page = 'https://page.example'

const corsHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

describe('CORS', () => {
  test('sends no header at all unless origins are configured', async () => {
    const { open, url } = await serve()
    expect(corsHeaders((await open('match=a', { origin: page })).response)).toEqual({})
    const options = await fetch(url, { method: 'OPTIONS', headers: { origin: page } })
    expect(options.status).toBe(204)
    expect(corsHeaders(options)).toEqual({})
    expect(options.headers.get('allow')).toBe('GET, HEAD, QUERY, POST, OPTIONS')
  })

  test.each([[[]], [['https://other.example']]])(
    'with the origins %j, refuses the preflight of another, and tells the operator how to allow it',
    async (corsOrigins) => {
      const refused: string[] = []
      const { url, server } = await serve({
        corsOrigins,
        onRefused: ({ code, message }, { route }) => refused.push(`${code} ${route} ${message}`),
      })
      const ask = (origin: string) =>
        fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } })
      const preflight = await ask(page)
      expect(corsHeaders(preflight)).toEqual({})
      const problem = await problemOf(preflight)
      expect(problem).toMatchObject({ status: 403, code: 'ORIGIN_NOT_ALLOWED' })
      expect(problem.detail).toContain(`--cors-origins ${page}`)
      expect(refused).toEqual([`ORIGIN_NOT_ALLOWED preflight ${problem.detail}`])
      expect((await ask(server.url)).status).toBe(204)
    },
  )

  test('reports the pages that get an answer which their browser keeps from them', async () => {
    const reported: string[] = []
    const { open, post, server } = await serve({
      corsOrigins: ['https://other.example'],
      onForeignPage: (origin, { method, route }) => reported.push(`${origin} ${method} ${route}`),
    })
    await open('match=a', { origin: page })
    expect(reported).toEqual([`${page} GET subscribe`])
    for (const origin of ['https://other.example', 'HTTPS://Other.example:443', server.url])
      await open('match=a', { origin })
    await open('match=a')
    // Refused, and reported as that.
    await post({ topic: 'a' }, { origin: page })
    expect(reported).toHaveLength(1)
  })

  test('lets a configured origin read, with credentials, and see where its stream begins', async () => {
    const { open } = await serve({ corsOrigins: [page, 'https://other.example:8443'] })
    const { response } = await open('match=a&last_event_id=earliest', { origin: page })
    expect(corsHeaders(response)).toEqual({
      'access-control-allow-origin': page,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': expect.stringContaining('Mercure-Last-Event-ID, Last-Event-ID'),
      vary: 'Origin',
    })
  })

  test.each([
    'https://evil.example',
    'https://page.example.evil.example',
    'http://page.example',
    'null',
    'https://page.example:444',
  ])('gives %s nothing, and keeps caches from giving it what is for others', async (origin) => {
    const { open } = await serve({ corsOrigins: [page] })
    expect(corsHeaders((await open('match=a', { origin })).response)).toEqual({ vary: 'Origin' })
  })

  test('with * lets everybody read, and nobody with credentials', async () => {
    const { open } = await serve({ corsOrigins: ['*'] })
    expect(corsHeaders((await open('match=a', { origin: page })).response)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('Mercure-Last-Event-ID'),
    })
  })

  test('answers the preflight that a Last-Event-ID set by script needs', async () => {
    const { url } = await serve({ corsOrigins: [page] })
    const response = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin: page,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'cache-control,last-event-id',
      },
    })
    expect(response.status).toBe(204)
    expect(corsHeaders(response)).toEqual({
      'access-control-allow-origin': page,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, HEAD, QUERY, POST, OPTIONS',
      'access-control-allow-headers':
        'Authorization, Cache-Control, Content-Type, Idempotency-Key, Last-Event-ID, Traceparent, Tracestate',
      'access-control-max-age': '7200',
      vary: 'Origin',
    })
  })

  test('lets a page read why it was refused', async () => {
    const { url } = await serve({ corsOrigins: [page] })
    const response = await fetch(url, { headers: { origin: page } })
    expect(response.status).toBe(400)
    expect(response.headers.get('access-control-allow-origin')).toBe(page)
  })

  test.each([
    ['example.com', 'An origin looks like https://example.com'],
    ['https://example.com/', 'Did you mean https://example.com?'],
    ['https://example.com/path', 'Did you mean https://example.com?'],
    ['HTTPS://Example.com', 'Did you mean https://example.com?'],
    ['https://example.com:443', 'Did you mean https://example.com?'],
    ['https://*.example.com', 'Name each origin'],
    ['null', 'An origin looks like'],
    ['', 'An origin looks like'],
  ])('is not configured for %j', (origin, reason) => {
    expect(() => new Cors([origin])).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(reason) }),
    )
  })
})

describe('publishing from a page', () => {
  test.each([
    ['http://localhost', 'localhost:80'],
    ['http://localhost:3000', 'LOCALHOST:3000'],
    ['https://hub.example.com', 'hub.example.com:443'],
    ['https://hub.example.com', 'hub.example.com.'],
    ['http://[::1]:3000', '[0:0:0:0:0:0:0:1]:3000'],
  ])('of %s is taken by the hub that it knows as %s', async (origin, host) => {
    const { url } = await serve()
    const body = 'topic=a'
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nhost: ${host}\r\norigin: ${origin}\r\nconnection: close\r\n`
    const type = `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n`
    expect(await sendRaw(url, head + type + body)).toMatch(/^HTTP\/1.1 200 /)
  })

  test.each(['https://evil.example', 'null', 'http://127.0.0.1:1'])(
    'of %s is refused, as its form needs no preflight',
    async (origin) => {
      const { post, store } = await serve()
      const problem = await problemOf(await post({ topic: 'a' }, { origin }))
      expect(problem).toMatchObject({
        status: 403,
        code: 'ORIGIN_NOT_ALLOWED',
        detail: expect.stringContaining('--cors-origins'),
      })
      expect((await store.bounds()).head.position).toBe(0)
    },
  )

  test("of the hub's own origin, and of one that CORS allows, is taken", async () => {
    const { post, server } = await serve({ corsOrigins: [page] })
    expect((await post({ topic: 'a' }, { origin: server.url })).status).toBe(200)
    expect((await post({ topic: 'a' }, { origin: page })).status).toBe(200)
    expect((await post({ topic: 'a' }, { origin: 'http://dev.example', 'sec-fetch-site': 'same-origin' })).status).toBe(
      200,
    )
    expect((await post({ topic: 'a' }, { origin: 'http://dev.example' })).status).toBe(403)
  })
})
