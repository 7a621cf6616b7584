import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { examineEngine, initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event } from '../temporary-store.ts'
import { PostgresServer } from './postgres-server.ts'

/** Made by `schemaSql('version_one')` of the last Headwater with version 1 (commit 793da64). */
const tablesOfVersion1 = readFileSync(new URL('version-1.sql', import.meta.url), 'utf8')
const traceContext = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=b'

async function startServer(): Promise<PostgresServer> {
  const server = await PostgresServer.start()
  onTestFinished(() => server.dispose())
  return server
}

test('tables of version 1 are brought up to date by store init, with their events and the rights of roles', async () => {
  const server = await startServer()
  await server.query(`BEGIN; ${tablesOfVersion1} COMMIT`)
  await server.query('CREATE ROLE hub LOGIN')
  const url = server.url({ schema: 'version_one', directory: temporaryDirectory() })
  await server.query(`
    GRANT EXECUTE ON FUNCTION version_one.append_batch TO hub;
    SELECT version_one.publish('a', 'before');
    SELECT * FROM version_one.sequence_outbox(NULL, 10);
  `)
  await expect(openPostgresStore({ url, onError: () => {} })).rejects.toThrow('headwater store init')

  expect(await initializeEngine(url)).toMatchObject({ isNew: false })
  await initializeEngine(url)
  const findings = await examineEngine(url)
  expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
  const mayAppend = await server.query(
    "SELECT has_function_privilege('hub', oid, 'EXECUTE') AS may FROM pg_proc WHERE proname = 'append_batch'",
  )
  expect(mayAppend).toEqual([{ may: true }])

  const store = await openPostgresStore({ url, onError: () => {} })
  onTestFinished(() => store.close())
  await store.append({ ...event('after'), traceContext })
  const read = async () => {
    const { head } = await store.bounds()
    const query = { after: 0, through: head.position, topics: undefined, maxEvents: 10, maxBytes: 1e6 }
    return (await store.read(query)).events.map((each) => [each.data, each.traceContext])
  }
  await expect.poll(read).toEqual([
    ['before', undefined],
    ['after', traceContext],
  ])
})

test('has the same columns as new tables, in the same order, and the same functions', async () => {
  const server = await startServer()
  await server.query(`BEGIN; ${tablesOfVersion1} COMMIT`)
  await initializeEngine(server.url({ schema: 'version_one' }))
  await initializeEngine(server.url({ schema: 'version_two' }))
  const madeOf = async (schema: string) => ({
    columns: await server.query(
      `SELECT table_name, column_name, data_type, ordinal_position, column_default FROM information_schema.columns
      WHERE table_schema = '${schema}' ORDER BY table_name, ordinal_position`,
    ),
    functions: await server.query(
      `SELECT p.proname, replace(pg_get_functiondef(p.oid), '${schema}', '') AS definition, p.proacl IS NULL AS is_public
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = '${schema}' ORDER BY 1, 2`,
    ),
  })
  expect(await madeOf('version_one')).toEqual(await madeOf('version_two'))
})
