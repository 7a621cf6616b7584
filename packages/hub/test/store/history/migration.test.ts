import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { migrate, migrations } from '../../../src/store/history/schema.ts'
import { examineDataDirectory } from '../../../src/store/sqlite/examine.ts'
import type { Bounds, EventStore, HistoryPosition, StoredEvent } from '../../../src/store/store.ts'
import { typescript } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, openStore } from '../temporary-store.ts'

interface Fixture {
  readonly epoch: string
  readonly bounds: Bounds
  readonly events: readonly StoredEvent[]
  readonly lost: readonly unknown[]
  readonly keys: Readonly<Record<string, HistoryPosition>>
  readonly ids: Readonly<Record<string, HistoryPosition>>
}

const storedAt = 1_764_500_000_000

/** Made, and read, by the last version with each schema (commits 9e15cef, 3d74964 and 55d9b19), whose clock said {@link storedAt}. */
describe.each([1, 2, 3])('a directory with schema %i', (version) => {
  const says = saysOf(version)

  test('opens, and all that was in it is there', async () => {
    const store = await openStore(directoryOf(version), { now: () => storedAt })
    await checkAll(store, says)
    // It goes on where it was, and keeps count.
    const next = await store.append(event('next'))
    expect(next.position).toBe(says.bounds.head.position + 1)
    expect((await store.bounds()).count).toBe(says.events.length + 1)
  })

  test.skipIf(version > 2)('has checksums for what is new, and serves what is older without', async () => {
    const directory = directoryOf(version)
    const store = await openStore(directory, { now: () => storedAt })
    await store.append(event('next'))
    await store.close()
    const database = new DatabaseSync(join(directory, 'headwater.db'), { readOnly: true })
    onTestFinished(() => database.close())
    const checked = database.prepare('SELECT position FROM event WHERE checksum IS NOT NULL').all()
    expect(checked).toEqual([{ position: says.bounds.head.position + 1 }])
    const findings = [...examineDataDirectory(directory)]
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
    expect(findings.find(({ about }) => about === 'events')?.text).toContain('6 of them have no checksum')
  })

  test('is read as it is by whoever looks at it', () => {
    const findings = [...examineDataDirectory(directoryOf(version))]
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
    const text = findings.map(({ text }) => text).join('\n')
    expect(text).toContain(`version ${version}; a hub migrates it to ${migrations.length} when it starts`)
    expect(text).toMatch(/6 events on \d topics, from position 4/)
  })

  test('is trimmed on from what it had counted', async () => {
    const store = await openStore(directoryOf(version), { maxEvents: 3, now: () => storedAt })
    await store.trim()
    expect(await store.bounds()).toMatchObject({ earliest: { position: 7 }, trimmed: { position: 6 }, count: 3 })
  })

  test('has the same tables as a new one once it is migrated', () => {
    const schemaOf = (database: DatabaseSync) =>
      database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
    const old = new DatabaseSync(join(directoryOf(version), 'headwater.db'))
    onTestFinished(() => old.close())
    migrate(old, version)
    const fresh = new DatabaseSync(':memory:')
    onTestFinished(() => fresh.close())
    migrate(fresh, 0)
    expect(schemaOf(old)).toEqual(schemaOf(fresh))
    expect(old.prepare('PRAGMA user_version').get()?.user_version).toBe(migrations.length)
    expect(old.prepare('SELECT max(total_events) AS newest FROM event').get()?.newest).toBe(9)
  })
})

test('a hub that is killed while it migrates leaves schema 1, from which the next one migrates', async () => {
  const directory = directoryOf(1)
  const path = join(directory, 'headwater.db')
  const child = spawn(process.execPath, [...typescript(new URL('killed-migration.ts', import.meta.url)), path], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  const database = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => database.close())
  expect(database.prepare('PRAGMA user_version').get()?.user_version).toBe(1)
  expect(database.prepare('SELECT * FROM event LIMIT 1').get()).not.toHaveProperty('holes')
  await checkAll(await openStore(directory, { now: () => storedAt }), saysOf(1))
})

function filesOf(version: number): string {
  return fileURLToPath(new URL(`version-${version}`, import.meta.url))
}

/** What that version gave, and the time of each event, which was in the file but which it gave to nobody. */
function saysOf(version: number): Fixture {
  const says = JSON.parse(readFileSync(join(filesOf(version), 'says.json'), 'utf8')) as Fixture
  return { ...says, events: says.events.map((each) => ({ ...each, storedAt })) }
}

function directoryOf(version: number): string {
  const directory = join(temporaryDirectory(), 'data')
  mkdirSync(directory)
  copyFileSync(join(filesOf(version), 'headwater.db'), join(directory, 'headwater.db'))
  return directory
}

async function checkAll(store: EventStore, says: Fixture): Promise<void> {
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
