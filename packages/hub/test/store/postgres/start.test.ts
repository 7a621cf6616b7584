import { expect, onTestFinished, test } from 'vitest'
import type { HubError } from '../../../src/base/errors.ts'
import { initializeEngine } from '../../../src/store/postgres/administer.ts'
import { schemaSql } from '../../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, readDatas } from '../temporary-store.ts'
import { PostgresServer } from './postgres-server.ts'

interface Node {
  readonly store: EventStore
  readonly errors: readonly HubError[]
  readonly cautions: readonly string[]
}

async function startServer(): Promise<PostgresServer> {
  const server = await PostgresServer.start()
  onTestFinished(() => server.dispose())
  await initializeEngine(server.url())
  return server
}

async function openNode(server: PostgresServer, directory: string, wait = '1'): Promise<Node> {
  const errors: HubError[] = []
  const cautions: string[] = []
  const store = await openPostgresStore({
    url: server.url({ directory, wait }),
    onError: (error) => errors.push(error),
    onCaution: (caution) => cautions.push(caution),
  })
  onTestFinished(() => store.close())
  return { store, errors, cautions }
}

test('a node whose engine is away starts with its copy, and catches up when that is back', async () => {
  const server = await startServer()
  const directory = temporaryDirectory()
  const first = await openNode(server, directory)
  const other = await openNode(server, temporaryDirectory())
  await first.store.append(event('1'))
  await first.store.close()
  await other.store.append(event('2'))
  await other.store.close()
  await server.down()

  const { store, errors, cautions } = await openNode(server, directory)
  expect(errors[0]!.message).toMatch(/ECONNREFUSED.* Until it answers, this hub serves its copy\.$/)
  expect(cautions).toEqual([])
  expect(await readDatas(store)).toEqual(['1'])
  expect(await store.upstream!()).toMatchObject({ isConnected: false, behind: undefined })
  await store.check!()
  await expect(store.append(event('x'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await expect(store.inspect(2)).rejects.toMatchObject({ code: 'STORE_FAILED' })

  await server.up()
  await expect.poll(() => store.upstream!(), { timeout: 10_000 }).toMatchObject({ isConnected: true, behind: 0 })
  await expect.poll(() => readDatas(store)).toEqual(['1', '2'])
  await store.append(event('3'))
  await expect.poll(() => readDatas(store)).toEqual(['1', '2', '3'])
  expect(cautions).toEqual([expect.stringContaining('no standby confirms a commit')])
})

test('a node without a copy waits for its engine, and then says that it is away', async () => {
  const server = await startServer()
  await server.down()
  const directory = temporaryDirectory()
  await expect(openNode(server, directory)).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringContaining('ECONNREFUSED'),
  })
  const opening = openNode(server, directory, '60')
  await server.up()
  await (await opening).store.append(event('x'))
})

test('an engine that is there and cannot be used stays an error at the start, with or without a copy', async () => {
  const server = await startServer()
  const directory = temporaryDirectory()
  await (await openNode(server, directory, '60')).store.close()
  await server.query('DROP SCHEMA headwater CASCADE')
  await expect(openNode(server, directory, '60')).rejects.toMatchObject({ message: /has no tables of Headwater/ })
  await expect(
    openPostgresStore({ url: server.url({ directory, wait: '60' }).replace('/postgres?', '/nowhere?') }),
  ).rejects.toMatchObject({ message: /database "nowhere" does not exist/ })
})

test('an engine that comes back with other tables: the node is not ready, and goes on reading', async () => {
  const server = await startServer()
  const directory = temporaryDirectory()
  const first = await openNode(server, directory)
  await first.store.append(event('old'))
  await first.store.close()
  await server.query('DROP SCHEMA headwater CASCADE')
  await server.query(schemaSql('headwater'))
  await server.down()
  const { store } = await openNode(server, directory)
  await store.check!()
  await server.up()
  await expect
    .poll(() => store.check!().catch((error: HubError) => error.code), { timeout: 10_000 })
    .toBe('STORE_DIVERGED')
  expect(await readDatas(store)).toEqual(['old'])
})
