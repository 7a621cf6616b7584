import { closeSync, copyFileSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { HubError } from '../../../src/base/errors.ts'
import { storeFailure, UncertainCommit } from '../../../src/store/history/failure.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { Bounds, HistoryPosition, StoredEvent } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, openStore, readDatas, temporaryDisk } from '../temporary-store.ts'

describe('on a full disk', () => {
  test('appends are rejected whole, what was stored before is served on, and nothing else is there at the next start', async ({
    skip,
  }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const directory = join(disk.path, 'data')
    const store = await openStore(directory, { onError: () => {} })
    const tail: string[] = []
    await store.follow(follower({ onAppend: (events) => tail.push(...events.map(({ data }) => data)) }))
    const stored: string[] = []
    const append = async (name: string) => {
      const data = name.padEnd(20_000, 'x')
      await store.append(event(data))
      stored.push(data)
    }
    const firstRefusal = async (name: string): Promise<HubError> => {
      for (let n = 0; ; n++) {
        const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, k) => append(`${name} ${n} ${k}`)))
        const refused = outcomes.find((outcome) => outcome.status === 'rejected')
        if (refused) return refused.reason
      }
    }

    const error = await firstRefusal('filling')
    expect(error).toMatchObject({ code: 'STORE_FAILED' })
    expect(error.message).toContain(
      'The event was not stored: the disk is full (database or disk is full). Free some space',
    )
    expect(stored.length).toBeGreaterThan(10)
    expect(await readDatas(store)).toEqual(stored)

    await store.close()
    const reopened = await openStore(directory, { onError: () => {} })
    expect(await readDatas(reopened)).toEqual(stored)
    expect(tail).toEqual(stored)
  })

  test('goes on by itself once somebody has made room', async ({ skip }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const directory = join(disk.path, 'data')
    const ballast = join(disk.path, 'ballast')
    const store = await openStore(directory, { onError: () => {} })
    await store.append(event('before'))
    fillUp(ballast)
    const large = event('x'.repeat(100_000))
    await expect(store.append(large)).rejects.toMatchObject({ message: expect.stringContaining('the disk is full') })
    await expect(store.append(large)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(await readDatas(store)).toEqual(['before'])
    rmSync(ballast)
    const { position } = await store.append(event('after'))
    expect(position).toBe(2)
    expect(await readDatas(store, ['a'])).toEqual(['before', 'after'])
  })

  test('a check says so, and stores nothing', async ({ skip }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const directory = join(disk.path, 'data')
    const ballast = join(disk.path, 'ballast')
    let clock = 1_700_000_000_000
    const store = await openStore(directory, { now: () => clock })
    await store.check!()
    fillUp(ballast)
    // A second passes: what was written before says no more than that. And so on until the log has no room left.
    const refusal = async () => {
      for (;;) {
        clock += 1000
        try {
          await store.check!()
        } catch (error) {
          return error
        }
      }
    }
    expect(await refusal()).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^No event can be stored: the disk is full/),
    })
    await expect(store.check!()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    rmSync(ballast)
    await store.check!()
    expect(await store.bounds()).toMatchObject({ head: { position: 0 } })
    await store.close()
    await expect(store.check!()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })

  test('of several events appended together none is stored if not all are', async ({ skip }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const directory = join(disk.path, 'data')
    const store = await openStore(directory)
    const together = (name: string) =>
      Array.from({ length: 5 }, (_, n) => ({ event: event(`${name}${n}`.padEnd(200_000, 'x')) }))
    const stored: string[] = []
    let error: HubError | undefined
    for (let n = 0; !error; n++) {
      const appends = together(String.fromCharCode(97 + n))
      try {
        await store.appendAll!(appends)
        stored.push(...appends.map(({ event }) => event.data))
      } catch (caught) {
        error = caught as HubError
      }
    }
    expect(error.message).toContain('the disk is full')
    expect(stored.length).toBeGreaterThan(0)
    expect(await readDatas(store)).toEqual(stored)
    await store.close()
    expect(await readDatas(await openStore(directory))).toEqual(stored)
  })

  test('trimming that finds no room is told to the operator, and done later', async ({ skip }) => {
    const disk = temporaryDisk(4)
    if (!disk) return skip('needs a disk of its own')
    const ballast = join(disk.path, 'ballast')
    const directory = join(disk.path, 'data')
    const filling = await openStore(directory)
    await Promise.all(Array.from({ length: 400 }, (_, n) => filling.append(event(`${n}`, { topics: [`topic ${n}`] }))))
    await filling.close()
    const store = await openStore(directory, { maxEvents: 10 })
    fillUp(ballast)
    await expect(store.trim()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('Old events cannot be trimmed: the disk is full'),
    })
    expect(await store.bounds()).toMatchObject({ earliest: { position: 1 }, trimmed: { position: 0 } })
    expect((await store.read({ after: 0, through: 1, topics: undefined, maxEvents: 1, maxBytes: 1 })).lost).toEqual([])
    rmSync(ballast)
    await store.trim()
    expect((await readDatas(store)).length).toBe(10)
    const { lost } = await store.read({ after: 0, through: 400, topics: undefined, maxEvents: 1, maxBytes: 1 })
    expect(lost.length).toBe(390)
  })
})

test('a commit that failed is reported in the words of what made it fail', () => {
  const cause = Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 })
  const commit = new UncertainCommit('The commit failed', { cause })
  const doing = 'Old events cannot be trimmed'
  expect(storeFailure(doing, commit, '/data')).toEqual(storeFailure(doing, cause, '/data'))
  expect(storeFailure(doing, commit, '/data').message).toMatch(/^Old events cannot be trimmed: the disk failed/)
})

describe('with damaged files', () => {
  test('a header that is none refuses to open', async () => {
    const directory = await directoryWith(['0', '1', '2'])
    damage(join(directory, 'headwater.db'), 0, 16)
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/are damaged .*move it away to begin a new history/),
    })
  })

  test('a damaged end of the history refuses to open', async () => {
    const directory = await directoryWith(['0', '1', 'the newest'])
    const file = join(directory, 'headwater.db')
    damage(file, Math.floor(readFileSync(file).indexOf('the newest') / 4096) * 4096, 4096)
    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/are damaged .*move it away to begin a new history/),
    })
  })

  test('a damaged page is told to whoever reads over it, and the rest is served', async () => {
    const datas = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(1000, 'x'))
    const directory = await directoryWith(datas)
    const file = join(directory, 'headwater.db')
    // The leaf with event 100 on it: its content is on one page only.
    const page = Math.floor(readFileSync(file).indexOf(`100${'x'.repeat(50)}`) / 4096)
    damage(file, page * 4096, 4096)

    const errors: HubError[] = []
    const store = await openStore(directory, { onError: (error) => errors.push(error) })
    const read = (after: number, through: number) =>
      store.read({ after, through, topics: undefined, maxEvents: 1000, maxBytes: Infinity })
    const before = await read(0, 200)
    expect(before.damaged).toBeUndefined()
    expect(before.through).toBeLessThanOrEqual(100)
    expect(before.events.map(({ data }) => data)).toEqual(datas.slice(0, before.through))
    const rest = await read(before.through, 200)
    const { position } = rest.damaged!
    expect(position - before.through).toBeLessThanOrEqual(4)
    expect(rest.events.map(({ data }) => data)).toEqual(datas.slice(position))
    expect(await store.inspect(100)).toEqual({ name: 'damaged' })
    expect(await store.append(event('on'))).toMatchObject({ position: 201 })
    expect((await read(200, 201)).events.map(({ data }) => data)).toEqual(['on'])
    expect(errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('are damaged: events up to'))
  })

  test.each(['event_topic', 'idempotency'])('an append that needs a damaged page of %s is rejected', async (table) => {
    const directory = await directoryWith(['0', '1'])
    const file = join(directory, 'headwater.db')
    const database = new DatabaseSync(file)
    const { rootpage } = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(table) as {
      rootpage: number
    }
    database.close()
    damage(file, (rootpage - 1) * 4096, 4096)
    const store = await openStore(directory, { onError: () => {} })
    await expect(store.append(event('x'), { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^The event was not stored: the files in .* are damaged/),
    })
    expect(await readDatas(store)).toEqual(['0', '1'])
    expect(await store.bounds()).toMatchObject({ head: { position: 2 } })
  })

  test('a log cut off at any byte leaves a beginning of the history, each event whole', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    for (let n = 0; n < 30; n++) await store.append(event(`${n}`, { topics: ['a', `b${n}`] }))
    // As it would be found after a crash: the store still has it open, and has not moved the log into the database.
    const [database, log] = ['headwater.db', 'headwater.db-wal'].map((name) => {
      const copy = join(temporaryDirectory(), name)
      copyFileSync(join(directory, name), copy)
      return readFileSync(copy)
    }) as [Buffer, Buffer]
    await store.close()

    const own = Array.from({ length: 30 }, (_, n) => `b${n}`)
    const counts: number[] = []
    for (let cut = 0; cut <= 12; cut++) {
      const directory = temporaryDirectory()
      writeFileSync(join(directory, 'headwater.db'), database)
      writeFileSync(join(directory, 'headwater.db-wal'), log.subarray(0, Math.floor((log.length * cut) / 12)))
      const survivor = await openStore(directory)
      const datas = await readDatas(survivor)
      expect(datas).toEqual(Array.from(datas, (_, n) => `${n}`))
      expect(await readDatas(survivor, ['a'])).toEqual(datas)
      expect(await readDatas(survivor, own)).toEqual(datas)
      expect((await survivor.append(event('next'))).position).toBe(datas.length + 1)
      await survivor.close()
      counts.push(datas.length)
    }
    expect(counts.at(-1)).toBe(30)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(new Set(counts).size).toBeGreaterThan(6)
  })
})

describe('when the files are changed from outside', () => {
  test.each([
    ['removed', (file: string) => rmSync(file)],
    ['moved', (file: string) => moveAway(file)],
    ['replaced', (file: string) => copyFileSync(moveAway(file), file)],
  ])('a database %s takes no more events, which would be lost', async (_how, change) => {
    const directory = await directoryWith(['0'])
    const store = await openStore(directory)
    change(join(directory, 'headwater.db'))
    await expect(store.append(event('1'))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('was moved, removed or replaced while the hub had it open'),
    })
    await expect(store.check!()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(await readDatas(store)).toEqual(['0'])
  })

  test('an event written by somebody else is neither overwritten nor skipped', async () => {
    const directory = await directoryWith(['0'])
    const errors: HubError[] = []
    const store = await openStore(directory, { onError: (error) => errors.push(error) })
    const failures: Error[] = []
    await store.follow(follower({ onFailure: (error) => failures.push(error) }))
    const intruder = new DatabaseSync(join(directory, 'headwater.db'))
    intruder.exec(`INSERT INTO event (position, tag, stored_at, total_bytes, topic, is_private, data)
      SELECT 2, tag, stored_at, total_bytes + 201, topic, 0, 'theirs' FROM event WHERE position = 1;
      INSERT INTO event_topic VALUES ('a', 2)`)
    intruder.close()

    await expect(store.append(event('1'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(failures.length).toBe(1)
    expect(errors.length).toBe(1)
    let start: Bounds | undefined
    await store.follow(follower({ onStart: (bounds) => (start = bounds) }))
    expect(start).toMatchObject({ head: { position: 2 } })
    expect(await store.append(event('1'))).toMatchObject({ position: 3 })
    expect(await readDatas(store)).toEqual(['0', 'theirs', '1'])
  })

  test('a writer that holds the database locked has appends rejected, until it is done', async () => {
    const directory = await directoryWith(['0'])
    const store = await openStore(directory)
    const writer = new DatabaseSync(join(directory, 'headwater.db'))
    onTestFinished(() => writer.close())
    writer.exec('BEGIN IMMEDIATE')
    await expect(store.append(event('1'))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^The event was not stored: another program has held the database in .* locked/),
    })
    expect(await readDatas(store)).toEqual(['0'])
    writer.exec('COMMIT')
    await store.append(event('1'))
    expect(await readDatas(store)).toEqual(['0', '1'])
  })
})

describe('when its thread dies', () => {
  test('all that is under way is rejected, followers are told, and the next call starts another', async () => {
    const { store, worker } = await openWithItsWorker(await directoryWith(['0', '1']))
    const { epoch } = store
    const failures: Error[] = []
    const told: string[] = []
    await store.follow(
      follower({
        onAppend: (events) => told.push(...events.map(({ data }) => data)),
        onFailure: (error) => failures.push(error),
      }),
    )
    await store.append(event('2'))
    const underWay = [store.append(event('3')), store.append(event('4')), store.find('x'), store.trim()]
    worker.terminate()
    const outcomes = await Promise.allSettled(underWay)
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'STORE_FAILED', message: expect.stringContaining('an event under way may be stored or not') },
      })
    }
    expect(failures).toEqual([(outcomes[0] as PromiseRejectedResult).reason])

    let start: Bounds | undefined
    await store.follow(
      follower({
        onStart: (bounds) => (start = bounds),
        onAppend: (events) => told.push(...events.map(({ data }) => data)),
      }),
    )
    expect(store.epoch).toBe(epoch)
    await store.append(event('last'))
    const datas = await readDatas(store)
    // Each of those under way is there once or not at all.
    expect(datas.filter((data) => !['3', '4'].includes(data))).toEqual(['0', '1', '2', 'last'])
    expect(start!.head.position).toBe(datas.length - 1)
    expect(told).toEqual(['2', 'last'])
  })

  test('it is started once for all that need it, and at most once a second', async () => {
    const { store, worker } = await openWithItsWorker(await directoryWith([]))
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const { instances } = vi.mocked(Worker).mock
    const started = instances.length
    worker.terminate()
    await expect(store.append(event('0'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await Promise.all([store.append(event('1')), store.bounds(), store.append(event('2'))])
    expect(instances.length).toBe(started + 1)

    const lastWorker = () => vi.mocked(Worker).mock.results.at(-1)!.value as Worker
    await lastWorker().terminate()
    vi.advanceTimersByTime(999)
    await expect(store.append(event('3'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(instances.length).toBe(started + 1)
    vi.advanceTimersByTime(1)
    await store.append(event('4'))
    expect(instances.length).toBe(started + 2)
    expect((await readDatas(store)).filter((data) => data !== '0')).toEqual(['1', '2', '4'])
  })

  test('it can be closed', async () => {
    const { store, worker } = await openWithItsWorker(await directoryWith([]))
    await worker.terminate()
    await store.close()
    await expect(store.append(event('0'))).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })

  test('while it closes, close ends all the same', async () => {
    const { store, worker } = await openWithItsWorker(await directoryWith([]))
    const closing = store.close()
    worker.terminate()
    await closing
  })
})

vi.mock('node:worker_threads', async (original) => {
  const threads = await original<typeof import('node:worker_threads')>()
  return { ...threads, Worker: vi.fn(threads.Worker) }
})

async function openWithItsWorker(directory: string) {
  const store = await openStore(directory, { onError: () => {} })
  const worker = vi.mocked(Worker).mock.results.at(-1)!.value as Worker
  return { store, worker }
}

async function directoryWith(datas: readonly string[]): Promise<string> {
  const directory = temporaryDirectory()
  const store = await openStore(directory)
  await Promise.all(datas.map((data) => store.append(event(data))))
  await store.close()
  return directory
}

function follower(rest: {
  onStart?: (bounds: Bounds) => void
  onAppend?: (events: readonly StoredEvent[]) => void
  onTrim?: (trimmed: HistoryPosition) => void
  onFailure?: (error: Error) => void
}) {
  return { onStart: () => {}, onAppend: () => {}, onTrim: () => {}, onFailure: () => {}, ...rest }
}

function moveAway(file: string): string {
  renameSync(file, `${file}.bak`)
  return `${file}.bak`
}

/** Overwrites a stretch of a file. */
function damage(file: string, offset: number, length: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(length, 0xab), 0, length, offset)
  closeSync(descriptor)
}

/** Takes all the room there is on the file's disk. */
function fillUp(file: string): void {
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(4096)
  try {
    for (;;) writeSync(descriptor, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(descriptor)
  }
}
