import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { bearer, everything, oldBearer, serveGuarded } from '../http/access/guarded-hub.ts'
import { createFetchHandler } from '../http/handlers.ts'
import { problemOf, serve } from '../http/serve-hub.ts'

/** Opens a stream on a socket of its own; gives its head and its body as bytes came. */
async function openRaw(url: string, query: string) {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => {
    socket.destroy()
  })
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  // HTTP/1.0 knows no chunks: the body is as it is.
  socket.write(`GET ${pathname}?${query} HTTP/1.0\r\nHost: ${hostname}\r\n\r\n`)
  return {
    /** Waits for a text in the body; gives all there is of it. */
    async until(text: string): Promise<{ head: string; body: string }> {
      for (;;) {
        const end = received.indexOf('\r\n\r\n')
        const [head, body] = [received.slice(0, end), received.slice(end + 4)]
        if (end >= 0 && body.includes(text)) return { head, body }
        await once(socket, 'data')
      }
    },
  }
}

/** C0, DEL, C1, and what Unicode calls a format character. */
const unwelcome = [
  ['NUL', '\u0000'],
  ['LF', '\n'],
  ['CR', '\r'],
  ['the last of C0', '\u001f'],
  ['DEL', '\u007f'],
  ['the first of C1', '\u0080'],
  ['NEL', '\u0085'],
  ['a soft hyphen', '\u00ad'],
  ['a zero-width space', '\u200b'],
  ['a right-to-left override', '\u202e'],
  ['an isolate', '\u2066'],
  ['a byte order mark', '\ufeff'],
  ['a tag', '\u{e0041}'],
] as const

describe('the request of a subscriber', () => {
  test.each(['Match', 'MATCH', 'matches', 'match_URLPattern', 'matchUrlpattern', 'match_cel', 'match_', 'match-exact'])(
    'has no %s: the prefix match is reserved in any case, also beside a good matcher',
    async (name) => {
      const { url } = await serve()
      const problem = await problemOf(await fetch(`${url}?match=a&${name}=b`))
      expect(problem).toMatchObject({ status: 400, detail: expect.stringContaining(JSON.stringify(name)) })
    },
  )

  test('has topic only with compat; else the answer names match', async () => {
    const strict = await serveGuarded()
    for (const query of ['topic=a', 'match=a&topic=a']) {
      const problem = await problemOf(await fetch(`${strict.url}?${query}`))
      expect(problem).toMatchObject({ status: 400, detail: expect.stringContaining('Use match') })
    }
    const compat = await serveGuarded({ compat: true })
    const subscribed = await compat.open('topic=a&match=b')
    await compat.post({ topic: 'b', data: 'x' }, everything)
    expect((await subscribed.next()).data).toBe('x')
  })

  test('without a name that it needs, or with one that has no value, is refused', async () => {
    const { url } = await serve()
    for (const query of ['', 'x=1', 'match', 'match=', 'match_urlpattern', 'topic']) {
      expect((await fetch(`${url}?${query}`)).status, query).toBe(400)
    }
  })

  test.each(unwelcome)('has no %s in a matcher of any kind', async (_, character) => {
    const { url } = await serve()
    for (const name of ['match', 'match_exact', 'match_urlpattern', 'topic']) {
      const response = await fetch(`${url}?${name}=${encodeURIComponent(`/a${character}b`)}`)
      expect(await problemOf(response), name).toMatchObject({ status: 400, code: 'INVALID_MATCHER' })
    }
  })

  test('may say the same matcher twice, and gets an event once', async () => {
    const { open, post } = await serve()
    const subscribed = await open('match=a&match=a&match_exact=a&match_urlpattern=/:x&match=*')
    for (const data of ['1', '2']) await post({ topic: 'a', data })
    expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['1', '2'])
  })

  test('may have 100 matchers, and not 101', async () => {
    const { url } = await serve()
    const query = (count: number) => Array.from({ length: count }, (_, n) => `match_urlpattern=/${n}/:x`).join('&')
    const response = await fetch(`${url}?${query(100)}`)
    expect(response.status).toBe(200)
    await response.body!.cancel()
    expect((await fetch(`${url}?${query(101)}`)).status).toBe(400)
  })

  test('is not judged by its Accept', async () => {
    const { open } = await serve()
    for (const accept of ['application/json', 'text/html', '*/*;q=0'])
      expect((await open('match=a', { accept })).response.status).toBe(200)
  })

  test('to a hub that is closing is answered 503 and when to come back', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    const handle = createFetchHandler(hub)
    await hub.close()
    const response = await handle(new Request('http://hub.test/.well-known/mercure?match=a'))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
  })
})

describe('the event stream', () => {
  test('begins with its headers, a comment and a reconnection time at once', async () => {
    const { url } = await serve()
    const stream = await openRaw(url, 'match=a')
    const { head, body } = await stream.until('retry: 2000\n')
    expect(head).toMatch(/^HTTP\/1\.\d 200 OK\r\n/)
    expect(body).toMatch(/^:\nretry: 2000\n/)
  })

  test('has the fields of an event in the order event, retry, data, id', async () => {
    const { url, post } = await serve()
    const stream = await openRaw(url, 'match=a')
    await stream.until('\n\n')
    await post({ topic: 'a', data: 'x\ny', id: 'mine', type: 'stock', retry: '2500' })
    const { body } = await stream.until('id: mine\n\n')
    expect(body).toContain('event: stock\nretry: 2500\ndata: x\ndata: y\nid: mine\n\n')
  })

  test('lets no data forge a field, an event or a comment, whatever its line breaks', async () => {
    const { url, post } = await serve()
    const stream = await openRaw(url, 'match=a')
    await stream.until('\n\n')
    const data = 'a\rid: forged\r\nevent: forged\n\ndata: forged\r\rretry: 1\n: forged\u2028id: x'
    await post({ topic: 'a', data, id: 'true' })
    const { body } = await stream.until('id: true\n\n')
    const lines = data.replace(/\r\n?/g, '\n').split('\n')
    const block = [...lines.map((line) => `data: ${line}`.trimEnd()), 'id: true', '', ''].join('\n')
    expect(body).toContain(`\n\n${block}`)
  })

  test('has an empty data field for an empty event, so that it fires, and an id for every event', async () => {
    const { url, post } = await serve()
    const stream = await openRaw(url, 'match=a')
    await stream.until('\n\n')
    const id = await (await post('topic=a')).text()
    const { body } = await stream.until(`id: ${id}\n\n`)
    expect(body).toContain(`\n\ndata:\nid: ${id}\n\n`)
  })

  test('has a comment now and then while it is idle', async () => {
    const { url } = await serve({ session: { heartbeatMs: 20 } })
    const stream = await openRaw(url, 'match=a')
    await stream.until('\n\n:\n:\n')
  })

  test('has the id before its first event in Mercure-Last-Event-ID when a last event id was given, be it empty', async () => {
    const { open, post } = await serve()
    const id = await (await post('topic=a')).text()
    const headerFor = async (query: string, headers = {}) =>
      (await open(`match=a${query}`, headers)).response.headers.get('mercure-last-event-id')
    expect(await headerFor('')).toBe(null)
    expect(await headerFor('&last_event_id=')).toBe(id)
    expect(await headerFor(`&last_event_id=${id}`)).toBe(id)
    expect(await headerFor('', { 'last-event-id': id })).toBe(id)
    expect(await headerFor('&last_event_id=gone')).toBe('earliest')
    expect(await headerFor('&last_event_id=earliest')).toBe('earliest')
    expect(await headerFor('&last_event_id=gone', { 'last-event-id': id })).toBe(id)
  })
})

describe('a matcher', () => {
  const cases: readonly (readonly [query: string, topic: string, matches: boolean])[] = [
    ['match=https://ex.com/a', 'https://ex.com/a', true],
    ['match=https://ex.com/a', 'https://EX.com/a', false],
    ['match=https://ex.com/a', 'https://ex.com/%61', false],
    ['match=/a', 'https://hub.shop.example/a', false],
    ['match=https://ex.com/%7Bid%7D', 'https://ex.com/1', false],
    ['match_urlpattern=https://ex.com/books/:id', 'https://ex.com/books/1', true],
    ['match_urlpattern=https://ex.com/books/:id', 'https://EX.com/books/1', true],
    ['match_urlpattern=https://ex.com/books/:id', 'https://ex.com/BOOKS/1', false],
    ['match_urlpattern=https://ex.com/books/:id', 'https://ex.com/books/1/x', false],
    ['match_urlpattern=https://ex.com/*', 'https://ex.com/a/b/c', true],
    ['match_urlpattern=/books/:id', 'https://hub.shop.example/books/1', true],
    ['match_urlpattern=https://hub.shop.example/books/:id', '/books/1', true],
    ['match_urlpattern=*://*/*', 'https://[bad', false],
    ['match_urlpattern=*', 'https://[bad', true],
    ['match=*', 'a b', true],
    ['topic=*', 'a b', true],
    ['topic=https://ex.com/{a}/bar', 'https://ex.com/foo/bar', true],
    ['topic=https://ex.com/{a}/bar', 'https://ex.com/foo/bar/baz', false],
    ['topic=https://ex.com/{a}', 'https://ex.com/', true],
    ['topic=https://ex.com/{a}', 'https://ex.com/a:b', false],
    ['topic=https://ex.com/{a}', 'https://ex.com/a%2Fb', true],
    ['topic={%2Bpath}/here', 'https://ex.com/foo/here', true],
    ['topic=https://ex.com{/a}{?q}', 'https://ex.com/foo?q=bar', true],
    ['topic={invalid', '{invalid', true],
    ['topic={invalid', 'invalid', false],
  ]
  test.each(cases)('?%s and the topic %s: %s', async (query, topic, matches) => {
    const { open, post } = await serveGuarded({ compat: true })
    const subscribed = await open(`${query}&match=end`)
    await post({ topic, data: topic }, everything)
    await post({ topic: 'end', data: 'end' }, everything)
    expect((await subscribed.next()).data).toBe(matches ? topic : 'end')
  })

  test('of any kind selects by any of the topics, once', async () => {
    const { open, post } = await serveGuarded({ compat: true })
    const subscribed = await open('match=alternate&match_urlpattern=https://ex.com/:x&topic=https://ex.com/{y}')
    const topics = ['https://ex.com/1', 'alternate', 'https://ex.com/2'].map((topic) => ['topic', topic])
    await post([...topics, ['data', '1']], everything)
    await post([...topics, ['data', '2']], everything)
    expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['1', '2'])
  })
})

describe('a private event', () => {
  const topics = [
    ['topic', 'https://shop.example/books/1'],
    ['topic', 'https://shop.example/users/42/books/1'],
    ['private', 'on'],
  ]

  test('is selected by its canonical topic and granted by an alternate, as by a pattern of the user', async () => {
    const { open, post } = await serveGuarded()
    const user = (n: number) =>
      bearer(['subscribe'], { match: `https://shop.example/users/${n}/*`, match_type: 'urlpattern' })
    const query = 'match_urlpattern=https://shop.example/books/:id&match=end'
    const [his, others] = [await open(query, user(42)), await open(query, user(43))]
    await post([...topics, ['data', 'for 42']], everything)
    await post('topic=end&data=end', everything)
    expect((await his.next()).data).toBe('for 42')
    expect((await others.next()).data).toBe('end')
  })

  test('is granted by a template such as https://shop.example/users/42/{?topic} before 1.0', async () => {
    const { open, post } = await serveGuarded({ compat: true })
    const user = (n: number) => oldBearer({ subscribe: [`https://shop.example/users/${n}/{?topic}`] })
    const topic = encodeURIComponent('https://shop.example/books/1')
    const [his, others] = await Promise.all(
      [42, 43].map((n) => open('topic=https://shop.example/books/{id}&match=end', user(n))),
    )
    await post(
      [
        ['topic', 'https://shop.example/books/1'],
        ['topic', `https://shop.example/users/42/?topic=${topic}`],
        ['private', ''],
        ['data', 'for 42'],
      ],
      oldBearer({ publish: ['*'] }),
    )
    await post('topic=end&data=end', everything)
    expect((await his!.next()).data).toBe('for 42')
    expect((await others!.next()).data).toBe('end')
  })

  test('is never had by what the query says, nor without a token', async () => {
    const { open, post } = await serveGuarded()
    const anonymous = await open('match=*')
    await post([...topics, ['data', 'secret']], everything)
    await post('topic=end&data=end', everything)
    expect((await anonymous.next()).data).toBe('end')
  })
})
