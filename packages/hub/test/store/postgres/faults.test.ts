import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { HubError } from '../../../src/base/errors.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import type { HubEvent } from '../../../src/hub/program-events.ts'
import { schemaSql } from '../../../src/store/postgres/schema.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../../../src/store/postgres.ts'
import type { EventStore, HistoryPosition, StoredEvent } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, readDatas } from '../temporary-store.ts'
import { startRelay } from './cutting-relay.ts'
import { PostgresServer } from './postgres-server.ts'

let shared: PostgresServer
beforeAll(async () => {
  shared = await PostgresServer.start()
})
afterAll(() => shared?.dispose())

let schemas = 0

/** A new history in a server; returns the parameters of its URL. */
async function newHistory(server = shared): Promise<{ schema: string }> {
  const schema = `faults_${++schemas}`
  await server.query(schemaSql(schema))
  return { schema }
}

type NodeOptions = Partial<Omit<PostgresStoreOptions, 'url'>> & {
  readonly server?: PostgresServer
  readonly port?: number
  readonly directory?: string
  readonly wait?: string
  readonly errors?: HubError[]
}

/** A node on a history. What it reports fails the test, unless `errors` takes it. */
async function openNode(
  schema: string,
  { server = shared, port, directory = temporaryDirectory(), wait = '60', errors, ...options }: NodeOptions = {},
): Promise<EventStore> {
  const url = server.url({ schema, directory, wait })
  const store = await openPostgresStore({
    url: port === undefined ? url : url.replace(`:${server.port}`, `:${port}`),
    onError: (error) => {
      if (!errors) throw error
      errors.push(error)
    },
    ...options,
  })
  onTestFinished(() => store.close())
  return store
}

/** Everything that a store tells from now on. */
async function follow(store: EventStore) {
  const events: StoredEvent[] = []
  const failures: Error[] = []
  const stop = await store.follow({
    onStart: () => {},
    onAppend: (more) => events.push(...more),
    onTrim: () => {},
    onFailure: (error) => failures.push(error),
  })
  onTestFinished(stop)
  return { events, failures }
}

describe('several nodes on a history in PostgreSQL', () => {
  test('bring the events of each to all, in one order', async () => {
    const { schema } = await newHistory()
    const stores = await Promise.all([openNode(schema), openNode(schema), openNode(schema)])
    const tails = await Promise.all(stores.map(follow))
    const appends = stores.flatMap((store, node) =>
      Array.from({ length: 200 }, (_, n) => store.append(event(`${node} ${n}`))),
    )
    const marks = await Promise.all(appends)
    expect(new Set(marks.map(({ position }) => position)).size).toBe(600)
    for (const { events } of tails) await expect.poll(() => events.length).toBe(600)
    const [first, ...others] = tails.map(({ events }) => events.map(({ position, tag, data }) => [position, tag, data]))
    for (const other of others) expect(other).toEqual(first)
    expect(first).toEqual([...first!].sort((one, two) => Number(one[0]) - Number(two[0])))
  })

  test('know on each node what another has just stored, whether or not it has come there', async () => {
    const { schema } = await newHistory()
    const [one, two] = await Promise.all([openNode(schema), openNode(schema)])
    for (let n = 0; n < 20; n++) {
      const mark = await one.append(event('x', { id: `own ${n}` }))
      expect(await two.inspect(mark.position)).toEqual({ name: 'kept', tag: mark.tag })
      expect(await two.find(`own ${n}`)).toEqual(mark)
    }
    expect(await two.inspect(1000)).toEqual({ name: 'ahead' })
    expect(await two.find('unknown')).toBeUndefined()
  })

  test('store an event once under an idempotency key, whichever nodes it is sent to', async () => {
    const { schema } = await newHistory()
    const [one, two] = await Promise.all([openNode(schema), openNode(schema)])
    const marks = await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).append(event('once'), { idempotencyKey: 'k' })),
    )
    expect(new Set(marks.map(({ position, tag }) => `${position} ${tag}`)).size).toBe(1)
    await expect.poll(() => readDatas(one)).toEqual(['once'])
  })

  test('drop on each node what the elected one trims', async () => {
    const { schema } = await newHistory()
    const stores = await Promise.all([openNode(schema, { maxEvents: 5 }), openNode(schema, { maxEvents: 5 })])
    for (let n = 0; n < 20; n++) await stores[n % 2]!.append(event(`${n}`))
    await stores[0].trim()
    for (const store of stores) {
      await expect.poll(() => readDatas(store)).toEqual(['15', '16', '17', '18', '19'])
    }
  })

  test('whose tail lags behind what is trimmed meanwhile do not skip it silently', async () => {
    const { schema } = await newHistory()
    const relay = await startRelay(shared.port)
    onTestFinished(() => relay.close())
    const writer = await openNode(schema)
    const store = await openNode(schema, { port: relay.port, errors: [] })
    const { events, failures } = await follow(store)
    relay.stall(true)
    for (let n = 1; n <= 10; n++) await writer.append(event(`${n}`))
    // Events are trimmed just before the node asks for them, when it has already asked what is trimmed.
    const { query } = pg.Client.prototype
    let isTrimmed = false
    function askLate(this: pg.Client, ...args: unknown[]): unknown {
      const ask = () => Reflect.apply(query, this, args)
      if (isTrimmed || this.port !== relay.port || (args[0] as { name?: string }).name !== 'page') return ask()
      isTrimmed = true
      return shared.query(`SELECT ${schema}.trim_events(NULL, 0, 3, NULL, 1000)`).then(ask)
    }
    const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(askLate as typeof query)
    onTestFinished(() => spy.mockRestore())
    relay.stall(false)
    await expect.poll(() => readDatas(store)).toEqual(['8', '9', '10'])
    expect(events.map(({ data }) => data)).toEqual([])
    expect(failures).toHaveLength(1)
  })

  test('begin with a complete copy, also if the local one is lost, damaged or of another history', async () => {
    const { schema } = await newHistory()
    const directory = temporaryDirectory()
    const writer = await openNode(schema)
    for (let n = 0; n < 50; n++) await writer.append(event(`${n}`))
    const expected = Array.from({ length: 50 }, (_, n) => `${n}`)

    const first = await openNode(schema, { directory })
    expect(await readDatas(first)).toEqual(expected)
    await first.close()

    writeFileSync(
      join(directory, `copy-${writer.epoch}`, 'headwater.db'),
      'not a database, and longer than its header'.repeat(100),
    )
    const errors: HubError[] = []
    const second = await openNode(schema, { directory, errors })
    expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/^The local copy is made anew: /)])
    expect(await readDatas(second)).toEqual(expected)
    await second.close()

    rmSync(join(directory, `copy-${writer.epoch}`), { recursive: true })
    const third = await openNode(schema, { directory })
    expect(await readDatas(third)).toEqual(expected)
    await third.close()

    const other = await newHistory()
    const fourth = await openNode(other.schema, { directory })
    expect(fourth.epoch).not.toBe(writer.epoch)
    expect(await readDatas(fourth)).toEqual([])
  })
})

describe('an engine that fails', () => {
  test('stores each event once and in order, wherever the answers are cut', async () => {
    const { schema } = await newHistory()
    const relay = await startRelay(shared.port)
    onTestFinished(() => relay.close())
    const errors: HubError[] = []
    const store = await openNode(schema, { port: relay.port, errors })
    const { events } = await follow(store)
    let cuts = 0
    relay.cutAfter = () => {
      cuts++
      // Sometimes within the greeting, sometimes within an answer.
      return 300 + ((cuts * 7919) % 2500)
    }
    relay.cut()
    const marks: HistoryPosition[] = []
    const publishers = Array.from({ length: 8 }, async (_, publisher) => {
      for (let n = 0; n < 60; n++) marks.push(await store.append(event(`${publisher} ${n}`)))
    })
    await Promise.all(publishers)
    expect(cuts).toBeGreaterThan(10)
    relay.cutAfter = undefined
    expect(new Set(marks.map(({ position }) => position)).size).toBe(480)
    await expect.poll(() => events.length).toBe(480)
    const datas = events.map(({ data }) => data)
    expect(new Set(datas).size).toBe(480)
    for (let publisher = 0; publisher < 8; publisher++) {
      const own = datas.filter((data) => data.startsWith(`${publisher} `))
      expect(own).toEqual(Array.from({ length: 60 }, (_, n) => `${publisher} ${n}`))
    }
  })

  test('that does not answer makes publishes wait, then fail with what is known; reading goes on', async () => {
    const { schema } = await newHistory()
    const relay = await startRelay(shared.port)
    onTestFinished(() => relay.close())
    const errors: HubError[] = []
    const store = await openNode(schema, { port: relay.port, wait: '1', errors })
    await store.append(event('before'))
    await expect.poll(() => readDatas(store)).toEqual(['before'])
    relay.stall(true)
    await expect(store.append(event('lost?'))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^The event may or may not be stored: the engine did not answer within 1 s/),
    })
    expect(await readDatas(store)).toEqual(['before'])
    // Whether another node knows it cannot be found out now.
    await expect(store.inspect(1000)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    relay.stall(false)
    const mark = await store.append(event('after'))
    await expect.poll(async () => (await store.bounds()).head.position).toBe(mark.position)
    expect((await readDatas(store)).filter((data) => data !== 'lost?')).toEqual(['before', 'after'])
  })

  test('that hangs with its connections open does not hold up reading and publishing once another server takes events', async () => {
    const { schema } = await newHistory()
    const [first, second] = [await startRelay(shared.port), await startRelay(shared.port)]
    onTestFinished(() => Promise.all([first.close(), second.close()]).then(() => {}))
    const hosts = `127.0.0.1:${first.port},127.0.0.1:${second.port}`
    const directory = temporaryDirectory()
    const store = await openPostgresStore({
      url: `postgres://headwater@${hosts}/postgres?${new URLSearchParams({ schema, directory, wait: '60' })}`,
      onError: () => {},
    })
    onTestFinished(() => store.close())
    // Whichever of them it is connected to: the other one answers.
    const other = await openNode(schema)
    for (const [stalled, working] of [
      [first, second],
      [second, first],
    ] as const) {
      stalled.stall(true)
      working.stall(false)
      await store.append(event('own'))
      const mark = await other.append(event('of another node'))
      await expect.poll(async () => (await store.bounds()).head).toEqual(mark)
      await shared.query(`SELECT ${schema}.publish('a', 'in a transaction')`)
      await expect.poll(async () => (await readDatas(store)).at(-1)).toBe('in a transaction')
    }
    first.stall(false)
  })

  test('that breaks off while it is asked what it has is said to have failed', async () => {
    const { schema } = await newHistory()
    const relay = await startRelay(shared.port)
    onTestFinished(() => relay.close())
    const store = await openNode(schema, { port: relay.port, errors: [] })
    // Its question is under way when the connection breaks.
    const client = await shared.connect()
    onTestFinished(() => client.end())
    await client.query(`BEGIN; LOCK TABLE ${schema}.head IN ACCESS EXCLUSIVE MODE`)
    const asking = Promise.allSettled([store.inspect(1000), store.find('unknown')])
    await expect
      .poll(() => client.query("SELECT FROM pg_stat_activity WHERE wait_event = 'relation'"))
      .toMatchObject({ rowCount: 1 })
    relay.cut()
    const failed = { status: 'rejected', reason: expect.objectContaining({ name: 'HubError', code: 'STORE_FAILED' }) }
    expect(await asking).toMatchObject([failed, failed])
  })

  test('has one connection of each kind to a node that gave up waiting for others', async () => {
    const { schema } = await newHistory()
    const relay = await startRelay(shared.port)
    onTestFinished(() => relay.close())
    const store = await openNode(schema, { port: relay.port, wait: '1', errors: [] })
    await store.append(event('x'))
    const pids = async () => {
      const rows = await shared.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'headwater publish' AND query LIKE '%append_batch%' OR query LIKE 'INSERT INTO node%'",
      )
      return rows.length
    }
    const before = await pids()
    relay.stall(true)
    for (let n = 0; n < 3; n++) await expect(store.append(event('x'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    relay.stall(false)
    await store.append(event('x'))
    await expect.poll(pids).toBe(before)
  })

  test('is waited for while it restarts after a crash: nothing acknowledged is lost, nothing is doubled', async () => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.dispose())
    const { schema } = await newHistory(server)
    const errors: HubError[] = []
    const store = await openNode(schema, { server, errors })
    const { events } = await follow(store)
    let isOver = false
    const stored: string[] = []
    const publishers = Array.from({ length: 4 }, async (_, publisher) => {
      for (let n = 0; !isOver; n++) {
        await store.append(event(`${publisher} ${n}`))
        stored.push(`${publisher} ${n}`)
      }
    })
    for (let round = 0; round < 3; round++) {
      const before = stored.length
      await expect.poll(() => stored.length).toBeGreaterThan(before + 20)
      await server.kill()
      await sleep(50)
      await server.up()
    }
    const before = stored.length
    await expect.poll(() => stored.length).toBeGreaterThan(before)
    isOver = true
    await Promise.all(publishers)
    await expect.poll(() => events.length).toBe(stored.length)
    expect(events.map(({ data }) => data).sort()).toEqual(stored.sort())
  })

  test('may be replaced by its synchronous standby: nothing acknowledged is lost', async () => {
    const primary = await PostgresServer.start()
    onTestFinished(() => primary.dispose())
    const standby = await PostgresServer.start({ primary })
    onTestFinished(() => standby.dispose())
    await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await primary.query('SELECT pg_reload_conf()')
    await expect
      .poll(() => primary.query('SELECT sync_state FROM pg_stat_replication'))
      .toEqual([{ sync_state: 'sync' }])
    const { schema } = await newHistory(primary)
    const errors: HubError[] = []
    const url = `postgres://headwater@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres?schema=${schema}&wait=60`
    const open = async () => {
      const store = await openPostgresStore({
        url: `${url}&directory=${temporaryDirectory()}`,
        onError: (error) => errors.push(error),
      })
      onTestFinished(() => store.close())
      return store
    }
    const stores = [await open(), await open()]
    const tails = await Promise.all(stores.map(follow))
    const stored: string[] = []
    let isOver = false
    const publishers = stores.map(async (store, node) => {
      for (let n = 0; !isOver; n++) {
        await store.append(event(`${node} ${n}`))
        stored.push(`${node} ${n}`)
      }
    })
    await expect.poll(() => stored.length).toBeGreaterThan(50)
    await primary.kill()
    await standby.promote()
    const before = stored.length
    await expect.poll(() => stored.length).toBeGreaterThan(before + 50)
    isOver = true
    await Promise.all(publishers)
    for (const { events, failures } of tails) {
      await expect.poll(() => events.length).toBe(stored.length)
      expect(events.map(({ data }) => data).sort()).toEqual(stored.sort())
      expect(failures).toEqual([])
    }
  })
})

describe('an engine that was restored, and lost its last events', () => {
  test('takes them from the nodes too, and each reader is told of a gap', async () => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.dispose())
    const { schema } = await newHistory(server)
    const errors: HubError[] = []
    const directory = temporaryDirectory()
    const store = await openNode(schema, { server, directory, errors })
    const hub = await createHubCore({ store, onError: () => {} })
    onTestFinished(() => hub.close())
    const received: HubEvent[] = []
    const reading = (async () => {
      for await (const each of hub.subscribe('a', { lastEventId: 'earliest' })) received.push(each)
    })()
    for (const data of ['1', '2']) await hub.publish({ topic: 'a', data })
    await expect.poll(() => received.length).toBe(2)
    await server.down()
    server.save()
    await server.up()
    const lostId = await hub.publish({ topic: 'a', data: 'lost 3' })
    await hub.publish({ topic: 'b', data: 'lost 4' })
    await expect.poll(() => received.length).toBe(3)
    await server.down()
    server.restore()
    await server.up()
    // The positions of what was lost are given again.
    const newId = await hub.publish({ topic: 'a', data: 'new 3' })
    expect(newId.split('.').slice(0, 2)).toEqual(lostId.split('.').slice(0, 2))
    expect(newId).not.toBe(lostId)
    await expect
      .poll(() => received.map(({ data, type }) => (type === 'message' ? data : type)))
      .toEqual(['1', '2', 'lost 3', 'headwater-gap', '1', '2', 'new 3'])
    expect(errors.map(({ code }) => code)).toContain('STORE_DIVERGED')
    // A client that has the lost one is told, too.
    const { precedingEventId } = await hub.openSubscription({
      matchers: [{ type: 'exact', value: 'a' } as never],
      lastEventId: lostId,
    })
    expect(precedingEventId).toBe('earliest')
    await hub.close()
    await reading
  })

  test('is a new history if its tables were made anew: the node says so, and stores nothing there', async () => {
    const { schema } = await newHistory()
    const errors: HubError[] = []
    const store = await openNode(schema, { errors, wait: '1' })
    await store.append(event('x'))
    await shared.query(`DROP SCHEMA ${schema} CASCADE`)
    await shared.query(schemaSql(schema))
    await shared.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'headwater %' AND pid <> pg_backend_pid()",
    )
    await expect(store.append(event('y'))).rejects.toMatchObject({
      code: 'STORE_DIVERGED',
      message: expect.stringContaining('was made anew. Restart the hub.'),
    })
    expect(await shared.query(`SELECT count(*)::int AS count FROM ${schema}.event`)).toEqual([{ count: 0 }])
  })
})
