import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventStore, HistoryPosition } from '../../src/store/store.ts'
import { fromSource, typescript } from '../from-source.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { describeStore } from './store-suite.ts'
import { event, openStore, readDatas } from './temporary-store.ts'

const directories = new Map<EventStore, string>()
const made: string[] = []
describeStore('SQLite', {
  sequences: 15,
  open: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-store-'))
    made.push(directory)
    const store = await openSqliteStore({ directory, ...options })
    directories.set(store, directory)
    return store
  },
  reopen: async (closed, options) => {
    const directory = directories.get(closed)!
    const store = await openSqliteStore({ directory, ...options })
    directories.set(store, directory)
    return store
  },
  dispose: async () => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true })
  },
})

describe('openSqliteStore', () => {
  test.each([
    [{ directory: '' }, 'directory is ""'],
    [{ durability: 'paranoid' as unknown as 'full' }, 'durability is "paranoid": it must be "full" or "fast"'],
    [{ maxEvents: -1 }, 'maxEvents is -1'],
    [{ maxBytes: Number.NaN }, 'maxBytes is NaN'],
    [{ maxAgeMs: '1h' as unknown as number }, 'maxAgeMs is 1h'],
    [{ idempotencyMs: -5 }, 'idempotencyMs is -5'],
  ])('refuses %j', async (options, message) => {
    await expect(openSqliteStore({ directory: temporaryDirectory(), ...options })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message),
    })
  })

  test('refuses an event that is too large for it', async () => {
    const store = await openStore(temporaryDirectory())
    await expect(store.append(event('x'.repeat(256 * 1024 ** 2 + 1)))).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(await store.append(event('fits'))).toMatchObject({ position: 1 })
  })

  test('keeps a process alive while something is under way, and not otherwise', () => {
    const source = (then: string) => `
      import { openSqliteStore } from ${JSON.stringify(new URL('../../src/store/sqlite.ts', import.meta.url).href)}
      const store = await openSqliteStore({ directory: ${JSON.stringify(temporaryDirectory())} })
      const event = ${JSON.stringify(event('x'))}
      ${then}`
    const run = (then: string) =>
      execFileSync(process.execPath, [fromSource, '--input-type=module', '-e', source(then)], { encoding: 'utf8' })
    expect(run("store.append(event).then(({ position }) => console.log('stored', position))")).toBe('stored 1\n')
    expect(run("await store.append(event); console.log('done')")).toBe('done\n')
    expect(run("store.close().then(() => console.log('closed'))")).toBe('closed\n')
  })
})

describe('appendAll', () => {
  test('stores more than fit one group of single appends, in order, with what is appended before and after', async () => {
    const store = await openStore(temporaryDirectory())
    const many = Array.from({ length: 2500 }, (_, n) => ({ event: event(`${n}`) }))
    const [before, marks, after] = await Promise.all([
      store.append(event('before')),
      store.appendAll!(many),
      store.append(event('after')),
    ])
    expect(marks.map(({ position }) => position)).toEqual(many.map((_, n) => before.position + 1 + n))
    expect(after.position).toBe(marks.at(-1)!.position + 1)
    expect(await readDatas(store)).toEqual(['before', ...many.map(({ event }) => event.data), 'after'])
    expect(await store.appendAll!([])).toEqual([])
  })
})

describe('durability', () => {
  test('fast keeps what was stored when the process is killed', async () => {
    const directory = temporaryDirectory()
    const child = spawn(
      process.execPath,
      [...typescript(new URL('sqlite/sqlite-holder.ts', import.meta.url)), directory, 'fast'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readDatas(await openStore(directory))).toEqual(['from the other process'])
  })
})

describe('a history that went back', () => {
  test('to a backup tells the events it had there from those it has now', async () => {
    const directory = temporaryDirectory()
    const first = await openStore(directory)
    const before = await first.append(event('before the backup'))
    await first.close()
    const backup = `${directory}-backup`
    onTestFinished(() => rmSync(backup, { recursive: true, force: true }))
    cpSync(directory, backup, { recursive: true })

    const second = await openStore(directory)
    const lost = [await second.append(event('lost 1')), await second.append(event('lost 2'))]
    await second.close()
    rmSync(directory, { recursive: true })
    cpSync(backup, directory, { recursive: true })

    const restored = await openStore(directory)
    expect(restored.epoch).toBe(first.epoch)
    expect(await restored.inspect(lost[0]!.position)).toEqual({ name: 'ahead' })
    const other = await restored.append(event('other'))
    expect(other.position).toBe(lost[0]!.position)
    // Whoever saw "lost 1" comes back with its tag, and the position has another.
    expect(await restored.inspect(lost[0]!.position)).toEqual({ name: 'kept', tag: other.tag })
    expect(other.tag).not.toBe(lost[0]!.tag)
    expect(await restored.inspect(lost[1]!.position)).toEqual({ name: 'ahead' })
    expect(await restored.inspect(before.position)).toEqual({ name: 'kept', tag: before.tag })
  })

  test('because its end was cut off says that what was there is ahead', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory)
    const marks = [await store.append(event('0')), await store.append(event('1'))]
    const copy = temporaryDirectory()
    const history = new DatabaseSync(join(directory, 'headwater.db'))
    history.exec(`VACUUM INTO '${join(copy, 'headwater.db')}'`)
    history.close()
    const cut = new DatabaseSync(join(copy, 'headwater.db'))
    cut.exec('DELETE FROM event WHERE position = 2; DELETE FROM event_topic WHERE position = 2')
    cut.close()
    const survivor = await openStore(copy)
    expect(await survivor.inspect(marks[1]!.position)).toEqual({ name: 'ahead' })
    expect(await survivor.inspect(marks[0]!.position)).toEqual({ name: 'kept', tag: marks[0]!.tag })
  })

  test('that begins anew has another epoch', async () => {
    const directory = temporaryDirectory()
    const first = await openStore(directory)
    await first.append(event('0'))
    await first.close()
    rmSync(directory, { recursive: true })
    const second = await openStore(directory)
    expect(second.epoch).not.toBe(first.epoch)
  })
})

describe('trimming by itself', () => {
  test('begins when the bounds are passed, in small steps with appends in between', async () => {
    const store = await openStore(temporaryDirectory(), { maxEvents: 100 })
    const heard: ['append' | 'trim', number][] = []
    let isTrimmed = () => {}
    const trimmed = new Promise<void>((resolve) => {
      isTrimmed = resolve
    })
    await store.follow({
      onStart: () => {},
      onAppend: (events) => heard.push(['append', events.at(-1)!.position]),
      onTrim: ({ position }) => {
        heard.push(['trim', position])
        if (position >= 3000 - 106) isTrimmed()
      },
      onFailure: (error) => {
        throw error
      },
    })
    await Promise.all(Array.from({ length: 3000 }, (_, n) => store.append(event(`${n}`))))
    await trimmed
    // Never more than a step at once, never what was not appended, and never below what is to be kept.
    let head = 0
    let last = 0
    for (const [what, position] of heard) {
      if (what === 'append') head = position
      else {
        expect(position - last).toBeLessThanOrEqual(512)
        expect(position).toBeLessThanOrEqual(head - 100)
        last = position
      }
    }
    expect(heard.filter(([what]) => what === 'trim').length).toBeGreaterThan(4)
    expect((await store.bounds()).earliest!.position).toBeGreaterThanOrEqual(3000 - 106)
  })

  test('drops events past their age though nobody appends any more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const store = await openStore(temporaryDirectory(), { maxAgeMs: 60_000, now: () => Date.now() })
    const mark = await store.append(event('x'))
    let onTrim: (mark: HistoryPosition) => void = () => {}
    const trimmed = new Promise<HistoryPosition>((resolve) => {
      onTrim = resolve
    })
    await store.follow({ onStart: () => {}, onAppend: () => {}, onTrim, onFailure: () => {} })
    vi.advanceTimersByTime(59_000)
    expect((await store.inspect(1)).name).toBe('kept')
    vi.advanceTimersByTime(4_000)
    expect(await trimmed).toEqual(mark)
    expect(await store.bounds()).toEqual({ head: mark, trimmed: mark, earliest: undefined, count: 0 })
  })

  test('takes events of very many topics in steps as small', async () => {
    const store = await openStore(temporaryDirectory(), { maxEvents: 1 })
    const steps: number[] = []
    await store.follow({
      onStart: () => {},
      onAppend: () => {},
      onTrim: ({ position }) => steps.push(position),
      onFailure: () => {},
    })
    const topics = Array.from({ length: 1000 }, (_, n) => `topic ${n}`)
    await Promise.all(Array.from({ length: 8 }, (_, n) => store.append(event(`${n}`, { topics }))))
    await store.trim()
    expect(Math.max(...steps.map((position, index) => position - (steps[index - 1] ?? 0)))).toBeLessThanOrEqual(2)
    expect(await readDatas(store, ['topic 999'])).toEqual(['7'])
  })

  test('past ten thousand sets of topics, forgets the oldest for good', async () => {
    const directory = temporaryDirectory()
    const store = await openStore(directory, { maxEvents: 0 })
    const appends = Array.from({ length: 10_003 }, (_, n) => store.append(event('', { topics: [`topic ${n}`] })))
    const marks = await Promise.all(appends)
    await store.trim()
    const lost = async (store: EventStore, after: number, topic: string) => {
      const { head } = await store.bounds()
      const query = { after, through: head.position, topics: new Set([topic]), maxEvents: 1, maxBytes: 1 }
      return (await store.read(query)).lost
    }
    const check = async (store: EventStore) => {
      const unknown = { position: marks[2]!.position, topics: undefined, isPrivate: false }
      expect(await lost(store, 0, 'other')).toEqual([unknown])
      expect(await lost(store, marks[2]!.position, 'other')).toEqual([])
      expect(await lost(store, 0, 'topic 3')).toEqual([
        unknown,
        { position: marks[3]!.position, topics: ['topic 3'], isPrivate: false },
      ])
    }
    await check(store)
    await store.close()
    await check(await openStore(directory))
  })
})
