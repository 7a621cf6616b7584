import { request as httpRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { AuthOptions } from '../../../src/auth/auth-options.ts'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import { escapeEtag, quoted } from '../../../src/http/subscribe/subscriptions.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../../src/matching/matcher.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { claims, detail, now, oneSecret, sign } from '../../auth/tokens.ts'
import { serveGuarded } from '../access/guarded-hub.ts'
import { createFetchHandler } from '../handlers.ts'
import { problemOf, type ServeOptions, type Serving, type Subscribed, sendRaw, serve } from '../serve-hub.ts'

const base = '/.well-known/mercure/subscriptions'
const farFuture = 4_102_444_800
/** As long as it takes on a busy machine. */
const uuid = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The header of a token with these details. */
function bearer(...details: unknown[]): Record<string, string> {
  return { authorization: `Bearer ${sign(claims({ exp: farFuture, authorization_details: details }))}` }
}

function granting(match: string, match_type = 'exact', more: Record<string, unknown> = {}): unknown {
  return detail(['subscribe'], [{ match, match_type }], more)
}

/** Somebody who may have everything. */
const watcher = bearer(granting('*'))

interface Watching extends Serving {
  readonly list: (path?: string, headers?: Record<string, string>) => Promise<Response>
}

/** A hub with tokens that tells who is subscribed. */
async function watch(rules: Partial<AuthOptions> = {}, options: ServeOptions = {}): Promise<Watching> {
  const serving = await serveGuarded(rules, { subscriptions: true, ...options })
  return {
    ...serving,
    list: (path = '', headers = watcher) => fetch(`${serving.server.url}${base}${path}`, { headers }),
  }
}

interface Document {
  readonly id: string
  readonly type: string
  readonly match_type: string
  readonly match: string
  readonly subscriber: string
  readonly active: boolean
  readonly payload?: unknown
}

async function nextDocument(subscribed: Subscribed): Promise<Document> {
  return JSON.parse((await subscribed.next()).data)
}

/** Reads events until one of each of these matchers has come. */
async function documentsOf(subscribed: Subscribed, isActive: boolean, ...matches: string[]): Promise<Document[]> {
  const documents: Document[] = []
  while (documents.length < matches.length) {
    const document = await nextDocument(subscribed)
    if (document.active === isActive && matches.includes(document.match)) documents.push(document)
  }
  return documents
}

async function subscriptionsIn(response: Response): Promise<Document[]> {
  expect(response.status).toBe(200)
  return ((await response.json()) as { subscriptions: Document[] }).subscriptions
}

describe('a hub that was not told to tell who is subscribed', () => {
  test('has no list, publishes nothing, and says nothing of it in its metadata', async () => {
    const tokens = await TokenAuthorizer.create({ ...oneSecret, anonymousSubscribers: true }, { now: () => now })
    const { server, store, open } = await serve({ tokens })
    await (await open('match=a')).close()
    expect((await fetch(`${server.url}${base}`, { headers: watcher })).status).toBe(404)
    const metadata = await fetch(`${server.url}/.well-known/oauth-protected-resource/.well-known/mercure`)
    expect(await metadata.json()).not.toHaveProperty('mercure_subscriptions')
    expect((await store.bounds()).head.position).toBe(0)
  })
})

describe('the metadata of the hub', () => {
  test('announces the subscriptions', async () => {
    const { server } = await watch()
    const metadata = await fetch(`${server.url}/.well-known/oauth-protected-resource/.well-known/mercure`)
    expect(await metadata.json()).toMatchObject({ mercure_subscriptions: true })
  })
})

describe('the events of a subscription', () => {
  test('tell of its beginning and its end, once for each matcher, by type, topic and data as the protocol has them', async () => {
    const { open } = await watch()
    const watching = await open(`match_urlpattern=${base}/:type/:match/:subscriber`, watcher)
    await watching.next()
    const match = "https://shop.example/~a b/(c)*!'é?x=1"
    const pattern = 'https://shop.example/:id'
    const subscribed = await open(`match=${encodeURIComponent(match)}&match_urlpattern=${encodeURIComponent(pattern)}`)

    const events = [await watching.next(), await watching.next()]
    expect(events.map(({ type }) => type)).toEqual(['mercure', 'mercure'])
    const [exact, urlpattern] = events.map(({ data }) => JSON.parse(data) as Document)
    const { subscriber } = exact!
    expect(subscriber).toMatch(uuid)
    const variable = subscriber.replaceAll(':', '%3A')
    expect(exact).toEqual({
      id: `${base}/exact/https%3A%2F%2Fshop.example%2F~a%20b%2F%28c%29%2A%21%27%C3%A9%3Fx%3D1/${variable}`,
      type: 'subscription',
      match_type: 'exact',
      match,
      subscriber,
      active: true,
    })
    expect(urlpattern).toEqual({
      id: `${base}/urlpattern/https%3A%2F%2Fshop.example%2F%3Aid/${variable}`,
      type: 'subscription',
      match_type: 'urlpattern',
      match: pattern,
      subscriber,
      active: true,
    })

    await subscribed.close()
    expect([await nextDocument(watching), await nextDocument(watching)]).toEqual([
      { ...exact, active: false },
      { ...urlpattern, active: false },
    ])
  })

  test('have the name of the subscription as their topic', async () => {
    const { open } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    const subscribed = await open('match=a')
    const { id } = await nextDocument(watching)
    const ofThisOne = await open(`match=${encodeURIComponent(id)}`, bearer(granting(id)))
    await documentsOf(watching, true, id)
    await subscribed.close()
    expect(await nextDocument(ofThisOne)).toMatchObject({ id, active: false })
  })

  test('come to the subscriber itself if it selects them', async () => {
    const { open } = await watch()
    const own = await nextDocument(await open('match=*', watcher))
    expect(own).toMatchObject({ match: '*', match_type: 'exact', active: true })
  })

  test('are told once for matchers that are the same, and under one type for *', async () => {
    const { open, list } = await watch()
    const watching = await open(`match_urlpattern=${base}/:type/:match/:subscriber`, watcher)
    await watching.next()
    await open('match=a&match_exact=a&match_urlpattern=*&match=*&match=b')
    const documents = [await nextDocument(watching), await nextDocument(watching), await nextDocument(watching)]
    expect(documents.map(({ match_type, match }) => [match_type, match])).toEqual([
      ['exact', 'a'],
      ['exact', '*'],
      ['exact', 'b'],
    ])
    expect(await subscriptionsIn(await list('/urlpattern/%2A'))).toEqual([documents[1]])
    expect(await subscriptionsIn(await list('/exact/*'))).toEqual([documents[1]])
  })

  test('name each connection anew, and nothing that the client says of itself', async () => {
    const { open } = await watch()
    const watching = await open('match=*', watcher)
    const { subscriber: own } = await nextDocument(watching)
    await open('match=a&subscriber=urn:uuid:mine')
    await open('match=a', { 'last-event-id': 'urn:uuid:mine' })
    const [first, second] = await documentsOf(watching, true, 'a', 'a')
    expect(new Set([own, first!.subscriber, second!.subscriber]).size).toBe(3)
    for (const { subscriber } of [first!, second!]) expect(subscriber).toMatch(uuid)
  })

  test('are private: whoever is granted none of their topics gets none', async () => {
    const { open, post } = await watch()
    const watching = await open('match=*', watcher)
    const anonymous = await open('match=*')
    const granted = await open('match=*', bearer(granting('https://shop.example/*', 'urlpattern')))
    await documentsOf(watching, true, '*', '*', '*')
    await post('topic=a&data=public', bearer(detail(['publish'], [{ match: '*' }])))
    expect((await anonymous.next()).data).toBe('public')
    expect((await granted.next()).data).toBe('public')
  })

  test('are stored, and replayed like others, to those who may have them', async () => {
    const { open } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    await (await open('match=a')).close()
    await documentsOf(watching, false, 'a')
    const late = await open('match=*&last_event_id=earliest', watcher)
    expect((await documentsOf(late, true, 'a')).length).toBe(1)
    expect((await documentsOf(late, false, 'a')).length).toBe(1)
    const stranger = await open('match=*&last_event_id=earliest')
    expect((await stranger.nextOfAny())?.type).toBe('headwater-position')
  })

  test('can all be selected by one exact topic', async () => {
    const { open } = await watch()
    const watching = await open(`match=${encodeURIComponent(`${base}?events`)}`, bearer(granting(`${base}?events`)))
    expect(await nextDocument(watching)).toMatchObject({ match: `${base}?events`, active: true })
    await open('match=a')
    expect(await nextDocument(watching)).toMatchObject({ match: 'a', active: true })
  })

  test('are told neither of a request for headers only, nor of one that is refused', async () => {
    const { url, open, list } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    await fetch(`${url}?match=head`, { method: 'HEAD' })
    await fetch(`${url}?matches=refused`)
    await fetch(`${url}?match=refused`, { headers: { authorization: `Bearer ${'x'.repeat(60)}` } })
    await open('match=last')
    expect(await nextDocument(watching)).toMatchObject({ match: 'last' })
    expect(await subscriptionsIn(await list())).toHaveLength(2)
  })

  test('tell of a subscription by QUERY as of any other', async () => {
    const { url, open } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    const response = await fetch(`${url}?match=a`, {
      method: 'QUERY',
      body: 'match=b',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect((await documentsOf(watching, true, 'a', 'b')).map(({ match }) => match)).toEqual(['a', 'b'])
    await response.body?.cancel()
    expect((await documentsOf(watching, false, 'a', 'b')).map(({ match }) => match)).toEqual(['a', 'b'])
  })
})

describe('the payload', () => {
  const payloadOf = async (details: unknown[], query: string): Promise<Document[]> => {
    const { open } = await watch()
    const watching = await open(`match_urlpattern=${base}/:type/:match/:subscriber`, watcher)
    await watching.next()
    await open(query, bearer(...details))
    const count = new URLSearchParams(query).size
    const documents: Document[] = []
    while (documents.length < count) documents.push(await nextDocument(watching))
    return documents
  }

  test('is that of the first entry of the token that grants the matcher, taken as a topic', async () => {
    const documents = await payloadOf(
      [
        detail(['publish'], [{ match: '*' }], { payload: 'of a publisher' }),
        granting('/users/:id', 'urlpattern', { payload: { name: 'Ada' } }),
        granting('a', 'exact', { payload: null }),
        granting('*', 'exact', { payload: ['everybody'] }),
      ],
      'match=/users/1&match=a&match_urlpattern=/users/:id&match=b',
    )
    expect(documents.map(({ payload }) => payload)).toEqual([{ name: 'Ada' }, null, { name: 'Ada' }, ['everybody']])
  })

  test('is left out when no entry grants the matcher, or the one that does has none', async () => {
    const [a, b] = await payloadOf([granting('a'), granting('*b', 'exact', { payload: 1 })], 'match=a&match=b')
    expect(a).not.toHaveProperty('payload')
    expect(b).not.toHaveProperty('payload')
  })

  test('comes from authorize where that decides', async () => {
    const { open } = await serve({
      subscriptions: true,
      authorize: (request) => ({
        subscribe: [everyTopic],
        payloadFor: (match) => ({ user: request.header('x-user'), match }),
      }),
    })
    const own = await nextDocument(await open('match=*', { 'x-user': 'ada' }))
    expect(own.payload).toEqual({ user: 'ada', match: '*' })
  })

  test('that has no JSON form fails the request, and the operator is told', async () => {
    const { url, errors } = await serve({ subscriptions: true, authorize: () => ({ payloadFor: () => 1n }) })
    expect((await fetch(`${url}?match=a`)).status).toBe(500)
    expect(String(errors)).toContain('BigInt')
  })

  test('of a hundred matchers is bounded by what a token can hold, and is all told', async () => {
    const payload = 'x'.repeat(8000)
    const query = Array.from({ length: 99 }, (_, index) => `match=${index}`).join('&')
    const documents = await payloadOf([granting('*', 'exact', { payload })], query)
    expect(new Set(documents.map(({ match }) => match)).size).toBe(99)
    for (const document of documents) expect(document.payload).toBe(payload)
  })
})

describe('the list', () => {
  test('has what is active, as JSON, with the ID to subscribe from', async () => {
    const { open, list } = await watch()
    const watching = await open('match=*', watcher)
    const own = await nextDocument(watching)
    const other = await open('match=a')
    const [a] = await documentsOf(watching, true, 'a')
    const response = await list()
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('cache-control')).toBe('private, no-cache')
    const id = response.headers.get('etag')!.slice(1, -1)
    expect(response.headers.get('link')).toBe(
      `</.well-known/mercure>; rel="mercure"; last-event-id="${id}"; type="mercure"; content-type="application/json"`,
    )
    expect(await response.json()).toEqual({ id: base, type: 'subscriptions', subscriptions: [own, a] })

    await other.close()
    const next = await open(`match=*&last_event_id=${id}`, watcher)
    expect(await nextDocument(next)).toEqual({ ...a, active: false })
  })

  test('of one matcher has those, whoever they are of', async () => {
    const { open, list } = await watch()
    const watching = await open('match=*', watcher)
    await open('match=a&match=b')
    await open('match=a&match_urlpattern=a')
    const documents = (await documentsOf(watching, true, 'a', 'b', 'a', 'a')).filter(
      ({ match, match_type }) => match === 'a' && match_type === 'exact',
    )
    const response = await list('/exact/a')
    expect(await response.clone().json()).toMatchObject({ id: `${base}/exact/a`, type: 'subscriptions' })
    expect(await subscriptionsIn(response)).toEqual(documents)
    expect(await subscriptionsIn(await list('/exact/nobody'))).toEqual([])
  })

  test('takes a path however it is encoded, and writes it in one way', async () => {
    const { open, list } = await watch()
    const watching = await open('match=*', watcher)
    await open('match=https://shop.example/%253A')
    const [document] = await documentsOf(watching, true, 'https://shop.example/%3A')
    for (const path of ['https%3A%2F%2Fshop.example%2F%253A', 'https:%2f%2Fshop%2Eexample%2F%253A']) {
      const body = await (await list(`/exact/${path}`)).json()
      expect(body).toEqual({
        id: `${base}/exact/https%3A%2F%2Fshop.example%2F%253A`,
        type: 'subscriptions',
        subscriptions: [document],
      })
    }
  })

  test('has one subscription by its name, for as long as it is active', async () => {
    const { server, open, list } = await watch()
    const watching = await open('match=*', watcher)
    const subscribed = await open('match=a')
    const [document] = await documentsOf(watching, true, 'a')
    const response = await fetch(server.url + document!.id, { headers: watcher })
    expect(response.headers.get('link')).toContain('last-event-id=')
    expect(response.headers.get('etag')).toMatch(/^"\S+"$/)
    expect(await response.json()).toEqual(document)
    await subscribed.close()
    await documentsOf(watching, false, 'a')
    expect(await problemOf(await fetch(server.url + document!.id, { headers: watcher }))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    })
    expect((await list('/exact/a/urn%3Auuid%3Aunknown')).status).toBe(404)
  })

  test('is sent in pieces when it is long, and is as it was when it was asked for', async () => {
    const { open, list } = await watch({}, { limits: { maxMatchers: 2000 } })
    const watching = await open('match=*', watcher)
    const topics = Array.from({ length: 1234 }, (_, index) => `t${index}`)
    const { url } = { url: topics.map((topic) => `match=${topic}`).join('&') }
    await open(url)
    await documentsOf(watching, true, ...topics)
    const response = await list()
    expect(response.headers.get('content-length')).toBeNull()
    expect((await subscriptionsIn(response)).map(({ match }) => match)).toEqual(['*', ...topics])
  })

  test('of an empty history says that all there will be follows', async () => {
    const { list } = await watch()
    const response = await list()
    expect(response.headers.get('etag')).toBe('"earliest"')
    expect(await subscriptionsIn(response)).toEqual([])
  })

  test('is answered 304 as long as the client has it', async () => {
    const { open, list, post } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    const etag = (await list()).headers.get('etag')!
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const response = await list('', { ...watcher, 'if-none-match': known })
      expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, etag, ''])
    }
    expect((await list('', { ...watcher, 'if-none-match': etag.slice(1, -1) })).status).toBe(200)
    expect((await list('', { 'if-none-match': etag })).status).toBe(401)
    await post('topic=a', bearer(detail(['publish'], [{ match: '*' }])))
    await watching.next()
    expect((await list('', { ...watcher, 'if-none-match': etag })).status).toBe(200)
  })

  test('is answered to HEAD without a body', async () => {
    const { server, open } = await watch()
    const watching = await open('match=*', watcher)
    await watching.next()
    const response = await fetch(server.url + base, { method: 'HEAD', headers: watcher })
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/json',
      '',
    ])
    expect(response.headers.get('link')).toContain('rel="mercure"')
  })

  test('escapes an ID where it quotes it', () => {
    expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"')
    expect(quoted('é')).toBe(`"${Buffer.from('é').toString('latin1')}"`)
    expect(escapeEtag('a "%\x7f\t')).toBe('a%20%22%25%7F%09')
    expect(escapeEtag('0a1.b.c')).toBe('0a1.b.c')
  })

  test('takes no other method', async () => {
    const { server } = await watch()
    const response = await fetch(server.url + base, { method: 'POST', headers: watcher })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })

  test('can be read by pages of allowed origins, with its headers', async () => {
    const { list } = await watch({}, { corsOrigins: ['https://app.example'] })
    const { headers } = await list('', { ...watcher, origin: 'https://app.example' })
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(headers.get('access-control-expose-headers')).toMatch(/\bLink\b.*\bETag\b/)
  })

  test('is there for Fetch handlers, too', async () => {
    const hub = await createHubCore({ store: createMemoryStore(), subscriptions: true })
    const handle = createFetchHandler(hub)
    const controller = new AbortController()
    const stream = await handle(
      new Request('http://hub.example/.well-known/mercure?match=a', { signal: controller.signal }),
    )
    await expect.poll(() => hub.subscriptions!.list().subscriptions).toHaveLength(1)
    expect(await subscriptionsIn(await handle(new Request(`http://hub.example${base}`)))).toMatchObject([
      { match: 'a' },
    ])
    const reader = stream.body!.getReader()
    await reader.cancel()
    await expect.poll(() => hub.subscriptions!.list().subscriptions).toEqual([])
    await hub.close()
  })
})

describe('whoever reads the list', () => {
  test('needs a token that grants the path as it was sent', async () => {
    const { server, open } = await watch()
    const watching = await open('match=*', watcher)
    await open('match=a:b')
    const [{ id }] = (await documentsOf(watching, true, 'a:b')) as [Document]
    const otherId = id.replaceAll('%3A', ':')
    const statusOf = async (path: string, ...details: unknown[]) =>
      (await fetch(server.url + path, { headers: bearer(...details) })).status
    expect(await statusOf(base, granting(base))).toBe(200)
    expect(await statusOf(`${base}?page=2`, granting(base))).toBe(200)
    expect(await statusOf(base, granting('*'))).toBe(200)
    expect(await statusOf(base, granting('https://other.example/*', 'urlpattern'))).toBe(403)
    expect(await statusOf(base, detail(['publish'], [{ match: '*' }]))).toBe(403)
    // To the letter for an exact grant; resolved against the hub's URL for a pattern.
    expect(await statusOf(id, granting(id))).toBe(200)
    expect(await statusOf(otherId, granting(id))).toBe(403)
    expect(await statusOf(otherId, granting(otherId))).toBe(200)
    expect(await statusOf(id, granting(`${base}/exact/:match/:subscriber`, 'urlpattern'))).toBe(200)
    expect(await statusOf(`${base}/exact/a%3Ab`, granting(`${base}/exact/:match/:subscriber`, 'urlpattern'))).toBe(403)
    expect(await statusOf(base, granting(`${base}/*`, 'urlpattern'))).toBe(403)
  })

  test('is refused as the protocol says', async () => {
    const { list, server } = await watch()
    const metadata = 'https://hub.shop.example/.well-known/oauth-protected-resource/.well-known/mercure'
    const refusalOf = async (headers: Record<string, string>) => {
      const response = await list('', headers)
      await response.body?.cancel()
      return [response.status, response.headers.get('www-authenticate')]
    }
    expect(await refusalOf({})).toEqual([401, `Bearer resource_metadata="${metadata}"`])
    expect(await refusalOf({ authorization: `Bearer ${'x'.repeat(60)}` })).toEqual([
      401,
      `Bearer error="invalid_token", resource_metadata="${metadata}"`,
    ])
    expect(await refusalOf(bearer(granting('a')))).toEqual([
      403,
      `Bearer error="insufficient_scope", resource_metadata="${metadata}"`,
    ])
    expect(await refusalOf({ authorization: 'Basic abc' })).toEqual([
      400,
      `Bearer error="invalid_request", resource_metadata="${metadata}"`,
    ])
    // Not even whether there is such a subscription.
    expect((await list('/exact/a/b', bearer(granting('a')))).status).toBe(403)
    expect(await sendRaw(server.url, `GET ${base} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).toContain(' 401 ')
  })

  test.each([
    ['/regexp/a', 400],
    ['/Exact/a', 400],
    ['/uritemplate/a', 400],
    ['/exact/%zz', 400],
    ['/exact/%ff', 400],
    ['/exact/a/%', 400],
    ['/exact', 404],
    ['/', 404],
    ['/exact/', 404],
    ['/exact//a', 404],
    ['/exact/a/b/c', 404],
  ])('is told at %s: %i', async (path, status) => {
    const { server } = await watch()
    // Not by `fetch`, which would write some of these in another way.
    const answered = await new Promise((resolve, reject) => {
      httpRequest(`${server.url}${base}`, { path: base + path, headers: watcher }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(answered).toBe(status)
  })

  test('needs none where no subscriber has one', async () => {
    const { server, open } = await serve({
      subscriptions: true,
      tokens: await TokenAuthorizer.create(
        { anonymousSubscribers: true, anonymousPublishers: true },
        { onWarning: () => {}, now: () => now },
      ),
    })
    const subscribed = await open('match=a')
    await subscribed.nextOfAny()
    await expect
      .poll(async () => subscriptionsIn(await fetch(server.url + base)))
      .toMatchObject([{ match: 'a', active: true }])
  })

  test('is whom authorize lets have its events', async () => {
    const { server } = await serve({
      subscriptions: true,
      authorize: (request) => ({ subscribe: request.header('x-user') === 'ada' ? [exactTopic(base)] : [] }),
    })
    expect((await fetch(server.url + base, { headers: { 'x-user': 'ada' } })).status).toBe(200)
    expect(await problemOf(await fetch(server.url + base))).toMatchObject({ status: 403, code: 'FORBIDDEN' })
  })
})

describe('a publisher', () => {
  const publisher = bearer(detail(['publish', 'subscribe'], [{ match: '*' }]))
  const forged = { id: `${base}/exact/a/b`, type: 'subscription', subscriber: 'b', active: true }

  test.each([
    `${base}/exact/a/urn%3Auuid%3A1`,
    base,
    `${base}?events`,
    `${base}#events`,
    'mercure/subscriptions/exact/a/b',
    './mercure/subscriptions/exact/a/b',
    `/x/..${base}/exact/a/b`,
    `/x/%2e%2E${base}/exact/a/b`,
    '/.well-known/%6Dercure/subscriptions/exact/a/b',
    '/%2ewell-known/mercure/subscriptions/exact/a/b',
    '/.well-known/mercure/%73ubscriptions/exact/a/b',
    '/.well-known\\mercure\\subscriptions\\exact\\a\\b',
    `\\\\any.example${base.replaceAll('/', '\\')}\\exact\\a\\b`,
    `https://any.example${base}/exact/a/b`,
    `//any.example${base}/exact/a/b`,
    `ftp://any.example${base}/exact/a/b`,
  ])('cannot publish on %s, alone or as an alternate, in any form', async (topic) => {
    const { url, post, store } = await watch()
    const data = JSON.stringify(forged)
    const json = { ...publisher, 'content-type': 'application/json' }
    for (const topics of [[topic], ['a', topic]]) {
      const form = [...topics.map((each) => ['topic', each]), ['data', data], ['private', 'on']]
      expect((await problemOf(await post(form, publisher))).code).toBe('INVALID_TOPIC')
      const body = JSON.stringify([{ topic: topics, data, private: true }])
      expect((await problemOf(await fetch(url, { method: 'POST', headers: json, body }))).code).toBe('INVALID_TOPIC')
    }
    expect((await store.bounds()).head.position).toBe(0)
  })

  test('cannot use the type of the hub', async () => {
    const { post } = await watch()
    const refused = await problemOf(
      await post({ topic: 'a', type: 'mercure', data: JSON.stringify(forged) }, publisher),
    )
    expect(refused).toMatchObject({ status: 400, code: 'INVALID_EVENT_TYPE' })
  })
})
