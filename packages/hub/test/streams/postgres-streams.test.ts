import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createHub, type StreamEvent } from '../../src/index.ts'
import { schemaSql } from '../../src/store/postgres/schema.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { typescript } from '../from-source.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'
import { type Script, tokenOf } from './kill/script.ts'
import { describeStreams } from './stream-suite.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
})
afterAll(() => server?.dispose())

const directories: string[] = []
let schemas = 0

/** Where a node with a copy of its own is. */
function nodeUrl() {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-node-'))
  directories.push(directory)
  return server.url({ schema: `streams_${schemas}`, directory })
}

function removeDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
}

const openNode = () => openPostgresStore({ url: nodeUrl() })

describeStreams('PostgreSQL', {
  async open() {
    await server.query(schemaSql(`streams_${++schemas}`))
    return await openNode()
  },
  beside: openNode,
  reopen: openNode,
  dispose: async () => removeDirectories(),
})

test('a stream whose hub is killed is taken over by another hub, or ends there, and its readers have it all', async () => {
  await server.query(schemaSql(`streams_${++schemas}`))
  const script: Script = { seed: 1, tokens: 1000, maxPauseMs: 40 }
  const names = ['taken', 'lost']
  const given = { script, names, directory: '', port: 0, postgres: nodeUrl() }
  const file = new URL('kill/hub-process.ts', import.meta.url)
  const child = spawn(process.execPath, [...typescript(file), JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged = new Map<string, number>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, name, count] = line.split(' ')
    if (word === 'ack') acknowledged.set(name!, Number(count))
  })
  const store = await openNode()
  const hub = await createHub({ store, authorize: () => ({}) })
  try {
    await vi.waitFor(() => expect(acknowledged.size).toBe(2), 60_000)
    const readings = names.map(async (name) => {
      const events: StreamEvent[] = []
      for await (const event of hub.stream(name).read()) events.push(event)
      return events
    })
    await vi.waitFor(() => expect(Math.min(...acknowledged.values())).toBeGreaterThan(20), 60_000)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    const stream = hub.stream('taken')
    const { events } = await stream.takeOver()
    expect(events.length).toBeGreaterThanOrEqual(acknowledged.get('taken')!)
    await stream.write(tokenOf('taken', events.length))
    await stream.close()
    const [taken, lost] = await Promise.all(readings)
    expect(taken!.map(({ data }) => data)).toEqual(
      Array.from({ length: events.length + 1 }, (_, n) => tokenOf('taken', n)),
    )
    expect(lost!.at(-1)).toMatchObject({ type: 'headwater-ended', data: expect.stringContaining('lost') })
    const words = lost!.slice(0, -1).map(({ data }) => data)
    expect(words).toEqual(words.map((_, n) => tokenOf('lost', n)))
    expect(words.length).toBeGreaterThanOrEqual(acknowledged.get('lost')!)
  } finally {
    child.kill('SIGKILL')
    await hub.close()
    await store.close()
    removeDirectories()
  }
})
