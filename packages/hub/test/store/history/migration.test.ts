import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { migrate, migrations } from '../../../src/store/history/schema.ts'
import { examineDataDirectory } from '../../../src/store/sqlite/examine.ts'
import type { Bounds, EventStore, HistoryPosition, StoredEvent } from '../../../src/store/store.ts'
import { typescript } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, openStore } from '../temporary-store.ts'

/** Made, and read, by the last version with schema 1 (commit 9e15cef), whose clock said {@link storedAt}. */
const files = fileURLToPath(new URL('version-1', import.meta.url))
const says = JSON.parse(readFileSync(join(files, 'says.json'), 'utf8')) as {
  readonly epoch: string
  readonly bounds: Bounds
  readonly events: readonly StoredEvent[]
  readonly lost: readonly unknown[]
  readonly keys: Readonly<Record<string, HistoryPosition>>
  readonly ids: Readonly<Record<string, HistoryPosition>>
}
const storedAt = 1_764_500_000_000

test('a directory with schema 1 opens, and all that was in it is there', async () => {
  const store = await openStore(directoryOfVersion1(), { now: () => storedAt })
  await checkAll(store)
  // It goes on where it was, and keeps count.
  const next = await store.append(event('next'))
  expect(next.position).toBe(says.bounds.head.position + 1)
  expect((await store.bounds()).count).toBe(says.events.length + 1)
})

test('a directory with schema 1 is read as it is by whoever looks at it', () => {
  const findings = [...examineDataDirectory(directoryOfVersion1())]
  expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
  expect(findings.map(({ text }) => text).join('\n')).toContain('version 1; a hub migrates it to 2 when it starts')
  expect(findings.map(({ text }) => text).join('\n')).toContain('6 events on 4 topics, from position 4')
})

test('retention counts on from what schema 1 counted', async () => {
  const store = await openStore(directoryOfVersion1(), { maxEvents: 3, now: () => storedAt })
  await store.trim()
  expect(await store.bounds()).toMatchObject({ earliest: { position: 7 }, trimmed: { position: 6 }, count: 3 })
})

test('a hub that is killed while it migrates leaves schema 1, from which the next one migrates', async () => {
  const directory = directoryOfVersion1()
  const path = join(directory, 'headwater.db')
  const child = spawn(process.execPath, [...typescript(new URL('killed-migration.ts', import.meta.url)), path], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  const database = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => database.close())
  expect(database.prepare('PRAGMA user_version').get()?.user_version).toBe(1)
  expect(database.prepare('SELECT * FROM event LIMIT 1').get()).not.toHaveProperty('holes')
  await checkAll(await openStore(directory, { now: () => storedAt }))
})

test('a new database has the same tables as one that was migrated', () => {
  const schemaOf = (database: DatabaseSync) =>
    database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
  const old = new DatabaseSync(join(directoryOfVersion1(), 'headwater.db'))
  onTestFinished(() => old.close())
  migrate(old, 1)
  const fresh = new DatabaseSync(':memory:')
  onTestFinished(() => fresh.close())
  migrate(fresh, 0)
  expect(schemaOf(old)).toEqual(schemaOf(fresh))
  expect(old.prepare('PRAGMA user_version').get()?.user_version).toBe(migrations.length)
  expect(old.prepare('SELECT max(total_events) AS newest FROM event').get()?.newest).toBe(9)
})

function directoryOfVersion1(): string {
  const directory = join(temporaryDirectory(), 'data')
  mkdirSync(directory)
  copyFileSync(join(files, 'headwater.db'), join(directory, 'headwater.db'))
  return directory
}

async function checkAll(store: EventStore): Promise<void> {
  expect(store.epoch).toBe(says.epoch)
  const bounds = { ...says.bounds, count: says.events.length }
  expect(await store.bounds()).toEqual(bounds)
  const through = says.bounds.head.position
  const read = (topics?: ReadonlySet<string>) =>
    store.read({ after: 0, through, topics, maxEvents: 100, maxBytes: Infinity })
  expect(await read()).toEqual({ events: says.events, through, lost: says.lost, bounds })
  const topics = new Set(says.events.flatMap(({ topics }) => topics))
  for (const topic of topics) {
    const { events } = await read(new Set([topic]))
    expect(events).toEqual(says.events.filter(({ topics }) => topics.includes(topic)))
  }
  for (const { position, tag } of says.events) expect(await store.inspect(position)).toEqual({ name: 'kept', tag })
  for (const [id, mark] of Object.entries(says.ids)) expect(await store.find(id)).toEqual(mark)
  for (const [idempotencyKey, mark] of Object.entries(says.keys)) {
    expect(await store.append(event('not stored'), { idempotencyKey })).toEqual(mark)
  }
  expect(await store.bounds()).toEqual(bounds)
}
