import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { schemaSql } from '../../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { describeStore } from '../store-suite.ts'
import { PostgresServer } from './postgres-server.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
})
afterAll(() => server?.dispose())

const urls = new Map<EventStore, string>()
const made: string[] = []
let count = 0
describeStore('PostgreSQL', {
  sequences: 10,
  keepsElsewhere: true,
  open: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-node-'))
    made.push(directory)
    const schema = `suite_${++count}`
    await server.query(schemaSql(schema))
    const url = server.url({ schema, directory })
    const store = await openPostgresStore({ ...options, url })
    urls.set(store, url)
    return store
  },
  reopen: async (closed, options) => {
    const url = urls.get(closed)!
    const store = await openPostgresStore({ ...options, url })
    urls.set(store, url)
    return store
  },
  dispose: async () => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true })
  },
})
