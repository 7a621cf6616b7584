import { expect, onTestFinished, test } from 'vitest'
import { initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event } from '../temporary-store.ts'
import { startRelay } from './cutting-relay.ts'
import { PostgresServer } from './postgres-server.ts'

test('a node says whether it hears of its engine, and how far it is behind', async () => {
  const server = await PostgresServer.start()
  onTestFinished(() => server.dispose())
  const relay = await startRelay(server.port)
  onTestFinished(() => relay.close())
  await initializeEngine(server.url())
  const url = server.url({ directory: temporaryDirectory() }).replace(`:${server.port}`, `:${relay.port}`)
  const store = await openPostgresStore({ url, onError: () => {} })
  onTestFinished(() => store.close())
  await store.append(event('x'))
  await expect.poll(() => store.upstream!()).toMatchObject({ isConnected: true, behind: 0 })
  await server.down()
  await expect.poll(() => store.upstream!()).toMatchObject({ isConnected: false })
  await server.up()
  await expect.poll(() => store.upstream!()).toMatchObject({ isConnected: true, behind: 0 })
})
