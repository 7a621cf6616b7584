import { describe, expect, test } from 'vitest'
import { bearer, everything, oldBearer, serveGuarded } from '../http/access/guarded-hub.ts'
import { problemOf, type Serving, serve } from '../http/serve-hub.ts'

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
  ['a zero-width joiner', '\u200d'],
  ['a right-to-left override', '\u202e'],
  ['an isolate', '\u2066'],
  ['a byte order mark', '\ufeff'],
  ['a tag', '\u{e0041}'],
] as const

const json = { 'content-type': 'application/json' }
const ndjson = { 'content-type': 'application/x-ndjson' }

/** Publishes an event in each of the forms there are; gives the status of each. */
async function statuses({ post }: Serving, event: Record<string, string>, headers = {}): Promise<number[]> {
  const asForm = await post(event, headers)
  const asJson = await post(JSON.stringify(event), { ...json, ...headers })
  const asArray = await post(JSON.stringify([{ topic: 'fine' }, event]), { ...json, ...headers })
  const asLine = (await (await post(JSON.stringify(event), { ...ndjson, ...headers })).json()) as { status?: number }
  return [asForm.status, asJson.status, asArray.status, asLine.status ?? 200]
}

describe('what is published', () => {
  test.each(unwelcome)(
    'has no %s in its topic, its id or its type, in whatever form it comes',
    async (_, character) => {
      const hub = await serveGuarded()
      for (const field of ['topic', 'id', 'type']) {
        for (const value of [`a${character}b`, `${character}a`, `a${character}`]) {
          expect(await statuses(hub, { topic: 'a', [field]: value }, everything), field).toEqual([400, 400, 400, 400])
        }
      }
      expect((await hub.store.bounds()).head.position).toBe(0)
    },
  )

  test.each(['👩\u200d💻', 'می\u200cخواهم', 'क्\u200dष', '/emoji/👩\u200d👩\u200d👧'])(
    'may be about %j where Mercure 0.x is spoken, and is selected and granted by it',
    async (topic) => {
      const match = encodeURIComponent(topic)
      const strict = await serveGuarded()
      expect(await statuses(strict, { topic }, everything)).toEqual([400, 400, 400, 400])
      expect(await problemOf(await strict.post({ topic }, everything))).toMatchObject({
        detail: expect.stringContaining('--compat'),
      })
      expect((await fetch(`${strict.url}?match=${match}`)).status).toBe(400)
      expect((await strict.post({ topic: 'a' }, bearer(['publish'], { match: topic }))).status).toBe(401)

      const compat = await serveGuarded({ compat: true })
      const granted = [everything, bearer(['publish'], { match: topic }), oldBearer({ publish: [topic] })]
      const subscribed = await Promise.all([`match=${match}`, `topic=${match}`].map((query) => compat.open(query)))
      for (const headers of granted) {
        expect((await compat.post({ topic, data: 'x' }, headers)).status).toBe(200)
        for (const each of subscribed) expect((await each.next()).data).toBe('x')
      }
      const embedded = await serve()
      expect((await embedded.post({ topic })).status).toBe(200)
      await embedded.hub.publish({ topic })
    },
  )

  test.each([
    '/.well-known/mercure',
    '/.well-known/mercure/subscriptions/exact/a/b',
    'https://any.example/.well-known/mercure/x',
    'mercure/x',
    'https://a/.well-known/%6Dercure/x',
    'https://a/%2Ewell-known/mercure',
    'https://a/%2ewell%2Dknown/%6d%65%72%63%75%72%65',
    'https://a/x/%2E%2e/.well-known/mercure',
    'https://a\\.well-known\\mercure\\x',
    '\\.well-known\\mercure',
    '\\\\a\\.well-known\\mercure',
    'https:\\\\a/.well-known/mercure',
    'https:mercure',
    'http:mercure/x',
    'HTTPS://A/.well-known/mercure#x',
    '?x',
    '#x',
    '',
  ])('is not about %j, which names the hub itself, alone or beside another topic', async (topic) => {
    const hub = await serve()
    expect(await statuses(hub, { topic })).toEqual([400, 400, 400, 400])
    expect(
      (
        await hub.post([
          ['topic', 'a'],
          ['topic', topic],
        ])
      ).status,
    ).toBe(400)
    expect((await hub.store.bounds()).head.position).toBe(0)
  })

  test.each([
    '/.well-known/mercureX',
    'https://a/foo/.well-known/mercure/x',
    '../mercure/x',
    'urn:example:mercure',
    'bar',
    'a b',
    'https://a/.well-known%2Fmercure',
    'https://a/.WELL-KNOWN/mercure',
    '/.well-known//mercure',
  ])('may be about %j, which does not', async (topic) => {
    const { post } = await serve()
    expect((await post({ topic })).status).toBe(200)
  })

  test('is not of the types by which the hub speaks itself', async () => {
    const hub = await serve()
    for (const type of ['mercure', 'headwater-gap', 'headwater-position', 'headwater-close']) {
      expect(await statuses(hub, { topic: 'a', type }), type).toEqual([400, 400, 400, 400])
    }
    expect(await statuses(hub, { topic: 'a', type: 'Mercure' })).toEqual([200, 200, 200, 200])
  })

  test('has no id that begins with # or means something else, and an empty one is none', async () => {
    const hub = await serve()
    for (const id of ['#1', 'earliest', '-5'])
      expect(await statuses(hub, { topic: 'a', id }), id).toEqual([400, 400, 400, 400])
    const id = await (await hub.post({ topic: 'a', id: '' })).text()
    expect(id).toMatch(/^\w+\.\w+\.\w+$/)
  })

  test('has no id of the form that the hub gives its own, which could be taken for a position', async () => {
    const hub = await serve()
    const id = await (await hub.post({ topic: 'a' })).text()
    expect(await statuses(hub, { topic: 'a', id })).toEqual([400, 400, 400, 400])
  })

  test('is known by its own id, honoured to the letter, in the answer, the stream and the last event id', async () => {
    const { post, open } = await serve()
    const id = 'id-["https://example.com/é","x"]'
    const subscribed = await open('match=a')
    const response = await post({ topic: 'a', id, data: '1' })
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      id,
    ])
    expect((await subscribed.next()).id).toBe(id)
    await post({ topic: 'a', data: '2' })
    expect((await (await open(`match=a&last_event_id=${encodeURIComponent(id)}`)).next()).data).toBe('2')
  })

  test('is what the body says and nothing of the query, and of a field given twice the first', async () => {
    const { url, post, open } = await serve()
    const subscribed = await open('match=*')
    const body = 'topic=a&data=1&data=2&id=one&id=two&type=x&type=y&unknown=1&private_=1'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    await fetch(`${url}?topic=b&data=query&private=on`, { method: 'POST', headers, body })
    expect(await subscribed.next()).toEqual({ type: 'x', data: '1', id: 'one' })
    expect((await post('data=no+topic')).status).toBe(400)
  })

  test('is private by the presence of private, whatever its value', async () => {
    const { post, open } = await serveGuarded()
    const subscribed = await open('match=*')
    for (const field of ['private', 'private=', 'private=false', 'private=0', 'private=%FF'])
      expect((await post(`topic=a&data=secret&${field}`, everything)).status).toBe(200)
    await post('topic=a&data=public&Private=on', everything)
    expect((await subscribed.next()).data).toBe('public')
  })

  test('is larger than 1 MiB in no form: 413', async () => {
    const hub = await serve()
    expect(await statuses(hub, { topic: 'a', data: 'x'.repeat(1024 * 1024) })).toEqual([413, 413, 413, 413])
    expect((await hub.store.bounds()).head.position).toBe(0)
  })
})

describe('a publisher', () => {
  test('needs each topic of an event granted, be it public: otherwise 403, and nothing is sent', async () => {
    const { post, store } = await serveGuarded()
    const granted = bearer(['publish'], { match: 'a' }, { match: 'https://ex.com/:x', match_type: 'urlpattern' })
    const pairs = (...topics: string[]) => topics.map((topic) => ['topic', topic])
    expect((await post(pairs('a', 'https://ex.com/1'), granted)).status).toBe(200)
    for (const topics of [['b'], ['a', 'b'], ['a', 'https://ex.com/1/2']]) {
      const response = await post(pairs(...topics), granted)
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([
        403,
        expect.stringMatching(/^Bearer error="insufficient_scope", resource_metadata="https:/),
      ])
    }
    expect((await store.bounds()).head.position).toBe(1)
  })

  test('of before 1.0 is answered 401 to the same', async () => {
    const { post } = await serveGuarded({ compat: true })
    const granted = oldBearer({ publish: ['a', 'https://ex.com/{x}'] })
    expect((await post('topic=a&topic=https://ex.com/1', granted)).status).toBe(200)
    expect((await post('topic=b', granted)).status).toBe(401)
    expect((await post('topic=a', oldBearer({ subscribe: ['*'] }))).status).toBe(401)
  })

  test('with a token that grants to subscribe alone may not publish', async () => {
    const { post } = await serveGuarded()
    expect((await post('topic=a', bearer(['subscribe'], { match: '*' }))).status).toBe(403)
  })

  test('is told of its token first, then of its body, then of what it may not', async () => {
    const { post } = await serveGuarded()
    const limited = bearer(['publish'], { match: 'a' })
    expect((await post('x'.repeat(2 * 1024 * 1024), { authorization: `Bearer ${'x'.repeat(60)}` })).status).toBe(401)
    expect((await post('x'.repeat(2 * 1024 * 1024), limited)).status).toBe(413)
    expect((await post('data=1', limited)).status).toBe(400)
    expect((await post('topic=b&retry=x', limited)).status).toBe(403)
    expect((await post('topic=a&retry=x', limited)).status).toBe(400)
    expect((await post('topic=b&id=%23', limited)).status).toBe(403)
    expect((await post('topic=a&id=%23', limited)).status).toBe(400)
  })

  test('gets its answer when the event is stored, which a subscriber from then on can resume from', async () => {
    const { post, open } = await serve()
    const ids: string[] = []
    for (let n = 0; n < 20; n++) {
      ids.push(await (await post({ topic: 'a', data: `${n}` })).text())
      if (n > 0) expect((await (await open(`match=a&last_event_id=${ids[n - 1]}`)).next()).data).toBe(`${n}`)
    }
  })

  test('has no way to a hub without keys for publishers: there is no POST', async () => {
    const { url, post } = await serveGuarded({ publisher: undefined })
    const response = await post('topic=a', everything)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, QUERY, OPTIONS'])
    expect((await fetch(`${url}?match=a`, { method: 'HEAD' })).status).toBe(200)
  })
})

test('a refusal is a problem document that says what to do', async () => {
  const { post } = await serve()
  expect(await problemOf(await post('topic=*'))).toEqual({
    status: 400,
    code: 'INVALID_TOPIC',
    detail: expect.stringContaining('Publish to a real one'),
  })
})
