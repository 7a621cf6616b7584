import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { everyTopic } from '../../../src/matching/matcher.ts'
import { schemaSql } from '../../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import type { SharedRegistry } from '../../../src/subscriptions/shared-registry.ts'
import { type RunningHub, serveHub } from '../../cli/running.ts'
import { nextTurn } from '../../next-turn.ts'
import { PostgresServer } from '../../store/postgres/postgres-server.ts'
import { readAll, toldBy } from '../../subscriptions/running-registry.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type Serving, serve } from '../serve-hub.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
})
afterAll(() => server?.dispose())

/** Whoever may have everything: also a list, without a token. */
const authorize = () => ({ subscribe: [everyTopic], publish: [everyTopic] })

interface Cluster {
  readonly schema: string
  /** Two hubs in this process, and one in another. */
  readonly near: readonly [Serving, Serving]
  readonly far: RunningHub
  readonly farNode: string
}

let count = 0

async function startCluster(): Promise<Cluster> {
  const schema = `presence_${++count}`
  await server.query(schemaSql(schema))
  const url = () => server.url({ schema, directory: temporaryDirectory() })
  const far = await serveHub('--dev', '--subscriptions', '--store', url())
  const [{ id: farNode }] = (await server.query(`SELECT id FROM ${schema}.node`)) as [{ id: string }]
  const open = async () => {
    const store = await openPostgresStore({ url: url() })
    onTestFinished(() => store.close())
    return await serve({ store, subscriptions: { compat: true }, authorize })
  }
  return { schema, near: [await open(), await open()], far, farNode }
}

/** What the history says of subscriptions, without the form of Mercure 0.x, which a hub with --dev adds. */
async function told({ store }: Serving): Promise<string[]> {
  return toldBy((await readAll(store)).filter(({ type }) => type === 'mercure'))
}

/** Subscribes to a hub until the test is over. */
async function subscribe(url: string, match: string): Promise<void> {
  const leaving = new AbortController()
  const response = await fetch(`${url}?match=${match}`, { signal: leaving.signal })
  expect(response.status).toBe(200)
  onTestFinished(() => {
    leaving.abort()
    // Kept until then: one that nobody holds may be cancelled.
    return response.body?.cancel().catch(() => {})
  })
}

async function listOf(url: string): Promise<{ match: string; node: string }[]> {
  const response = await fetch(`${url}/subscriptions`)
  expect(response.status).toBe(200)
  const { subscriptions } = (await response.json()) as { subscriptions: { match: string; node: string }[] }
  return subscriptions
}

async function untilListed(url: string, ...matches: string[]): Promise<{ match: string; node: string }[]> {
  for (;;) {
    const list = await listOf(url)
    const listed = list.map(({ match }) => match).sort()
    if (listed.join() === matches.join()) return list
  }
}

/** As if the engine had not heard of the other process for 30 seconds, and of these all the time. */
async function judge({ schema, near, farNode }: Cluster): Promise<void> {
  await server.query(`UPDATE ${schema}.node SET steady_since = steady_since - interval '1 hour' WHERE id <> $1`, [
    farNode,
  ])
  await server.query(`UPDATE ${schema}.node SET seen_at = seen_at - interval '30 s' WHERE id = $1`, [farNode])
  await Promise.all(near.map(({ hub }) => (hub.subscriptions as SharedRegistry).check()))
}

describe('hubs that share an engine', () => {
  test('list the subscribers of all; those of one that is killed end once', async () => {
    const cluster = await startCluster()
    const { near, far } = cluster
    const farUrl = `${far.url}/.well-known/mercure`
    await subscribe(near[0].url, 'a')
    await subscribe(near[1].url, 'b')
    await subscribe(farUrl, 'c')
    const lists = await Promise.all(
      [...near.map(({ url }) => url), farUrl].map((url) => untilListed(url, 'a', 'b', 'c')),
    )
    expect(lists[1]).toEqual(lists[0])
    expect(lists[2]).toEqual(lists[0])
    expect(new Set(lists[0]!.map(({ node }) => node)).size).toBe(3)

    far.child.kill('SIGKILL')
    await far.ended()
    await judge(cluster)
    for (const { url } of near) await untilListed(url, 'a', 'b')
    const events = await told(near[0])
    expect([events.slice(0, 3).sort(), ...events.slice(3)]).toEqual([['+a', '+b', '+c'], '-c'])

    // One that stops in order says itself that its subscribers are gone, and takes nobody for dead.
    await near[1].server.close({ deadlineMs: 1000 })
    await near[1].store.close()
    await untilListed(near[0].url, 'a')
    expect((await told(near[0])).slice(4)).toEqual(['-b'])
  })

  test('say again that the subscribers of one are there that was stopped and comes back', async () => {
    const cluster = await startCluster()
    const { near, far } = cluster
    await subscribe(`${far.url}/.well-known/mercure`, 'c')
    await untilListed(near[0].url, 'c')
    far.child.kill('SIGSTOP')
    await judge(cluster)
    for (const { url } of near) await untilListed(url)
    far.child.kill('SIGCONT')
    const [subscription] = await untilListed(near[1].url, 'c')
    expect(subscription!.node).toBe(`${cluster.farNode}.1`)
    expect(await told(near[1])).toEqual(['+c', '-c', '+c'])
  })
})

test('a token holder has no more streams over all hubs than the limit', async () => {
  const schema = `presence_${++count}`
  await server.query(schemaSql(schema))
  const open = async () => {
    const store = await openPostgresStore({ url: server.url({ schema, directory: temporaryDirectory() }) })
    onTestFinished(() => store.close())
    const limits = { maxSubscribersPerToken: 2 }
    return await serve({ store, authorize: () => ({ ...authorize(), holder: 'Ada' }), limits })
  }
  const hubs = [await open(), await open()]
  for (const { url } of hubs) await subscribe(url, 'a')
  for (const { url } of hubs) {
    // Each learns it within about a second.
    for (;;) {
      const response = await fetch(`${url}?match=a`)
      if (response.status === 429) break
      expect(response.status).toBe(200)
      await response.body!.cancel()
      await nextTurn()
    }
  }
})
