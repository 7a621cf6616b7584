import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { schemaSql } from '../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'
import { describeStreams } from './stream-suite.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
})
afterAll(() => server?.dispose())

const directories: string[] = []
let schemas = 0

/** A node with a copy of its own. */
function openNode() {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-node-'))
  directories.push(directory)
  return openPostgresStore({ url: server.url({ schema: `streams_${schemas}`, directory }) })
}

describeStreams('PostgreSQL', {
  async open() {
    await server.query(schemaSql(`streams_${++schemas}`))
    return await openNode()
  },
  beside: openNode,
  reopen: openNode,
  async dispose() {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
  },
})
