import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { examineDataDirectory } from '../../src/store/sqlite/examine.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { headwater, startHub } from './running.ts'

let directory: string

beforeEach(() => {
  directory = temporaryDirectory()
})

interface Findings {
  readonly code: number | string | null
  readonly of: Readonly<Record<string, { verdict: string; text: string }>>
}

async function examine(): Promise<Findings> {
  const doctor = headwater('doctor', '--store', `file:${directory}`, '--json')
  const code = await doctor.ended()
  expect(doctor.stderr).toBe('')
  const lines = doctor.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { about: string; verdict: string; text: string })
  return { code, of: Object.fromEntries(lines.map((line) => [line.about, line])) }
}

async function makeHistory(events: number, maxEvents = 1e6): Promise<void> {
  const store = await openSqliteStore({ directory, maxEvents })
  const rest = { isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
  for (let n = 0; n < events; n++) await store.append({ topics: [`topic ${n % 3}`], data: `event ${n}`, ...rest })
  await store.trim()
  await store.close()
}

describe('headwater doctor', () => {
  test('tells what is in a history that is whole, and exits 0', async () => {
    await makeHistory(20, 10)
    const { code, of } = await examine()
    expect(code).toBe(0)
    expect(Object.keys(of)).toEqual(['directory', 'use', 'space', 'schema', 'history', 'end', 'events', 'integrity'])
    expect(of.use).toMatchObject({ verdict: 'good', text: 'no hub uses it, and the last one closed it.' })
    expect(of.history!.text).toMatch(
      /^epoch \w+, 10 events on 3 topics, from position 11 \(20.*Z\) to 20 \(20.*Z\), 10 trimmed\.$/,
    )
    expect(of.end).toMatchObject({
      verdict: 'good',
      text: 'The history goes to position 20, the last one that was acknowledged.',
    })
    expect(of.events).toMatchObject({ verdict: 'good', text: 'all events are as they were stored.' })
    expect(of.integrity).toMatchObject({ verdict: 'good', text: 'no damage was found.' })
  })

  test('finds an event whose data is not what was stored, and exits 1', async () => {
    await makeHistory(20)
    const path = join(directory, 'headwater.db')
    const bytes = readFileSync(path)
    bytes[bytes.indexOf('event 12') + 6]! ^= 1
    writeFileSync(path, bytes)
    const { code, of } = await examine()
    expect(code).toBe(1)
    expect(of.events).toMatchObject({
      verdict: 'bad',
      text: expect.stringMatching(/^1 events are not as they were stored, at position 13\. A hub serves the rest/),
    })
    // SQLite itself sees nothing.
    expect(of.integrity).toMatchObject({ verdict: 'good' })
  })

  test('finds a topic that the index does not have, and an end that is missing', async () => {
    await makeHistory(20)
    const database = new DatabaseSync(join(directory, 'headwater.db'))
    database.exec('DELETE FROM event_topic WHERE position = 5; DELETE FROM event WHERE position > 18')
    database.close()
    const { code, of } = await examine()
    expect(code).toBe(1)
    expect(of.events).toMatchObject({
      verdict: 'bad',
      text: expect.stringContaining('1 events are missing in the index'),
    })
    expect(of.end).toMatchObject({
      verdict: 'bad',
      text: expect.stringMatching(/^2 acknowledged events are missing, from position 19 to 20/),
    })
  })

  test('looks at the history of a running hub, which goes on', async () => {
    const hub = await startHub('--store', `file:${directory}`)
    const publish = () =>
      fetch(`${hub.url}/.well-known/mercure`, { method: 'POST', body: new URLSearchParams({ topic: 'a', data: 'x' }) })
    expect((await publish()).status).toBe(200)
    const { code, of } = await examine()
    expect(code).toBe(0)
    expect(of.use!.text).toMatch(new RegExp(`^in use by process ${hub.child.pid} on host "${hostname()}", since 20`))
    expect(of.history!.text).toContain('1 events on 1 topics')
    expect((await publish()).status).toBe(200)
    expect((await fetch(`${hub.url}/readyz`)).status).toBe(200)
  })

  test('says that a hub was killed', async () => {
    const hub = await startHub('--store', `file:${directory}`)
    hub.child.kill('SIGKILL')
    await hub.ended()
    const { code, of } = await examine()
    expect(code).toBe(0)
    expect(of.use).toMatchObject({ verdict: 'worth a look' })
    expect(of.use!.text).toContain(`did not close it (process ${hub.child.pid} on host`)
  })

  test('finds a damaged file, and exits 1', async () => {
    await makeHistory(2000)
    const path = join(directory, 'headwater.db')
    const bytes = readFileSync(path)
    bytes.fill(0x5a, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 8192)
    writeFileSync(path, bytes)
    const damaged = await examine()
    expect(damaged.code).toBe(1)
    expect(damaged.of.integrity).toMatchObject({ verdict: 'bad', text: expect.stringContaining('damaged') })
    truncateSync(path, Math.floor(statSync(path).size / 3))
    expect((await examine()).code).toBe(1)
  })

  test('takes a history that is trimmed while it looks as it was when it began', async () => {
    await makeHistory(5)
    const hub = new DatabaseSync(join(directory, 'headwater.db'))
    onTestFinished(() => hub.close())
    const { prepare } = DatabaseSync.prototype
    let trimmed = 0
    vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (this: DatabaseSync, sql) {
      // Between any two of its questions.
      if (/history|event/.test(sql)) {
        trimmed++
        hub.exec(
          `BEGIN; DELETE FROM event WHERE position = ${trimmed}; UPDATE history SET trimmed_position = ${trimmed}; COMMIT`,
        )
      }
      return prepare.call(this, sql)
    })
    const findings = [...examineDataDirectory(directory)]
    vi.restoreAllMocks()
    expect(trimmed).toBeGreaterThan(2)
    expect(findings.find(({ about }) => about === 'history')).toMatchObject({
      verdict: 'good',
      text: expect.stringMatching(/5 events on 3 topics, from position 1 \(20.*Z\) to 5 \(20.*Z\), 0 trimmed\.$/),
    })
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
  })

  test('finds events that somebody has deleted', async () => {
    await makeHistory(5)
    const database = new DatabaseSync(join(directory, 'headwater.db'))
    database.exec('DELETE FROM event WHERE position = 3')
    database.close()
    const { code, of } = await examine()
    expect(code).toBe(1)
    expect(of.history).toMatchObject({
      verdict: 'bad',
      text: expect.stringContaining('Some events in between are missing'),
    })
  })

  test('knows a database that is not ours, and one of a newer Headwater', async () => {
    const database = new DatabaseSync(join(directory, 'headwater.db'))
    database.exec('CREATE TABLE a (b)')
    database.close()
    expect((await examine()).of.schema).toMatchObject({ verdict: 'bad', text: expect.stringContaining('not one of') })
    rmSync(join(directory, 'headwater.db'))
    await makeHistory(1)
    const newer = new DatabaseSync(join(directory, 'headwater.db'))
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    expect((await examine()).of.schema).toMatchObject({ verdict: 'bad', text: expect.stringContaining('newer') })
  })

  test('says in words that there is nothing, and takes no other store', async () => {
    const nothing = headwater('doctor', '--store', `file:${join(directory, 'none')}`)
    expect(await nothing.ended()).toBe(1)
    expect(nothing.stdout).toBe(
      `BAD  directory: there is no ${join(directory, 'none')}. A hub makes one when it starts.\n`,
    )
    const memory = headwater('doctor', '--store', 'memory:')
    expect(await memory.ended()).toBe(2)
    expect(memory.stderr).toContain('--store memory: does not name a directory')
  })
})
