import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { migrate, migrations } from '../../../src/store/history/schema.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { typescript } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, openStore, readDatas, temporaryDisk } from '../temporary-store.ts'

describe('the data directory', () => {
  test('is made, with all above it, for its owner alone', async () => {
    const directory = join(temporaryDirectory(), 'not', 'there')
    await openStore(directory)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  test('has files for its owner alone, in a directory that was there, whatever they were before', async () => {
    const directory = temporaryDirectory()
    chmodSync(directory, 0o755)
    const store = await openStore(directory)
    await store.append(event('private'))
    const exposed = () => readdirSync(directory).filter((name) => statSync(join(directory, name)).mode & 0o077)
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining(['headwater.db', 'headwater.db-wal', 'headwater.pid']),
    )
    expect(exposed()).toEqual([])
    await store.close()
    // As a restored backup is.
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o644)
    const again = await openStore(directory)
    await again.append(event('private too'))
    expect(exposed()).toEqual([])
  })

  test.each([{ removed: ['headwater.lock'] }, { removed: ['headwater.lock', 'headwater.pid'] }])(
    'is refused to another process although somebody removed $removed',
    async ({ removed }) => {
      const directory = temporaryDirectory()
      const store = await openStore(directory)
      for (const name of removed) rmSync(join(directory, name))
      // Without the second one, the store notices when it writes.
      if (removed.length > 1) await store.append(event('locks again'))
      const child = spawnHolder(directory)
      let stderr = ''
      child.stderr!.on('data', (text) => {
        stderr += text
      })
      expect(await once(child, 'close')).toEqual([1, null])
      expect(stderr).toContain('STORE_LOCKED')
      expect(stderr).toContain(`in use by process ${process.pid}`)
      await store.append(event('goes on'))
    },
  )

  test('is left to another hub that has it, rather than written by two', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    await store.append(event('before'))
    rmSync(join(directory, 'headwater.lock'))
    const other = new DatabaseSync(join(directory, 'headwater.lock'))
    onTestFinished(() => other.close())
    other.exec('BEGIN EXCLUSIVE')
    await expect(store.append(event('not stored'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    other.exec('ROLLBACK')
    await store.append(event('after'))
    expect(await readDatas(store)).toEqual(['before', 'after'])
  })

  test('of a killed hub opens although somebody looks at it', async () => {
    const directory = temporaryDirectory()
    const holder = await holdInAnotherProcess(directory)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const reader = new DatabaseSync(join(directory, 'headwater.db'), { readOnly: true })
    onTestFinished(() => reader.close())
    expect(reader.prepare('SELECT data FROM event').all()).toHaveLength(1)
    expect(await readDatas(await openStore(directory))).toEqual(['from the other process'])
  })

  test('is refused to a second store in the same process, and free again after close', async () => {
    const directory = temporaryDirectory()
    const first = await openStore(directory)
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`in use by process ${process.pid} on host "${hostname()}"`),
    })
    await first.append(event('still works'))
    await first.close()
    const second = await openStore(directory)
    expect(await readDatas(second)).toEqual(['still works'])
  })

  test('is refused while another process has it, and free at once when that is killed', async () => {
    const directory = temporaryDirectory()
    const holder = await holdInAnotherProcess(directory)
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(
        new RegExp(
          `^The data directory ${directory} is in use by process ${holder.pid} on host .*since 20.*directory\\.$`,
        ),
      ),
    })
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const store = await openStore(directory)
    expect(await readDatas(store)).toEqual(['from the other process'])
  })

  test('tells who had it last if that ended without closing it, and nobody if it was closed', async () => {
    const directory = temporaryDirectory()
    const told: string[] = []
    const open = () => openSqliteStore({ directory, onUncleanStop: (holder) => told.push(holder) })
    await (await open()).close()
    await (await open()).close()
    expect(told).toEqual([])
    const holder = await holdInAnotherProcess(directory)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const store = await open()
    expect(told).toEqual([
      expect.stringMatching(new RegExp(`^process ${holder.pid} on host "${hostname()}", since 20`)),
    ])
    await store.close()
    await (await open()).close()
    expect(told).toHaveLength(1)
  })

  test('tells who had it last by the start of that process, too: in a container each may be number 1', async () => {
    const directory = temporaryDirectory()
    const told: string[] = []
    const openAfter = async (last: { pid: number; host: string; since: string }) => {
      writeFileSync(join(directory, 'headwater.pid'), JSON.stringify(last))
      await (await openSqliteStore({ directory, onUncleanStop: (holder) => told.push(holder) })).close()
      return told.splice(0)
    }
    const [pid, host] = [process.pid, hostname()]
    const before = new Date(Date.now() - process.uptime() * 1000 - 60_000).toISOString()
    expect(await openAfter({ pid, host, since: before })).toEqual([`process ${pid} on host "${host}", since ${before}`])
    const now = new Date().toISOString()
    expect(await openAfter({ pid, host: 'elsewhere', since: now })).toEqual([
      `process ${pid} on host "elsewhere", since ${now}`,
    ])
    // A thread of this very process that died.
    expect(await openAfter({ pid, host, since: now })).toEqual([])
  })

  test('may be locked by a process that has not said who it is', async () => {
    const directory = temporaryDirectory()
    const holder = new DatabaseSync(join(directory, 'headwater.lock'))
    onTestFinished(() => holder.close())
    holder.exec('BEGIN EXCLUSIVE')
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining('in use by another process (unknown which: '),
    })
  })

  test('can be read with SQLite while the store has it', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    await store.append(event('seen', { topics: ['a', 'b', 'c'], isPrivate: true }))
    const reader = new DatabaseSync(join(directory, 'headwater.db'), { readOnly: true })
    onTestFinished(() => reader.close())
    expect({ ...reader.prepare('SELECT topic, alternates, is_private, data FROM event').get() }).toEqual({
      topic: 'a',
      alternates: '["b","c"]',
      is_private: 1,
      data: 'seen',
    })
    const schema = reader.prepare("SELECT group_concat(sql, ';') AS text FROM sqlite_schema").get()
    expect(schema?.text).toContain('-- its place in the one sequence over all topics')
    await store.append(event('and more'))
    expect(reader.prepare('SELECT count(*) AS n FROM event').get()?.n).toBe(2)
  })

  test('is refused if something else is there: a file, another database, garbage', async () => {
    const parent = temporaryDirectory()
    const file = join(parent, 'file')
    writeFileSync(file, '')
    await expect(openSqliteStore({ directory: file })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(`The event store in ${file} cannot be opened: EEXIST`),
    })

    const foreign = join(parent, 'foreign')
    mkdirSync(foreign)
    const database = new DatabaseSync(join(foreign, 'headwater.db'))
    database.exec('CREATE TABLE guests (name TEXT)')
    database.close()
    const before = readFileSync(join(foreign, 'headwater.db'))
    await expect(openSqliteStore({ directory: foreign })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining("a database, but not one of Headwater's"),
    })
    expect(readFileSync(join(foreign, 'headwater.db'))).toEqual(before)

    const garbage = join(parent, 'garbage')
    mkdirSync(garbage)
    writeFileSync(join(garbage, 'headwater.db'), 'not a database, '.repeat(1000))
    await expect(openSqliteStore({ directory: garbage })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/are damaged .*restore a backup/),
    })
  })

  test('is refused if it cannot be written to', async ({ skip }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const directory = join(disk.path, 'data')
    const store = await openStore(directory)
    await store.append(event('x'))
    await store.close()
    disk.makeReadOnly()
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('EROFS: read-only file system'),
    })
  })
})

describe('the schema', () => {
  test('of a newer Headwater is refused with advice, and left as it is', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    await store.append(event('from the future'))
    await store.close()
    const file = join(directory, 'headwater.db')
    const database = new DatabaseSync(file)
    database.exec(`PRAGMA user_version = ${migrations.length + 1}`)
    database.close()
    const before = readFileSync(file)
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(
        new RegExp(
          `written by a newer Headwater: its schema is version ${migrations.length + 1}.*supports ${migrations.length}\\. Run the newer`,
        ),
      ),
    })
    expect(readFileSync(file)).toEqual(before)
  })

  test('of an older one is migrated step by step, keeping the events', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    await store.append(event('kept'))
    await store.close()
    const database = new DatabaseSync(join(directory, 'headwater.db'))
    onTestFinished(() => database.close())
    const steps = [...migrations, 'ALTER TABLE event ADD COLUMN mood TEXT', "UPDATE event SET mood = 'calm'"]
    migrate(database, migrations.length, steps)
    expect({ ...database.prepare('SELECT data, mood FROM event').get() }).toEqual({ data: 'kept', mood: 'calm' })
    expect(database.prepare('PRAGMA user_version').get()?.user_version).toBe(migrations.length + 2)
  })

  test('keeps its version if a step fails half way, so that the next start tries again', () => {
    const database = new DatabaseSync(':memory:')
    onTestFinished(() => database.close())
    expect(() => migrate(database, 0, ['CREATE TABLE a (b)', 'CREATE TABLE c (d); SELECT wrong'])).toThrow('wrong')
    expect(database.isTransaction).toBe(false)
    expect(database.prepare('PRAGMA user_version').get()?.user_version).toBe(0)
    expect(database.prepare('SELECT name FROM sqlite_schema').all()).toEqual([])
  })
})

/** A process that opens the store, appends an event, and stays until it is killed. */
async function holdInAnotherProcess(directory: string): Promise<ChildProcess> {
  const child = spawnHolder(directory)
  child.stderr!.pipe(process.stderr)
  await once(child.stdout!, 'data')
  return child
}

function spawnHolder(directory: string): ChildProcess {
  const child = spawn(process.execPath, [...typescript(new URL('sqlite-holder.ts', import.meta.url)), directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}
