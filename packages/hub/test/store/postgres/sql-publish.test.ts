import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { examineEngine, initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import type { EventStore, StoredEvent } from '../../../src/store/store.ts'
import { serveHub } from '../../cli/running.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { readDatas } from '../temporary-store.ts'
import { PostgresServer } from './postgres-server.ts'

let server: PostgresServer
let schemas = 0
beforeAll(async () => {
  server = await PostgresServer.start()
})
afterAll(() => server?.dispose())

async function setUp(nodes = 1) {
  const schema = `sql_${++schemas}`
  await initializeEngine(server.url({ schema }))
  const tails = []
  for (let n = 0; n < nodes; n++) tails.push(await openTail(schema))
  return { schema, tails, events: tails[0]!.events, store: tails[0]!.store }
}

async function openTail(schema: string): Promise<{ store: EventStore; events: StoredEvent[] }> {
  const store = await openPostgresStore({
    url: server.url({ schema, directory: temporaryDirectory() }),
    onError: (error) => {
      throw error
    },
  })
  onTestFinished(() => store.close())
  const events: StoredEvent[] = []
  await store.follow({
    onStart: () => {},
    onAppend: (more) => events.push(...more),
    onTrim: () => {},
    onFailure: (error) => {
      throw error
    },
  })
  return { store, events }
}

async function connect(user?: string): Promise<pg.Client> {
  const client = await server.connect(user)
  onTestFinished(() => client.end())
  return client
}

const datasOf = (events: readonly StoredEvent[]) => events.map(({ data }) => data)

describe('publish() in a transaction', () => {
  test('brings each event to every node once the transaction is committed, and never otherwise', async () => {
    const { schema, tails } = await setUp(3)
    const client = await connect()
    await client.query('BEGIN')
    await client.query(
      `SELECT ${schema}.publish(topic => 'orders/7', data => jsonb_build_object('paid', true), type => 'paid', private => true,
        id => 'order 7', retry => 5000, alternates => ARRAY['orders', 'a "quoted" \\ one'])`,
    )
    await client.query('SAVEPOINT half')
    await client.query(`SELECT ${schema}.publish('orders/7', 'rolled back to the savepoint')`)
    await client.query('ROLLBACK TO half')
    await client.query(`SELECT ${schema}.publish('orders/7', 'second')`)
    const other = await connect()
    await other.query('BEGIN')
    await other.query(`SELECT ${schema}.publish('orders/7', 'rolled back')`)
    await other.query('ROLLBACK')
    await other.query(`SELECT ${schema}.publish('orders/7', to_json('of its own'::text))`)
    for (const { events } of tails) await expect.poll(() => datasOf(events)).toEqual(['"of its own"'])
    await client.query('COMMIT')
    for (const { events } of tails) {
      await expect.poll(() => datasOf(events)).toEqual(['"of its own"', '{"paid": true}', 'second'])
      expect(events[1]).toMatchObject({
        topics: ['orders/7', 'orders', 'a "quoted" \\ one'],
        isPrivate: true,
        id: 'order 7',
        type: 'paid',
        retryMs: 5000,
      })
    }
    expect(tails[1]!.events).toEqual(tails[0]!.events)
    expect(tails[2]!.events).toEqual(tails[0]!.events)
  })

  test('keeps the order of each transaction, among many that overlap', async () => {
    const { schema, events } = await setUp()
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect()))
    await Promise.all(
      clients.map(async (client, publisher) => {
        for (let transaction = 0; transaction < 5; transaction++) {
          await client.query('BEGIN')
          for (let n = 0; n < 40; n++) {
            await client.query(`SELECT ${schema}.publish('t', $1::text)`, [`${publisher} ${transaction} ${n}`])
          }
          await client.query('COMMIT')
        }
      }),
    )
    await expect.poll(() => events.length).toBe(8 * 5 * 40)
    for (let publisher = 0; publisher < 8; publisher++) {
      const own = datasOf(events).filter((data) => data.startsWith(`${publisher} `))
      expect(own).toEqual(Array.from({ length: 200 }, (_, n) => `${publisher} ${Math.floor(n / 40)} ${n % 40}`))
    }
  })

  test('of more rows than one step takes are all delivered', async () => {
    const { schema, events } = await setUp()
    await server.query(`SELECT ${schema}.publish('t', n::text) FROM generate_series(1, 2500) AS n`)
    await expect.poll(() => events.length).toBe(2500)
    expect(datasOf(events)).toEqual(Array.from({ length: 2500 }, (_, n) => `${n + 1}`))
  })

  test('that stays open holds nobody up, and is delivered when it commits', async () => {
    const { schema, events, store } = await setUp()
    const open = await connect()
    await open.query('BEGIN')
    await open.query(`SELECT ${schema}.publish('t', 'late')`)
    const client = await connect()
    for (let n = 0; n < 200; n++) {
      await client.query(`SELECT ${schema}.publish('t', 'x')`)
      if (n % 20 === 0)
        await store.append({
          topics: ['t'],
          data: 'x',
          isPrivate: false,
          id: undefined,
          type: undefined,
          retryMs: undefined,
        })
    }
    await expect.poll(() => events.length).toBe(210)
    await open.query('COMMIT')
    await expect.poll(() => datasOf(events).at(-1)).toBe('late')
    expect(events).toHaveLength(211)
    expect(await server.query(`SELECT FROM ${schema}.outbox`)).toEqual([])
  })

  test('is not lost if no hub runs, or if the elected one is gone', async () => {
    const schema = `sql_${++schemas}`
    await initializeEngine(server.url({ schema }))
    await server.query(`SELECT ${schema}.publish('t', 'before')`)
    const first = await openTail(schema)
    const second = await openTail(schema)
    await expect.poll(() => readDatas(second.store)).toEqual(['before'])
    await first.store.close()
    await server.query(`SELECT ${schema}.publish('t', 'after')`)
    await expect.poll(() => readDatas(second.store)).toEqual(['before', 'after'])
  })

  test('is delivered when the elected hub was stopped for as long as the URL says', async () => {
    const schema = `sql_${++schemas}`
    await initializeEngine(server.url({ schema }))
    const url = () => server.url({ schema, directory: temporaryDirectory(), takeover: '2' })
    const elected = await serveHub('--dev', '--store', url())
    const keepers = `SELECT granted FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND application_name = 'headwater keeper' AND query LIKE '%outbox%'`
    await expect.poll(() => server.query(keepers)).toHaveLength(1)
    const store = await openPostgresStore({ url: url(), onError: () => {} })
    onTestFinished(() => store.close())
    elected.child.kill('SIGSTOP')
    await server.query(`SELECT ${schema}.publish('t', 'x')`)
    await expect.poll(() => readDatas(store), { timeout: 30_000 }).toEqual(['x'])
    elected.child.kill('SIGCONT')
    await elected.said(/idle-session timeout|cannot help to keep the history/, 'stderr')
  })

  test.each([
    ["publish(NULL, 'x')", /topic is NULL/, /Name the topic/],
    ["publish('', 'x')", /topic '' is not valid/, /1 to 4096 bytes/],
    ["publish('*', 'x')", /topic '\*' is not valid/, /and not \*/],
    ["publish(E'a\\nb', 'x')", /is not valid/, /control characters/],
    ["publish('/.well-known/mercure/subscriptions/x', 'x')", /is reserved/, /hub itself/],
    ["publish('t', NULL::text)", /data is NULL/, /Pass '' for empty data/],
    ["publish('t', 'x', type => E'a\\nb')", /type .* is not valid/s, /no control characters/],
    ["publish('t', 'x', type => 'headwater-gap')", /type 'headwater-gap' is not valid/, /does not begin with/],
    ["publish('t', 'x', id => E'a\\u0001')", /id .* is not valid/s, /Leave the id out/],
    ["publish('t', 'x', id => 'earliest')", /id 'earliest' is not valid/, /Leave the id out/],
    ["publish('t', 'x', retry => -1)", /retry -1 is not valid/, /milliseconds/],
    ["publish('t', 'x', alternates => ARRAY['ok', ''])", /topic '' is not valid/, /1 to 4096/],
  ])('refuses %s with advice', async (call, message, hint) => {
    const schema = 'sql_refusals'
    await initializeEngine(server.url({ schema }))
    const client = await connect()
    await expect(client.query(`SELECT ${schema}.${call}`)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
    expect(await server.query(`SELECT FROM ${schema}.outbox`)).toEqual([])
  })
})

describe('rights in the database', () => {
  test('let a role publish on the topics it was given, and see nothing', async () => {
    const { schema, events } = await setUp()
    await server.query(
      'CREATE ROLE shop LOGIN; CREATE ROLE clerk LOGIN; GRANT shop TO clerk; CREATE ROLE stranger LOGIN',
    )
    await server.query(`SELECT ${schema}.allow_publish('shop', 'orders/*'), ${schema}.allow_publish('shop', 'news')`)
    const shop = await connect('shop')
    for (const topic of ['orders/1', 'orders/', 'news'])
      await shop.query(`SELECT ${schema}.publish($1, 'by shop')`, [topic])
    for (const topic of ['orders', 'news/1', 'other']) {
      await expect(shop.query(`SELECT ${schema}.publish($1, 'x')`, [topic])).rejects.toMatchObject({
        code: '42501',
        message: `role shop may not publish on topic '${topic}'`,
      })
    }
    await expect(
      shop.query(`SELECT ${schema}.publish('news', 'x', alternates => ARRAY['other'])`),
    ).rejects.toMatchObject({
      code: '42501',
    })
    await expect(shop.query(`SELECT FROM ${schema}.event`)).rejects.toMatchObject({ code: '42501' })
    await expect(shop.query(`SELECT ${schema}.allow_publish('shop', '*')`)).rejects.toMatchObject({ code: '42501' })
    const clerk = await connect('clerk')
    await clerk.query(`SELECT ${schema}.publish('news', 'by clerk')`)
    // As an application that takes the role of its user.
    const application = await connect()
    await application.query('SET ROLE shop')
    await application.query(`SELECT ${schema}.publish('news', 'as shop')`)
    await expect(application.query(`SELECT ${schema}.publish('other', 'x')`)).rejects.toMatchObject({ code: '42501' })
    const stranger = await connect('stranger')
    await expect(stranger.query(`SELECT ${schema}.publish('news', 'x')`)).rejects.toMatchObject({ code: '42501' })
    await expect.poll(() => datasOf(events)).toEqual(['by shop', 'by shop', 'by shop', 'by clerk', 'as shop'])
  })

  test('of a hub are granted by init, and what is missing is named by check', async () => {
    const schema = `sql_${++schemas}`
    await server.query('CREATE ROLE hub LOGIN')
    const owner = server.url({ schema })
    const url = owner.replace('headwater@', 'hub@')
    const bad = async () => (await examineEngine(url)).filter(({ verdict }) => verdict === 'bad')
    expect(await bad()).toEqual([
      { verdict: 'bad', about: 'schema', text: expect.stringContaining('headwater store init') },
    ])
    await expect(initializeEngine(url)).rejects.toMatchObject({ message: expect.stringContaining('permission denied') })
    expect(await initializeEngine(owner)).toMatchObject({ isNew: true })
    expect(await bad()).toEqual([
      { verdict: 'bad', about: 'rights', text: expect.stringMatching(/^hub lacks USAGE on schema .*--grant hub$/) },
    ])
    await server.query(`GRANT USAGE ON SCHEMA ${schema} TO hub; GRANT SELECT ON ${schema}.event TO hub`)
    expect(await bad()).toEqual([
      { verdict: 'bad', about: 'rights', text: expect.stringContaining(`INSERT on ${schema}.event, DELETE on`) },
    ])
    await server.query(`REVOKE ALL ON SCHEMA ${schema} FROM hub`)
    await expect(openPostgresStore({ url: `${url}&directory=${temporaryDirectory()}` })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/permission denied for schema .* headwater store check$/),
    })
    expect(await initializeEngine(owner, 'hub')).toMatchObject({ isNew: false })
    expect(await bad()).toEqual([])
    const store = await openPostgresStore({ url: `${url}&directory=${temporaryDirectory()}` })
    onTestFinished(() => store.close())
    await server.query(`SELECT ${schema}.publish('t', 'x')`)
    const record = { topics: ['t'], isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
    await store.append({ ...record, data: 'y' })
    await expect.poll(async () => (await store.bounds()).count).toBe(2)
    await store.trim()
  })
})
