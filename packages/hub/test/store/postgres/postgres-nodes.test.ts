import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeStoredEvent } from '../../../src/hub/event-frame.ts'
import { schemaSql } from '../../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { shareStore } from '../../../src/store/shared/share-store.ts'
import { openSharedStore } from '../../../src/store/shared.ts'
import type { EventStore, NodeDirectory } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event } from '../temporary-store.ts'
import { PostgresServer } from './postgres-server.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
})
afterAll(() => server?.dispose())

let count = 0

/** An engine, and what makes time pass there. */
async function createEngine() {
  const schema = `nodes_${++count}`
  await server.query(schemaSql(schema))
  const query = (text: string, values?: unknown[]) => server.query(text.replaceAll('~', `${schema}.`), values)
  return {
    query,
    async open(): Promise<{ store: EventStore; nodes: NodeDirectory }> {
      const store = await openPostgresStore({ url: server.url({ schema, directory: temporaryDirectory() }) })
      onTestFinished(() => store.close())
      const nodes = store.nodes!
      await registered(nodes.name)
      return { store, nodes }
    },
    registered,
    /** A node was seen all the time, or came only now. */
    steady: (...nodes: NodeDirectory[]) =>
      query(`UPDATE ~node SET steady_since = steady_since - interval '1 hour' WHERE id = ANY ($1)`, [namesOf(nodes)]),
    /** Nobody has seen these nodes for so long. */
    unseen: (seconds: number, ...nodes: NodeDirectory[]) =>
      query(`UPDATE ~node SET seen_at = clock_timestamp() - make_interval(secs => $2) WHERE id = ANY ($1)`, [
        namesOf(nodes),
        seconds,
      ]),
  }

  async function registered(name: string): Promise<void> {
    while ((await query('SELECT FROM ~node WHERE id = $1', [name])).length === 0);
  }
}

function namesOf(nodes: readonly NodeDirectory[]): string[] {
  return nodes.map(({ name }) => name)
}

describe('the nodes of an engine', () => {
  test('know who is alive: not who was closed, nor who was not seen for 20 seconds, until it comes back', async () => {
    const { open, steady, unseen } = await createEngine()
    const [a, b, c] = [await open(), await open(), await open()]
    await steady(a.nodes)
    expect(await a.nodes.alive()).toEqual(new Set(namesOf([a.nodes, b.nodes, c.nodes])))
    await c.store.close()
    await unseen(19, b.nodes)
    expect(await a.nodes.alive()).toEqual(new Set(namesOf([a.nodes, b.nodes])))
    await unseen(21, b.nodes)
    expect(await a.nodes.alive()).toEqual(new Set(namesOf([a.nodes])))
    // Its next batch says that it is alive.
    await b.store.append(event('x'))
    expect(await a.nodes.alive()).toEqual(new Set(namesOf([a.nodes, b.nodes])))
  })

  test('judge nobody when they have just come, were away, or are not seen at this moment', async () => {
    const { open, steady, unseen } = await createEngine()
    const [a, b] = [await open(), await open()]
    expect(await a.nodes.alive()).toBe(undefined)
    await steady(a.nodes)
    expect(await a.nodes.alive()).not.toBe(undefined)
    // The engine was away, and this node is the first to ask.
    await unseen(30, a.nodes, b.nodes)
    expect(await a.nodes.alive()).toBe(undefined)
    await a.store.append(event('x'))
    expect(await a.nodes.alive()).toBe(undefined)
    await steady(a.nodes)
    expect(await a.nodes.alive()).toEqual(new Set(namesOf([a.nodes])))
  })

  test('are seen every few seconds, also after their connections were cut and the table has forgotten them', async () => {
    const { open, query, registered } = await createEngine()
    const { nodes } = await open()
    await query(`DELETE FROM ~node`)
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headwater nodes'`,
    )
    await registered(nodes.name)
  })

  test('do not write that they are alive when a batch has just done so', async () => {
    const { open, query } = await createEngine()
    const { nodes, store } = await open()
    await store.append(event('x'))
    const seen = () => query('SELECT seen_at, xmin::text FROM ~node WHERE id = $1', [nodes.name])
    const before = await seen()
    await (nodes as NodeDirectory & { heartbeat(): Promise<void> }).heartbeat()
    expect(await seen()).toEqual(before)
  })

  test('let each other know what they leave, until they leave something else, are closed, or say no more', async () => {
    const { open, query } = await createEngine()
    const [a, b] = [await open(), await open()]
    const note = (text: string) => new TextEncoder().encode(text)
    const learned = async (text: string) =>
      (await a.nodes.exchange(note(text))).map((each) => Buffer.from(each).toString()).sort()
    expect(await learned('of a')).toEqual([])
    expect((await b.nodes.exchange(note('of b'))).map(String)).toEqual(['of a'])
    await b.nodes.exchange(note('of another thread of b'), 2)
    expect(await learned('of a')).toEqual(['of another thread of b', 'of b'])
    await b.nodes.exchange(new Uint8Array())
    expect(await learned('of a')).toEqual(['', 'of another thread of b'])
    await query(`UPDATE ~node_note SET left_at = left_at - interval '21 s' WHERE part = 2`)
    expect(await learned('of a')).toEqual([''])
    await b.store.close()
    expect(await learned('of a')).toEqual([])
    await expect(b.nodes.exchange(note('too late'))).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await expect(b.nodes.alive()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })

  test('are processes: the threads of one leave notes as one node', async () => {
    const { open, steady } = await createEngine()
    const [a, b] = [await open(), await open()]
    const shared = await shareStore(a.store, {
      frameOf: (epoch, stored) => Buffer.from(encodeStoredEvent(epoch, stored)),
    })
    const thread = openSharedStore(shared.connect())
    onTestFinished(() => thread.close())
    expect(thread.nodes!.name).toBe(a.nodes.name)
    await steady(a.nodes)
    expect(await thread.nodes!.alive()).toEqual(new Set(namesOf([a.nodes, b.nodes])))
    await shared.store.nodes!.exchange(Buffer.from('first thread'))
    expect(await thread.nodes!.exchange(Buffer.from('second thread'))).toEqual([])
    const notes = await b.nodes.exchange(Buffer.from('other node'))
    expect(notes.map(String).sort()).toEqual(['first thread', 'second thread'])
    expect((await thread.nodes!.exchange(Buffer.from(''))).map((note) => Buffer.from(note).toString())).toEqual([
      'other node',
    ])
  })
})
