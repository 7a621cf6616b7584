import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { problemOf, sendRaw, serve } from '../serve-hub.ts'

const headOf = (contentLength: number, more = '') =>
  `POST /.well-known/mercure HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${contentLength}\r\n${more}\r\n`

describe('publishing over HTTP', () => {
  test('answers 200 with exactly the id, as text', async () => {
    const { post, open } = await serve()
    const subscribed = await open('match=a')
    const response = await post({ topic: 'a', data: 'hello' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    const id = await response.text()
    expect(id).toMatch(/^[0-9a-z]{10}\.1\.[0-9a-z]+$/)
    expect(await subscribed.next()).toEqual({ type: undefined, data: 'hello', id })
  })

  test('carries data, id, type and all topics to subscribers, in UTF-8', async () => {
    const { post, open } = await serve()
    const byAlternate = await open('match=%E2%9B%B2')
    const response = await post([
      ['topic', 'a'],
      ['topic', '⛲'],
      ['data', 'línea 1\r\nline 2'],
      ['id', 'ïd-1'],
      ['type', 'rain'],
      ['retry', '1234'],
    ])
    expect(await response.text()).toBe('ïd-1')
    expect(await byAlternate.next()).toEqual({ type: 'rain', data: 'línea 1\nline 2', id: 'ïd-1' })
  })

  test('takes the first of repeated fields, and ignores unknown ones and those of the query', async () => {
    const { url, open } = await serve()
    const subscribed = await open('match=a')
    const response = await fetch(`${url}?topic=q&id=q&data=q`, {
      method: 'POST',
      body: new URLSearchParams('topic=a&data=1&data=2&id=one&id=two&type=x&type=y&unknown=1&Topic=b&__proto__=1'),
    })
    expect(await response.text()).toBe('one')
    expect(await subscribed.next()).toEqual({ type: 'x', data: '1', id: 'one' })
  })

  test('without data publishes an empty event', async () => {
    const { post, open } = await serve()
    const subscribed = await open('match=a')
    await post({ topic: 'a' })
    expect((await subscribed.next()).data).toBe('')
  })

  test.each(['private', 'private=', 'private=on', 'private=false', 'private=0', 'private=%FF'])(
    'is private by the mere presence of "%s", and then reaches nobody without a token',
    async (field) => {
      const { post, open } = await serve()
      const subscribed = await open('match=*&last_event_id=earliest')
      expect((await post(`topic=a&data=secret&${field}`)).status).toBe(200)
      await post({ topic: 'a', data: 'open' })
      expect((await subscribed.next()).data).toBe('open')
      expect((await (await open('match=a&last_event_id=earliest')).next()).data).toBe('open')
    },
  )

  test.each(['id=', 'type=', 'retry=', 'retry=0', 'id', 'retry=00015'])('takes %s', async (field) => {
    const { post } = await serve()
    expect((await post(`topic=a&${field}`)).status).toBe(200)
  })

  test('reads a form as the URL standard does: plus, percent, stray percent, empty pairs', async () => {
    const { post, open } = await serve()
    const subscribed = await open('match=a%20b')
    await post('&&topic=a+b&data=%2B%zz%4&=x&')
    expect((await subscribed.next()).data).toBe('+%zz%4')
  })

  describe('refuses', () => {
    test.each([
      ['', 'INVALID_TOPIC', 'no topic'],
      ['data=1', 'INVALID_TOPIC', 'no topic'],
      ['topic=*', 'INVALID_TOPIC', '"*"'],
      ['topic=a&topic=*', 'INVALID_TOPIC', '"*"'],
      ['topic=a%0Ab', 'INVALID_TOPIC', 'U+000A'],
      ['topic=a%C2%85b', 'INVALID_TOPIC', 'U+0085'],
      ['topic=a%E2%80%8Bb', 'INVALID_TOPIC', 'U+200B'],
      ['topic=%FF', 'INVALID_TOPIC', 'UTF-8'],
      ['topic=a&data=%C3%28', 'INVALID_DATA', 'UTF-8'],
      ['topic=a&data=%ED%A0%80', 'INVALID_DATA', 'UTF-8'],
      ['topic=a&id=%23frag', 'INVALID_EVENT_ID', '"#"'],
      ['topic=a&id=earliest', 'INVALID_EVENT_ID', 'earliest'],
      ['topic=a&id=a%0D%0Adata:+forged', 'INVALID_EVENT_ID', 'U+000D'],
      ['topic=a&id=a%00', 'INVALID_EVENT_ID', 'U+0000'],
      ['topic=a&id=%FF', 'INVALID_EVENT_ID', 'UTF-8'],
      ['topic=a&type=mercure', 'INVALID_EVENT_TYPE', 'reserved'],
      ['topic=a&type=headwater-gap', 'INVALID_EVENT_TYPE', 'reserved'],
      ['topic=a&type=a%0Ab', 'INVALID_EVENT_TYPE', 'U+000A'],
      ['topic%5B0%5D=a&data=x', 'INVALID_TOPIC', '"topic[0]", but the field is named topic'],
      ['topic[]=a&topic[]=b', 'INVALID_TOPIC', '"topic[]"'],
      ['Topic=a', 'INVALID_TOPIC', '"Topic"'],
      ['topics=a', 'INVALID_TOPIC', '"topics"'],
      ['data=a', 'INVALID_TOPIC', 'no topic. Set at least one'],
      ['topic=a&retry=abc', 'INVALID_RETRY', '"abc"'],
      ['topic=a&retry=-1', 'INVALID_RETRY', '"-1"'],
      ['topic=a&retry=1.5', 'INVALID_RETRY', '"1.5"'],
      ['topic=a&retry=%2B1', 'INVALID_RETRY', '"+1"'],
      ['topic=a&retry=1e3', 'INVALID_RETRY', '"1e3"'],
      ['topic=a&retry=%D9%A1', 'INVALID_RETRY', '"١"'],
      ['topic=a&retry=99999999999999999999', 'INVALID_RETRY', '100000000000000000000'],
      ['topic=a&retry=9007199254740991', 'INVALID_RETRY', 'the most is 86400000'],
    ])('%s with 400 and a reason, storing nothing', async (body, code, reason) => {
      const { post, store } = await serve()
      const problem = await problemOf(await post(body))
      expect(problem).toEqual({ status: 400, code, detail: expect.stringContaining(reason) })
      expect((await store.bounds()).head.position).toBe(0)
    })

    test.each([
      'https://any.example/.well-known/mercure/x',
      '/.well-known/mercure',
      'mercure/x',
      'https://a/.well-known/%6Dercure/x',
      'https://a\\.well-known\\mercure\\x',
      '',
      './mercure',
      'https://a/x/../.well-known/mercure/subscriptions',
      'ftp://a/.well-known/mercure',
      'foo:/.well-known/mercure/x',
      '//a/.well-known/mercure',
      'HTTPS://A/.well-known/mercure?x',
      '?x',
    ])('the reserved topic %j', async (topic) => {
      const { post } = await serve()
      const problem = await problemOf(
        await post([
          ['topic', 'a'],
          ['topic', topic],
        ]),
      )
      expect(problem).toMatchObject({ status: 400, code: 'INVALID_TOPIC' })
    })

    test.each([
      '/.well-known/mercureX',
      'https://a/foo/.well-known/mercure/x',
      '../mercure/x',
      'urn:example:mercure',
      'bar',
      'a b',
      'https://a/.well-known%2Fmercure',
      'https://[bad',
    ])('not the topic %j, which is not reserved', async (topic) => {
      const { post } = await serve()
      expect((await post({ topic })).status).toBe(200)
    })

    test.each([
      ['text/plain', 'text/plain'],
      ['multipart/form-data; boundary=x', 'multipart/form-data'],
      ['application/x-www-form-urlencoded; charset=iso-8859-1', 'iso-8859-1'],
      ['application/x-www-form-urlencodedx', 'urlencodedx'],
    ])('the content type %s with 415', async (type, reason) => {
      const { post } = await serve()
      const problem = await problemOf(await post('topic=a', { 'content-type': type }))
      expect(problem).toEqual({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', detail: expect.stringContaining(reason) })
    })

    test('a body without content type, and one that is compressed, with 415', async () => {
      const { url, post } = await serve()
      const none = await fetch(url, { method: 'POST', body: Buffer.from('topic=a') })
      expect(await problemOf(none)).toMatchObject({ status: 415, detail: expect.stringContaining('not given') })
      const gzip = await post('topic=a', { 'content-encoding': 'gzip' })
      expect(await problemOf(gzip)).toMatchObject({ status: 415, detail: expect.stringContaining('gzip') })
    })

    test('a form by its decoded bytes, in one piece and in many', async () => {
      const { post, url } = await serve({ limits: { maxBodyBytes: 3000 } })
      const korean = '한'.repeat(995)
      const body = `topic=a&data=${encodeURIComponent(korean)}`
      expect(body.length).toBeGreaterThan(8900)
      const inPieces = (text: string) => {
        const body = new Blob([text]).stream()
        const headers = { 'content-type': 'application/x-www-form-urlencoded' }
        return fetch(url, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
      }
      for (const send of [post, inPieces]) {
        expect((await send(body)).status).toBe(200)
        for (const more of ['%ed%95%9c', 'xxx', '%%%', '+++', '%zz'])
          expect(await problemOf(await send(body + more))).toMatchObject({
            status: 413,
            detail: expect.stringContaining('3000 bytes'),
          })
        expect((await send(`topic=a&data=${'%41'.repeat(3100)}`)).status).toBe(413)
      }
    })

    test('a body over 1 MiB with 413, and takes one of exactly 1 MiB', async () => {
      const { post } = await serve()
      const body = 'topic=a&data='.padEnd(1024 * 1024, 'x')
      expect((await post(body)).status).toBe(200)
      expect(await problemOf(await post(`${body}x`))).toMatchObject({ status: 413, code: 'TOO_LARGE' })
      expect(await problemOf(await post('x'.repeat(5_000_000)))).toMatchObject({ status: 413, code: 'TOO_LARGE' })
    })

    test('a body without declared length over 1 MiB with 413', async () => {
      const { url } = await serve()
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new ReadableStream({
          start(controller) {
            for (let n = 0; n < 20; n++) controller.enqueue(Buffer.alloc(100_000, 'x'))
            controller.close()
          },
        }),
        duplex: 'half',
      } as RequestInit)
      expect(await problemOf(response)).toMatchObject({ status: 413, code: 'TOO_LARGE' })
    })

    test('what asks first whether it may send too much, without the body being sent', async () => {
      const { url } = await serve()
      const answer = await sendRaw(url, headOf(4_000_000, 'Expect: 100-continue\r\n'))
      expect(answer).toMatch(/^HTTP\/1\.1 413 /)
      expect(answer).not.toContain('100 Continue')
    })

    test('more than 1000 topics with 413', async () => {
      const { post } = await serve()
      const fields = Array.from({ length: 1001 }, (_, n) => ['topic', `${n}`])
      expect(await problemOf(await post(fields))).toMatchObject({ status: 413, code: 'TOO_LARGE' })
    })
  })

  test('takes a charset parameter of UTF-8 in any spelling', async () => {
    const { post } = await serve()
    for (const charset of ['utf-8', 'UTF-8', '"utf-8"', 'utf8']) {
      const response = await post('topic=a', {
        'content-type': `Application/X-WWW-Form-Urlencoded; Charset=${charset}`,
      })
      expect(response.status).toBe(200)
    }
  })

  test('goes ahead for a client that asks first whether it may', async () => {
    const { url } = await serve()
    const answer = await sendRaw(url, `${headOf(7, 'Expect: 100-continue\r\nConnection: close\r\n')}topic=a`)
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
  })

  test('publishes nothing of a body that breaks off, and serves on', async () => {
    const { url, store, post, errors } = await serve()
    const { hostname, port } = new URL(url)
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(`${headOf(100)}topic=a&data=half`, () => socket[leave]())
        })
        socket.on('error', () => {})
        socket.on('data', () => {})
        socket.on('close', () => resolve())
      })
    }
    expect((await post({ topic: 'a', data: 'whole' })).status).toBe(200)
    expect((await store.bounds()).head.position).toBe(1)
    expect(errors).toEqual([])
  })

  test('publishes though the client leaves without waiting for the answer', async () => {
    const { url, open } = await serve()
    const subscribed = await open('match=a')
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${headOf(16)}topic=a&data=bye`, () => socket.destroy())
    })
    expect((await subscribed.next()).data).toBe('bye')
  })

  test('answers 503 and when to come back while the store fails, without saying why to the client', async () => {
    const store = createMemoryStore()
    const { post, errors } = await serve({ store })
    vi.spyOn(store, 'append').mockRejectedValueOnce(new Error('secret: /dev/sda1 is full'))
    const response = await post({ topic: 'a' })
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('full') })])
    await store.close()
    const closed = await post({ topic: 'a' })
    expect(closed.headers.get('retry-after')).toBe('2')
    expect(await problemOf(closed)).toMatchObject({ status: 503, code: 'STORE_CLOSED' })
  })
})

describe('an id that another event has', () => {
  const taken = {
    status: 409,
    code: 'EVENT_ID_TAKEN',
    detail: expect.stringMatching(/^The event was not stored: the ID "mine" is taken/),
  }
  const json = (url: string, body: string, type = 'application/json', headers = {}) =>
    fetch(url, { method: 'POST', headers: { 'content-type': type, ...headers }, body })

  test('is refused as a form and as JSON, on any topic, and nothing is stored', async () => {
    const { post, url, open } = await serve()
    expect((await post({ topic: 'a', id: 'mine' })).status).toBe(200)
    expect(await problemOf(await post({ topic: 'b', id: 'mine' }))).toMatchObject(taken)
    expect(await problemOf(await json(url, '{"topic":"c","id":"mine"}'))).toMatchObject(taken)
    const array = '[{"topic":"c","data":"1"},{"topic":"c","id":"mine"}]'
    expect(await problemOf(await json(url, array))).toMatchObject(taken)
    const twice = '[{"topic":"c","id":"x"},{"topic":"d","id":"x"}]'
    expect(await problemOf(await json(url, twice))).toMatchObject({ status: 409 })
    await post({ topic: 'c', data: 'the only one' })
    const subscribed = await open('match=c&last_event_id=earliest')
    expect((await subscribed.next()).data).toBe('the only one')
  })

  test('is refused in its line alone', async () => {
    const { url, post } = await serve()
    await post({ topic: 'a', id: 'mine' })
    const lines = [
      { topic: 'a', id: '1' },
      { topic: 'a', id: 'mine' },
      { topic: 'a', id: '2' },
      { topic: 'a', id: '1' },
    ]
    const response = await json(url, lines.map((line) => JSON.stringify(line)).join('\n'), 'application/x-ndjson')
    const answers = (await response.text()).trimEnd().split('\n')
    expect(answers.map((line) => JSON.parse(line))).toEqual([
      { line: 1, id: '1' },
      { line: 2, status: 409, code: 'EVENT_ID_TAKEN', detail: taken.detail },
      { line: 3, id: '2' },
      { line: 4, status: 409, code: 'EVENT_ID_TAKEN', detail: expect.stringContaining('"1" is taken') },
    ])
  })

  test('is given to one of two that publish it at the same time', async () => {
    const { post } = await serve()
    const responses = await Promise.all(['a', 'b', 'c'].map((topic) => post({ topic, id: 'mine' })))
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 409, 409])
  })

  test('is answered as the first time to a retry with the same key', async () => {
    const { url } = await serve()
    const publish = (data: string) =>
      json(url, JSON.stringify({ topic: 'a', id: 'mine', data }), 'application/json', { 'idempotency-key': 'k' })
    expect(await (await publish('x')).json()).toEqual({ id: 'mine' })
    expect(await (await publish('x')).json()).toEqual({ id: 'mine' })
    expect((await publish('another')).status).toBe(409)
  })
})
