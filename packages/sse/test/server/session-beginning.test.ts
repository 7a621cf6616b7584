import { describe, expect, test } from 'vitest'
import { opener } from './opener.ts'
import { transports } from './transports.ts'

describe.each(transports)('a session over $name begins: it', ({ name, serve }) => {
  const { open, listen } = opener(serve)

  test('sends headers and a first comment at once, before any event', async () => {
    const { response } = await open()
    expect(response.status).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(await response.until('\n')).toMatch(/^:\n/)
  })

  test('has headers that belong to a connection on HTTP/1 only', async () => {
    const { response } = await open()
    const isHttp2 = name.startsWith('HTTP/2')
    expect('connection' in response.headers).toBe(!isHttp2)
    // Also where it ends with its connection: see decision 10.
    expect('transfer-encoding' in response.headers).toBe(!isHttp2)
  })

  test('adds custom headers, which may replace its own', async () => {
    const { response } = await open({
      headers: {
        'Access-Control-Allow-Origin': 'https://a.example',
        'Cache-Control': 'no-store',
        'X-Left-Out': undefined,
      },
    })
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'cache-control': 'no-store',
    })
    expect(response.headers).not.toHaveProperty('x-left-out')
  })

  test('tells its reconnection time first, so that the one of an earlier drain does not stay', async () => {
    const { response } = await open({ retryMs: 1234 })
    await response.until('retry: 1234\n')
  })

  test('says nothing of a reconnection time when retryMs is null', async () => {
    const { response, session } = await open({ retryMs: null })
    session.close()
    expect(await response.text()).not.toContain('retry')
  })

  test('answers HEAD with the headers only, and is over', async () => {
    const { server, opened } = await listen()
    const response = await server.request({ method: 'HEAD' })
    expect(response.headers['content-type']).toBe('text/event-stream')
    expect(await response.text()).toBe('')
    if (name !== 'a Fetch response') expect(await (await opened()).closed).toBe('head-request')
  })

  test('answers POST as it does GET', async () => {
    const { response, session } = await open({}, { method: 'POST' })
    session.send({ data: 'posted' })
    await response.until('data: posted\n\n')
  })
})

describe.each(transports)('the last event ID over $name', ({ serve }) => {
  const { open } = opener(serve)

  test('is empty when the client brings none', async () => {
    const { session } = await open()
    expect(session.lastEventId).toBe('')
  })

  test('comes from the header, decoded as UTF-8', async () => {
    const asBytes = Buffer.from('é€-7', 'utf8').toString('latin1')
    const { session } = await open({}, { headers: { 'last-event-id': asBytes } })
    expect(session.lastEventId).toBe('é€-7')
  })

  test.each(['lastEventId', 'last_event_id', 'lastEventID', 'Last-Event-ID'])(
    'comes from the query parameter %s',
    async (parameter) => {
      const { session } = await open({}, { path: `/events?a=1&${parameter}=%C3%A9+7` })
      expect(session.lastEventId).toBe('é 7')
    },
  )

  test('of the header wins over that of the query, which is older', async () => {
    const { session } = await open({}, { path: '/?lastEventId=old', headers: { 'last-event-id': 'new' } })
    expect(session.lastEventId).toBe('new')
  })

  test('of the query counts when the header is empty', async () => {
    const { session } = await open({}, { path: '/?lastEventId=old', headers: { 'last-event-id': '' } })
    expect(session.lastEventId).toBe('old')
  })
})
