import { describe, expect, test } from 'vitest'
import { claims, detail, sign } from '../../auth/tokens.ts'
import { serveGuarded } from '../access/guarded-hub.ts'
import { problemOf, type Serving, type Subscribed } from '../serve-hub.ts'

const base = '/.well-known/mercure/subscriptions'
const everySubscription = `topic=${encodeURIComponent(`${base}{/topic}{/subscriber}`)}`
const farFuture = 4_102_444_800
const current = bearerOf(
  claims({ exp: farFuture, authorization_details: [detail(['subscribe'], [{ match: '*' }], { payload: 'today' })] }),
  'at+jwt',
)

/** The header of a token of before 1.0. */
function old(subscribe: string[], payload?: unknown): Record<string, string> {
  return bearerOf({ mercure: { subscribe, ...(payload !== undefined && { payload }) } }, 'JWT')
}

function bearerOf(payload: Record<string, unknown>, typ: string): Record<string, string> {
  return { authorization: `Bearer ${sign(payload, { typ })}` }
}

interface Watching extends Serving {
  list(path?: string, headers?: Record<string, string>): Promise<Response>
}

/** A hub that speaks Mercure of before 1.0, too, unless told otherwise. */
async function watch(compat = true): Promise<Watching> {
  const serving = await serveGuarded({ compat }, { subscriptions: { compat } })
  return {
    ...serving,
    list: (path = '', headers = old(['*'])) => fetch(`${serving.server.url}${base}${path}`, { headers }),
  }
}

interface OldDocument {
  readonly id: string
  readonly topic: string
  readonly subscriber: string
  readonly active: boolean
}

async function nextDocument(subscribed: Subscribed): Promise<OldDocument> {
  return JSON.parse((await subscribed.next()).data)
}

describe('with --compat', () => {
  test('a subscriber of before 1.0 hears of subscriptions as it always did', async () => {
    const { open } = await watch()
    const watching = await open(everySubscription, old([`${base}{/topic}{/subscriber}`], { name: 'Ada' }))
    const own = await watching.next()
    expect(own.type).toBeUndefined()
    const { id, subscriber, ...rest } = JSON.parse(own.data)
    expect(id).toBe(
      `${base}/%2F.well-known%2Fmercure%2Fsubscriptions%7B%2Ftopic%7D%7B%2Fsubscriber%7D/${subscriber.replaceAll(':', '%3A')}`,
    )
    expect(rest).toEqual({
      '@context': 'https://mercure.rocks/',
      type: 'Subscription',
      topic: `${base}{/topic}{/subscriber}`,
      active: true,
      payload: { name: 'Ada' },
    })
    const other = await open('topic=a', old(['b'], 'of b'))
    const begun = await nextDocument(watching)
    expect(begun).toMatchObject({ topic: 'a', active: true, payload: 'of b' })
    await other.close()
    expect(await nextDocument(watching)).toEqual({ ...begun, active: false })
  })

  test('subscribers of either dialect hear of those of both, each in its own form, and once', async () => {
    const { open } = await watch()
    const today = await open(`match_urlpattern=${base}/:type/:match/:subscriber`, current)
    const before = await open(everySubscription, old(['*']))
    await open('topic=https://shop.example/{id}')
    await open(`match_urlpattern=https://shop.example/:id&match=a`)
    const toldToday = []
    for (let count = 0; count < 5; count++) {
      const { type, data } = await today.next()
      expect(type).toBe('mercure')
      const { match_type, match } = JSON.parse(data)
      toldToday.push([match_type, match])
    }
    expect(toldToday.slice(1)).toEqual([
      ['uritemplate', `${base}{/topic}{/subscriber}`],
      ['uritemplate', 'https://shop.example/{id}'],
      ['urlpattern', 'https://shop.example/:id'],
      ['exact', 'a'],
    ])
    const toldBefore = []
    for (let count = 0; count < 4; count++) {
      const { type, data } = await before.next()
      expect(type).toBeUndefined()
      toldBefore.push(JSON.parse(data).topic)
    }
    expect(toldBefore).toEqual(toldToday.slice(1).map(([, match]) => match))
  })

  test('the list is as it was for who has a token of before 1.0', async () => {
    const { open, list } = await watch()
    const watching = await open(everySubscription, old(['*'], 1))
    const { '@context': context, ...own } = (await nextDocument(watching)) as OldDocument & { '@context': string }
    const response = await list()
    const id = response.headers.get('etag')!
    expect(id).not.toContain('"')
    expect(response.headers.get('content-type')).toBe('application/ld+json')
    expect(response.headers.get('link')).toBe(
      `</.well-known/mercure>; rel="mercure"; last-event-id="${id}"; content-type="application/ld+json"`,
    )
    expect(await response.json()).toEqual({
      '@context': context,
      id: base,
      type: 'Subscriptions',
      lastEventID: id,
      subscriptions: [own],
    })
    expect((await list('', { ...old(['*']), 'if-none-match': id })).status).toBe(304)
    // The same moment in another form is not what this client has.
    expect((await list('', { ...old(['*']), 'if-none-match': `"${id}"` })).status).toBe(200)
    const after = await open(`${everySubscription}&lastEventID=${id}`, old(['*'], 2))
    expect(await nextDocument(after)).toMatchObject({ active: true, payload: 2 })
  })

  test('the list is that of 1.0 for any other token, unless it asks for what only the older one was', async () => {
    const { list } = await watch()
    expect((await list('', current)).headers.get('content-type')).toBe('application/json')
    const asking = { ...current, accept: 'application/ld+json' }
    expect((await list('', asking)).headers.get('content-type')).toBe('application/ld+json')
  })

  test('the list of a topic, and a subscription, have their places of before 1.0', async () => {
    const { server, open, list } = await watch()
    const watching = await open(everySubscription, old(['*']))
    await nextDocument(watching)
    await open('topic=https://shop.example/{id}')
    await open('topic=other')
    const document = await nextDocument(watching)
    const ofTopic = await list('/https%3A%2F%2Fshop.example%2F%7Bid%7D')
    expect(ofTopic.headers.get('content-type')).toBe('application/ld+json')
    const { '@context': context, ...plain } = document as OldDocument & { '@context': string }
    expect(await ofTopic.json()).toMatchObject({
      '@context': context,
      id: `${base}/https%3A%2F%2Fshop.example%2F%7Bid%7D`,
      subscriptions: [plain],
    })
    const one = await fetch(server.url + document.id, { headers: old(['*']) })
    expect(await one.json()).toEqual({ ...document, lastEventID: one.headers.get('etag') })
    expect((await list('/other/urn%3Auuid%3Aunknown')).status).toBe(404)
    // As wide as the token's template is, and no wider.
    const byTemplate = old([`${base}/{topic}/{subscriber}`])
    expect((await fetch(server.url + document.id, { headers: byTemplate })).status).toBe(200)
    expect((await list('', byTemplate)).status).toBe(401)
  })

  test('a first segment that is a match type is one', async () => {
    const { open, list } = await watch()
    const watching = await open(everySubscription, old(['*']))
    await nextDocument(watching)
    await open('topic=a')
    await open('topic=https://shop.example/{id}')
    await nextDocument(watching)
    await nextDocument(watching)
    for (const path of ['/exact/a', '/uritemplate/https%3A%2F%2Fshop.example%2F%7Bid%7D']) {
      const response = await list(path)
      expect(response.headers.get('content-type')).toBe('application/json')
      expect((await response.json()).subscriptions).toHaveLength(1)
    }
    expect((await list('/regexp/a/b')).status).toBe(400)
  })

  test('whoever has a token of before 1.0 is refused by 401, as it knows', async () => {
    const { list } = await watch()
    expect(await problemOf(await list('', old(['a'])))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' })
    expect((await list('/a', {})).status).toBe(401)
    expect((await list('/a', { authorization: 'Basic abc' })).status).toBe(401)
    expect((await list('', bearerOf(claims({ exp: farFuture, authorization_details: [] }), 'at+jwt'))).status).toBe(403)
  })
})

describe('without --compat', () => {
  test('there are neither events nor places of before 1.0', async () => {
    const { store, open, list } = await watch(false)
    const watching = await open('match=*', current)
    await watching.next()
    expect((await store.bounds()).head.position).toBe(1)
    expect((await list('/a', current)).status).toBe(404)
    expect((await list('/a/b', current)).status).toBe(400)
    const asking = { ...current, accept: 'application/ld+json' }
    expect((await list('', asking)).headers.get('content-type')).toBe('application/json')
    expect((await list('')).status).toBe(401)
  })
})
