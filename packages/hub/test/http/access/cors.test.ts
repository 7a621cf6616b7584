import { describe, expect, test } from 'vitest'
import { Cors } from '../../../src/http/access/cors.ts'
import { problemOf, serve } from '../serve-hub.ts'

const page = 'https://page.example'

const corsHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

describe('CORS', () => {
  test('sends no header at all unless origins are configured', async () => {
    const { open, url } = await serve()
    expect(corsHeaders((await open('match=a', { origin: page })).response)).toEqual({})
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: page, 'access-control-request-method': 'GET' },
    })
    expect(preflight.status).toBe(204)
    expect(corsHeaders(preflight)).toEqual({})
    expect(preflight.headers.get('allow')).toBe('GET, HEAD, QUERY, POST, OPTIONS')
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
      'access-control-allow-headers': 'Authorization, Cache-Control, Content-Type, Idempotency-Key, Last-Event-ID',
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
