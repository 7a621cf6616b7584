import { describe, expect, onTestFinished, test } from 'vitest'
import { initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { bearer, serveGuarded } from '../../http/access/guarded-hub.ts'
import type { Serving } from '../../http/serve-hub.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { PostgresServer } from '../postgres/postgres-server.ts'
import { edgeToken, publisher, startEdge, startOrigin, subscriber, until } from './edge-hubs.ts'

const subscriptions = { subscriptions: { compat: true } } as const
const reader = bearer(['subscribe'], { match: '/.well-known/mercure/subscriptions' })

interface Listed {
  readonly id: string
  readonly match: string
  readonly node?: string
}

/** Subscribes to a hub until it leaves, or the test is over. */
async function subscribe({ url }: Serving, match: string): Promise<() => void> {
  const leaving = new AbortController()
  const response = await fetch(`${url}?match=${match}`, { headers: subscriber, signal: leaving.signal })
  expect(response.status).toBe(200)
  onTestFinished(() => {
    leaving.abort()
    return response.body?.cancel().catch(() => {})
  })
  return () => leaving.abort()
}

async function listOf({ url }: Serving): Promise<readonly Listed[]> {
  const response = await fetch(`${url}/subscriptions`, { headers: reader })
  expect(response.status).toBe(200)
  return ((await response.json()) as { subscriptions: readonly Listed[] }).subscriptions
}

async function untilListed(hub: Serving, ...matches: string[]): Promise<readonly Listed[]> {
  let list: readonly Listed[] = []
  await until(async () => {
    list = await listOf(hub)
    return (
      list
        .map(({ match }) => match)
        .sort()
        .join() === matches.join()
    )
  })
  return list
}

describe('a tree of hubs that report who is subscribed', () => {
  test('lists the subscribers of all at each, and the ends of those that leave', async () => {
    const origin = await serveGuarded({}, subscriptions)
    const near = await startEdge(origin.url, {}, subscriptions)
    const far = await startEdge(near.url, {}, subscriptions)
    const hubs = [origin, near, far]
    await subscribe(origin, 'a')
    await subscribe(near, 'b')
    const leave = await subscribe(far, 'c')
    const lists = []
    for (const hub of hubs) lists.push(await untilListed(hub, 'a', 'b', 'c'))
    expect(new Set(lists[0]!.map(({ node }) => node)).size).toBe(3)
    for (const list of lists) expect(new Set(list)).toEqual(new Set(lists[0]))
    leave()
    for (const hub of hubs) await untilListed(hub, 'a', 'b')
    // One that stops in order says that its subscribers are gone.
    await near.stop()
    await untilListed(origin, 'a')
    for (const hub of hubs) expect(hub.errors).toEqual([])
  })

  test('goes on after a restart of the first hub, whose start ends all subscriptions', async () => {
    const files = temporaryDirectory()
    const origin = await startOrigin(files, 0, subscriptions)
    const edge = await startEdge(origin.url, {}, subscriptions)
    await subscribe(edge, 'a')
    const [before] = await untilListed(origin, 'a')
    await origin.stop()
    const again = await startOrigin(files, origin.port, subscriptions)
    await until(async () => (await listOf(again))[0]?.node === `${before!.node}.1`)
    expect((await listOf(again))[0]!.id).toBe(before!.id)
    await untilListed(edge, 'a')
  })

  test('has reports of an edge that passes nothing else on, by a token without a right to publish', async () => {
    const origin = await serveGuarded({}, subscriptions)
    const token = bearer(['replicate'], { match: '*' }).authorization.slice('Bearer '.length)
    const edge = await startEdge(origin.url, { passesPublishes: false, token }, subscriptions)
    await subscribe(edge, 'a')
    await untilListed(origin, 'a')
    expect((await edge.post({ topic: 't', data: 'x' }, publisher)).status).toBe(403)
  })

  test('over PostgreSQL is one list, whichever node an edge copies', async () => {
    const server = await PostgresServer.start({ settings: { fsync: 'off' } })
    onTestFinished(() => server.dispose())
    await initializeEngine(server.url())
    const open = async () => {
      const store = await openPostgresStore({ url: server.url({ directory: temporaryDirectory() }), onError: () => {} })
      onTestFinished(() => store.close())
      return await serveGuarded({}, { store, ...subscriptions })
    }
    const nodes = [await open(), await open()]
    const edges = [await startEdge(nodes[0]!.url, {}, subscriptions), await startEdge(nodes[1]!.url, {}, subscriptions)]
    await subscribe(nodes[0]!, 'a')
    await subscribe(edges[0]!, 'b')
    await subscribe(edges[1]!, 'c')
    for (const hub of [...nodes, ...edges]) await untilListed(hub, 'a', 'b', 'c')
    // All four are nodes of the engine.
    expect(await server.query('SELECT count(*)::int AS count FROM headwater.node')).toEqual([{ count: 4 }])
  })
})

describe('the route for reports', () => {
  const report = (epoch: string, ...group: unknown[]) => ({
    method: 'POST',
    body: JSON.stringify({ epoch, groups: [group] }),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${edgeToken}` },
  })
  const base = '/.well-known/mercure/subscriptions'
  const document = { id: `${base}/exact/a/s`, type: 'subscription', match_type: 'exact', match: 'a', subscriber: 's' }
  const event = (topics: string[], data: unknown, isPrivate = true) => [
    'key',
    topics,
    typeof data === 'string' ? data : JSON.stringify(data),
    isPrivate,
    null,
    'mercure',
    null,
  ]
  const topics = [`${base}/exact/a/s`, `${base}?events`]
  const genuine = event(topics, { ...document, active: true, node: 'n' })

  test('takes what is about a subscription of a node, and nothing else', async () => {
    const origin = await serveGuarded({}, subscriptions)
    const send = async (...group: unknown[]) => {
      const response = await fetch(`${origin.url}/replication/v1/events`, report(origin.store.epoch, ...group))
      const [answer] = (await response.json()) as { marks?: unknown; code?: string }[]
      return answer!.marks ? 'stored' : answer!.code
    }
    expect(await send(genuine)).toBe('stored')
    for (const forged of [
      event(topics, { ...document, active: true }),
      event(topics, { ...document, active: true, node: 'n', more: 1 }),
      event(topics, { ...document, active: true, node: 'n' }, false),
      event([...topics, 'other'], { ...document, active: true, node: 'n' }),
      event([`${base}/exact/b/s`, `${base}?events`], { ...document, active: true, node: 'n' }),
      event(['t'], 'x'),
      event(topics, 'not JSON'),
      event([base], { id: base, type: 'subscriptions', subscriptions: [] }),
      event(['/hub/subscriptions/exact/a/s', '/hub/subscriptions?events'], { ...document, active: true, node: 'n' }),
    ])
      expect(await send(forged)).toBe('INVALID_REQUEST')
    expect(await send(genuine, ['key2', ['t'], 'x', false, null, null, null])).toBe('INVALID_REQUEST')
    expect(origin.hub.stats.headPosition).toBe(1)
  })

  test('refuses, with advice, where nobody is told who is subscribed', async () => {
    const origin = await serveGuarded()
    const edge = await startEdge(origin.url)
    const refusal = /Start it with --subscriptions/
    await expect(edge.store.nodes!.alive()).rejects.toThrow(refusal)
    const response = await fetch(`${origin.url}/replication/v1/events`, report(origin.store.epoch, genuine))
    expect(await response.json()).toEqual([
      { status: 400, code: 'INVALID_REQUEST', detail: expect.stringMatching(refusal) },
    ])
  })
})
