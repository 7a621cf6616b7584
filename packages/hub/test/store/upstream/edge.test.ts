import { cpSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readEvents } from '@headwater/sse'
import { expect, onTestFinished, test } from 'vitest'
import { decorateStore } from '../../../src/store/decorate-store.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openUpstreamStore } from '../../../src/store/upstream.ts'
import { bearer, serveGuarded } from '../../http/access/guarded-hub.ts'
import { problemOf, type Serving, serve } from '../../http/serve-hub.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event } from '../temporary-store.ts'
import { edgeToken, publish, publisher, receive, startEdge, startOrigin, subscriber, until } from './edge-hubs.ts'

const count = (n: number) => (received: readonly unknown[]) => received.length >= n

test('a tree: what is published anywhere reaches subscribers everywhere, with the same IDs', async () => {
  const origin = await serveGuarded()
  const near = await startEdge(origin.url)
  const far = await startEdge(near.url)
  const hubs = [origin, near, far]
  const ids: string[] = []
  for (let n = 0; n < 30; n++) ids.push(await publish(hubs[n % 3]!, { topic: `t/${n % 4}`, data: `${n}` }))
  for (const hub of hubs) {
    const received = await receive(hub, 'earliest', count(30))
    expect(received.map(({ data }) => data)).toEqual(ids.map((_, n) => `${n}`))
    expect(received.map(({ lastEventId }) => lastEventId)).toEqual(ids)
  }
  expect([origin.hub.stats.replicas, near.hub.stats.replicas, far.hub.stats.replicas]).toEqual([1, 1, 0])
  expect(origin.hub.subscriberCount).toBe(0)
})

test('a tree: a subscriber resumes at any hub with the ID that any other sent last', async () => {
  const origin = await serveGuarded()
  const near = await startEdge(origin.url)
  const far = await startEdge(near.url)
  const hubs = [origin, near, far]
  let lastEventId = await publish(origin, { topic: 't', data: 'first' })
  for (let n = 0; n < 60; n++) {
    // At once: the hub may not have heard of the ID yet.
    const at = hubs[(n * 7) % 3]!
    const next = await publish(hubs[n % 3]!, { topic: 't', data: `${n}`, id: n % 5 === 0 ? `own-${n}` : undefined })
    const [event] = await receive(at, lastEventId, count(1))
    expect(event).toEqual({ type: 'message', data: `${n}`, lastEventId: next })
    lastEventId = next
  }
})

test('a tree: an ID that no hub knows is a gap, once the hub upstream was asked', async () => {
  const origin = await serveGuarded()
  const far = await startEdge((await startEdge(origin.url)).url)
  await publish(origin, { topic: 't', data: 'kept' })
  for (const [id, reason] of [
    [`${origin.store.epoch}.zz.1`, 'ahead'],
    ['never-published', 'unknown'],
  ] as const) {
    const [gap, event] = await receive(far, id, count(2))
    expect(JSON.parse(gap!.data)).toMatchObject({ reason, requested: id })
    expect(event!.data).toBe('kept')
  }
})

test('a hub at a path of its own is copied there, and so is an edge at another path', async () => {
  const origin = await serveGuarded({}, { path: '/api/hub' })
  const near = await startEdge(`${origin.server.url}/api/hub`, {}, { path: '/near' })
  const far = await startEdge(`${near.server.url}/near/`)
  for (const hub of [origin, near, far]) await publish(hub, { topic: 't', data: hub.hub.path })
  for (const hub of [origin, near, far]) {
    const received = await receive(hub, 'earliest', count(3))
    expect(received.map(({ data }) => data)).toEqual(['/api/hub', '/near', '/.well-known/mercure'])
  }
  for (const path of ['/.well-known/mercure', '/api'])
    expect((await fetch(`${origin.server.url}${path}/replication/v1/head`)).status).toBe(404)
  await expect(startEdge(origin.server.url)).rejects.toMatchObject({
    code: 'HUB_REFUSED',
    message: expect.stringMatching(/there is no hub that can be copied \(404/),
  })
})

test('private events reach the copy, and there only whoever may have them', async () => {
  const origin = await serveGuarded()
  const edge = await startEdge(origin.url)
  await publish(origin, { topic: 'users/1', data: 'secret', private: true })
  await publish(edge, { topic: 'users/2', data: 'other secret', private: true })
  await publish(origin, { topic: 'users/1', data: 'public' })
  const datas = async (headers: Record<string, string>, enough: number) =>
    (await receive(edge, 'earliest', count(enough), headers)).map(({ data }) => data)
  expect(await datas(subscriber, 3)).toEqual(['secret', 'other secret', 'public'])
  expect(await datas(bearer(['subscribe'], { match: 'users/2' }), 2)).toEqual(['other secret', 'public'])
  expect(await datas({}, 1)).toEqual(['public'])
})

test('only a token with the action replicate on all topics may copy a hub', async () => {
  const origin = await serveGuarded()
  const path = `${origin.url}/replication/v1`
  const get = (headers: Record<string, string>) => fetch(`${path}/head`, { headers })
  expect((await get({})).status).toBe(401)
  expect((await get(bearer(['subscribe', 'publish'], { match: '*' }))).status).toBe(403)
  expect((await get(bearer(['replicate'], { match: 't' }))).status).toBe(403)
  expect((await get(bearer(['replicate'], { match: '*' }))).status).toBe(200)
  const stream = await fetch(path, {
    headers: { ...subscriber, accept: 'text/event-stream', 'last-event-id': `${origin.store.epoch}.0` },
  })
  expect(stream.status).toBe(403)
  const body = JSON.stringify({ epoch: origin.store.epoch, groups: [[['k', ['t'], 'd', false, null, null, null]]] })
  const post = (headers: Record<string, string>) =>
    fetch(`${path}/events`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  expect((await post(publisher)).status).toBe(403)
  expect(await (await post(bearer(['replicate'], { match: '*' }))).json()).toMatchObject([{ status: 403 }])
  expect(origin.hub.stats.headPosition).toBe(0)
})

test('a hub without tokens is copied by nobody, unless its program says so', async () => {
  const open = await serve()
  expect(await problemOf(await fetch(`${open.url}/replication/v1/head`))).toMatchObject({ status: 403 })
  const allowing = await serve({ authorize: () => ({ replicate: true }) })
  expect((await fetch(`${allowing.url}/replication/v1/head`)).status).toBe(200)
})

test('the edge checks publishers itself, and the hub upstream checks the edge', async () => {
  const origin = await serveGuarded()
  const edge = await startEdge(origin.url)
  const form = { topic: 'orders/1', data: 'x' }
  expect((await edge.post(form, bearer(['publish'], { match: 'other' }))).status).toBe(403)
  expect((await edge.post(form)).status).toBe(401)
  expect((await edge.post(form, publisher)).status).toBe(200)
  const narrow = bearer(['replicate'], { match: '*' }).authorization.slice('Bearer '.length)
  const reading = await startEdge(origin.url, { token: narrow })
  const { status, detail } = await problemOf(await reading.post(form, publisher))
  expect(status).toBe(403)
  expect(detail).toContain('the hub upstream refused it')
  const refusing = await startEdge(origin.url, { passesPublishes: false })
  const refusal = await problemOf(await refusing.post(form, publisher))
  expect(refusal.status).toBe(403)
  expect(refusal.detail).toContain('Publish to the hub that it copies')
  expect(origin.hub.stats.headPosition).toBe(1)
})

test('events published together at an edge are stored together, or none', async () => {
  const origin = await serveGuarded()
  const only = bearer(['replicate', 'publish'], { match: '*' })
  const edge = await startEdge(origin.url, { token: only.authorization.slice('Bearer '.length) })
  const response = await fetch(edge.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...publisher },
    body: JSON.stringify([{ topic: 'a', data: '1' }, { topic: 'b', data: '2' }, { topic: 'c' }]),
  })
  expect(response.status).toBe(200)
  const received = await receive(origin, 'earliest', count(3))
  expect(received.map(({ data }) => data)).toEqual(['1', '2', ''])
})

test('a publish with the same idempotency key is stored once, at whichever hub it is tried again', async () => {
  const origin = await serveGuarded()
  const near = await startEdge(origin.url)
  const far = await startEdge(near.url)
  const ids = new Set<string>()
  for (const hub of [far, origin, near, far]) {
    const response = await hub.post({ topic: 't', data: 'x' }, { 'idempotency-key': 'order-1', ...publisher })
    ids.add(await response.text())
  }
  expect(ids.size).toBe(1)
  expect(origin.hub.stats.headPosition).toBe(1)
})

test('a publish whose answer was lost on the way is sent again, and stored once', async () => {
  const origin = await serveGuarded()
  let lost = 0
  const relay = await relayTo(origin, (path) => path.endsWith('/events') && lost++ < 2)
  const edge = await startEdge(relay)
  const id = await publish(edge, { topic: 't', data: 'once' })
  expect(lost).toBe(3)
  expect(origin.hub.stats.headPosition).toBe(1)
  expect(await receive(edge, 'earliest', count(1))).toEqual([{ type: 'message', data: 'once', lastEventId: id }])
})

test('without the hub upstream reading goes on, and publishes wait and then get 503', async () => {
  const directory = temporaryDirectory()
  const origin = await startOrigin(directory)
  const connections: string[] = []
  const edge = await startEdge(origin.url, {
    waitMs: 400,
    onConnection: ({ name }) => connections.push(name),
  })
  const id = await publish(origin, { topic: 't', data: '1' })
  await publish(origin, { topic: 't', data: '2' })
  await receive(edge, 'earliest', count(2))
  await origin.stop()
  const refused = await edge.post({ topic: 't', data: 'x' }, publisher)
  expect(refused.headers.get('retry-after')).toBe('2')
  expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'STORE_FAILED' })
  expect((await receive(edge, id, count(1)))[0]!.data).toBe('2')
  const unknown = await fetch(`${edge.url}?match=*`, { headers: { 'last-event-id': 'unknown', ...subscriber } })
  expect(unknown.status).toBe(503)
  const ready = await fetch(`${edge.server.url}/readyz`)
  expect([ready.status, await ready.text()]).toEqual([200, expect.stringMatching(/^ready\nupstream lost, 0 positions/)])

  const waiting = edge.post({ topic: 't', data: '3' }, publisher)
  const again = await startOrigin(directory, origin.port)
  await until(async () => (await edge.post({ topic: 't', data: '4' }, publisher)).status === 200)
  await waiting
  await until(() => connections.at(-1) === 'connected')
  expect(connections).toEqual(['lost', 'connected'])
  await until(async () => /connected, 0 positions/.test(await (await fetch(`${edge.server.url}/readyz`)).text()))
  expect(again.hub.stats.replicas).toBe(1)
})

test('a token that is refused is a lost connection, until the file has another one', async () => {
  const directory = temporaryDirectory()
  const origin = await startOrigin(directory)
  let token: string | undefined = edgeToken
  const reasons: string[] = []
  const edge = await startEdge(origin.url, {
    token: () => token,
    waitMs: 400,
    onConnection: (connection) => reasons.push(connection.name === 'lost' ? connection.reason : connection.name),
  })
  token = undefined
  await origin.stop()
  const again = await startOrigin(directory, origin.port)
  await until(() => reasons.some((reason) => reason.includes('(401')))
  expect((await edge.post({ topic: 't', data: 'x' }, publisher)).status).toBe(503)
  token = edgeToken
  await until(() => reasons.at(-1) === 'connected')
  await publish(edge, { topic: 't', data: 'y' })
  expect(again.hub.stats.headPosition).toBe(1)
})

test('many subscribers with an ID that is unknown cost the hub upstream few questions', async () => {
  const origin = await serveGuarded()
  let questions = 0
  const relay = await relayTo(origin, (path) => {
    if (path.endsWith('/head')) questions++
    return false
  })
  const edge = await startEdge(relay)
  questions = 0
  await Promise.all(Array.from({ length: 100 }, () => edge.store.find('unknown')))
  expect(questions).toBeLessThanOrEqual(2)
})

test('an edge that asks about many positions that are unknown costs the hub upstream few questions', async () => {
  let questions = 0
  const store = createMemoryStore()
  const inspect = (position: number) => {
    questions++
    return store.inspect(position)
  }
  const origin = await serveGuarded({}, { store: decorateStore(store, { inspect }) })
  const near = await startEdge(origin.url)
  const mark = await store.append(event('known'))
  questions = 0
  const unknown = Array.from({ length: 1000 }, (_, n) => mark.position + 1 + n)
  expect(await near.hub.replication.tagsOf([mark.position, ...unknown])).toEqual([
    mark.tag,
    ...unknown.map(() => undefined),
  ])
  expect(questions).toBeLessThan(5)
})

test('a hub upstream with another history: the edge says so, and copies it when it starts again', async () => {
  const origin = await startOrigin(temporaryDirectory())
  const directory = temporaryDirectory()
  const edge = await startEdge(origin.url, { directory, waitMs: 400 })
  const old = await publish(origin, { topic: 't', data: 'old' })
  await receive(edge, 'earliest', count(1))
  await origin.stop()
  const other = await startOrigin(temporaryDirectory(), origin.port)
  await publish(other, { topic: 't', data: 'new' })
  const ready = () => fetch(`${edge.server.url}/readyz`)
  await until(async () => (await ready()).status === 503)
  expect((await edge.post({ topic: 't', data: 'x' }, publisher)).status).toBe(503)
  expect((await receive(edge, 'earliest', count(1)))[0]!.data).toBe('old')
  expect(other.hub.stats.headPosition).toBe(1)

  await edge.stop()
  const again = await startEdge(other.url, { directory })
  expect(readdirSync(directory)).toEqual([`copy-${other.store.epoch}`])
  const [gap, event] = await receive(again, old, count(2))
  expect(JSON.parse(gap!.data)).toMatchObject({ reason: 'epoch' })
  expect(event!.data).toBe('new')
})

test('a hub upstream that was restored from a backup: the edge drops what is gone, and tells of it', async () => {
  const directory = temporaryDirectory()
  const backup = temporaryDirectory()
  const first = await startOrigin(directory)
  await publish(first, { topic: 't', data: 'kept' })
  await first.stop()
  cpSync(directory, backup, { recursive: true })
  const origin = await startOrigin(directory, first.port)
  const near = await startEdge(origin.url)
  const far = await startEdge(near.url)
  const lost = await publish(origin, { topic: 't', data: 'lost 1' })
  await publish(origin, { topic: 't', data: 'lost 2' })
  await receive(far, 'earliest', count(3))
  await origin.stop()
  const restored = await startOrigin(backup, first.port)
  await publish(restored, { topic: 't', data: 'new' })
  for (const hub of [near, far]) {
    await until(async () => (await hub.store.bounds()).head.position === 2)
    await until(async () => (await receive(hub, 'earliest', count(2)))[1]!.data === 'new')
    const [gap] = await receive(hub, lost, count(1))
    expect(JSON.parse(gap!.data)).toMatchObject({ reason: 'unknown', requested: lost })
  }
})

test('an edge trims what the hub upstream trims, and tells whoever missed it', async () => {
  const store = createMemoryStore({ maxEvents: 5 })
  const origin = await serveGuarded({}, { store })
  const near = await startEdge(origin.url)
  const far = await startEdge(near.url)
  const id = await publish(origin, { topic: 'a', data: '0' })
  for (let n = 1; n < 20; n++) await publish(origin, { topic: 'a', data: `${n}` })
  await store.trim()
  const { trimmed } = await store.bounds()
  for (const hub of [near, far]) {
    await until(async () => (await hub.store.bounds()).trimmed.position === trimmed.position)
    expect(await hub.store.bounds()).toEqual(await store.bounds())
    const [gap, ...rest] = await receive(hub, id, count(6))
    expect(JSON.parse(gap!.data)).toMatchObject({ reason: 'trimmed', requested: id })
    expect(rest.map(({ data }) => data)).toEqual(['15', '16', '17', '18', '19'])
  }
})

test('an edge that was away while its next events were trimmed tells of the gap', async () => {
  const store = createMemoryStore({ maxEvents: 5 })
  const origin = await serveGuarded({}, { store })
  const directory = temporaryDirectory()
  const edge = await startEdge(origin.url, { directory })
  const id = await publish(origin, { topic: 'a', data: 'seen' })
  await receive(edge, 'earliest', count(1))
  await edge.stop()
  for (let n = 0; n < 20; n++) await publish(origin, { topic: 'a', data: `${n}` })
  await store.trim()
  const again = await startEdge(origin.url, { directory })
  const [gap, ...rest] = await receive(again, id, count(6))
  expect(JSON.parse(gap!.data)).toMatchObject({ reason: 'trimmed' })
  expect(rest.map(({ data }) => data)).toEqual(['15', '16', '17', '18', '19'])
})

test('a copy that is lost or damaged is made anew', async () => {
  const origin = await serveGuarded()
  const directory = temporaryDirectory()
  for (let n = 0; n < 50; n++) await publish(origin, { topic: 'a', data: `${n}` })
  const edge = await startEdge(origin.url, { directory })
  await edge.stop()
  const copy = join(directory, `copy-${origin.store.epoch}`)
  for (const name of readdirSync(copy)) writeFileSync(join(copy, name), 'not a database')
  const errors: string[] = []
  const mended = await startEdge(origin.url, { directory, onError: ({ message }) => errors.push(message) })
  expect(errors[0]).toContain('The local copy is made anew')
  expect(await receive(mended, 'earliest', count(50))).toHaveLength(50)
})

test('a copy of another hub in the same directory stays while it is used', async () => {
  const directory = temporaryDirectory()
  const [one, other] = [await serveGuarded(), await serveGuarded()]
  const used = await startEdge(one.url, { directory })
  const second = await startEdge(other.url, { directory })
  await publish(used, { topic: 't', data: 'one' })
  expect((await receive(used, 'earliest', count(1)))[0]!.data).toBe('one')
  expect(readdirSync(directory)).toHaveLength(2)
  await used.stop()
  await second.stop()
  await startEdge(other.url, { directory })
  expect(readdirSync(directory)).toEqual([`copy-${other.store.epoch}`])
})

test('an edge that reads nothing makes the hub upstream hold next to nothing, and then gets all', async () => {
  const history = createMemoryStore()
  let read = 0
  const store = decorateStore(history, {
    async read(query) {
      const page = await history.read(query)
      read += page.events.length
      return page
    },
  })
  const origin = await serveGuarded({}, { store })
  const response = await fetch(`${origin.url}/replication/v1`, {
    headers: {
      ...bearer(['replicate'], { match: '*' }),
      accept: 'text/event-stream',
      'last-event-id': `${origin.store.epoch}.0`,
    },
  })
  const data = 'x'.repeat(50_000)
  for (let n = 0; n < 400; n++) await origin.hub.publish({ topic: 't', data: `${n} ${data}` })
  // 20 MB. The network of this machine holds some of it.
  expect(read).toBeLessThan(300)
  const numbers: number[] = []
  for await (const { type, data } of readEvents(response.body!)) {
    if (type !== 'events') continue
    for (const [position] of (JSON.parse(data) as { events: [number][] }).events) numbers.push(position)
    if (numbers.length >= 400) break
  }
  expect(numbers).toEqual(Array.from({ length: 400 }, (_, n) => n + 1))
})

test('what is no hub that can be copied is a clear error at the start', async () => {
  const origin = await serveGuarded()
  const open = (url: string, token: string | undefined = edgeToken) =>
    openUpstreamStore({ url, token, directory: temporaryDirectory(), waitMs: 300 })
  const subscribing = subscriber.authorization.slice('Bearer '.length)
  const { origin: url } = new URL(origin.url)
  await expect(openUpstreamStore({ url, directory: temporaryDirectory() })).rejects.toMatchObject({
    code: 'HUB_REFUSED',
    message: expect.stringMatching(/401.*needs a token with the action replicate/),
  })
  await expect(open(url, subscribing)).rejects.toMatchObject({ code: 'HUB_REFUSED', message: /403/ })
  await expect(open('ftp://example.com')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await expect(open('https://user:secret@example.com')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await expect(open('https://example.com/some?path')).rejects.toMatchObject({ code: 'INVALID_OPTION' })

  const other = await answering(200, 'text/html', '<h1>Welcome</h1>')
  await expect(open(other)).rejects.toMatchObject({ code: 'HUB_REFUSED', message: /there is no hub/ })
  const moved = await answering(301, 'text/html', '', { location: 'https://www.example.com/' })
  await expect(open(moved)).rejects.toMatchObject({ code: 'HUB_REFUSED', message: /redirects to https:\/\/www/ })
  const newer = await answering(
    404,
    'application/problem+json',
    JSON.stringify({
      status: 404,
      code: 'NOT_FOUND',
      detail: 'This hub speaks version 2 of the replication protocol.',
    }),
  )
  await expect(open(newer)).rejects.toMatchObject({ code: 'HUB_REFUSED', message: /version 2/ })
  const busy = await answering(503, 'text/plain', 'come back later')
  await expect(open(busy)).rejects.toMatchObject({ code: 'HUB_UNREACHABLE', message: /503/ })
  await expect(open('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' })
})

test('a hub asked in another version says which one it speaks', async () => {
  const { url } = await serveGuarded()
  const problem = await problemOf(await fetch(`${url}/replication/v2/head`))
  expect(problem).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  expect(problem.detail).toContain('speaks version 1')
})

/** A relay in front of a hub that loses the answers to some requests. */
async function relayTo({ url }: Serving, loses: (path: string) => boolean): Promise<string> {
  return await listening(
    createServer((req, res) => {
      const { method = 'GET', headers, url: path = '/' } = req
      const sent = httpRequest(new URL(path, url), { method, headers }, (answer) => {
        if (loses(path)) {
          answer.resume().on('end', () => res.destroy())
          return
        }
        res.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(res)
      })
      res.on('close', () => sent.destroy())
      sent.on('error', () => res.destroy())
      req.pipe(sent)
    }),
  )
}

async function answering(status: number, type: string, body: string, headers = {}): Promise<string> {
  return await listening(
    createServer((_, res) => res.writeHead(status, { 'content-type': type, ...headers }).end(body)),
  )
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
