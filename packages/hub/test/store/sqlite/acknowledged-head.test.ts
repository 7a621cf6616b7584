import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { positionId } from '../../../src/hub/event-id.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { exactTopic } from '../../../src/matching/matcher.ts'
import { checksumOfValues } from '../../../src/store/history/checksum.ts'
import type { HistoryEnd } from '../../../src/store/sqlite/history-end.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { EventStore, StoredEvent } from '../../../src/store/store.ts'
import { typescript } from '../../from-source.ts'
import { TestClient } from '../../hub/client.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, readDatas } from '../temporary-store.ts'

/** As many events as the killed process was told that they are stored. */
const count = 60

/** A data directory as `kill -9` leaves it. */
let left: string
let acknowledged: readonly StoredEvent[]
let epoch: string

beforeAll(async () => {
  left = mkdtempSync(join(tmpdir(), 'headwater-killed-'))
  // So that the tables themselves are not in the write-ahead log alone.
  await (await openSqliteStore({ directory: left })).close()
  const holder = [...typescript(new URL('sqlite-holder.ts', import.meta.url)), left, 'full', String(count)]
  const child = spawn(process.execPath, holder, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
})

beforeEach(async () => {
  if (acknowledged) return
  const { store } = await open(copyOfLeft())
  epoch = store.epoch
  acknowledged = (await readAll(store)).events
  expect(acknowledged).toHaveLength(count)
})

afterAll(() => rmSync(left, { recursive: true }))

const opened: EventStore[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

function copyOfLeft(): string {
  const directory = join(temporaryDirectory(), 'data')
  cpSync(left, directory, { recursive: true })
  return directory
}

async function open(directory: string) {
  let end: HistoryEnd | undefined
  const losses: HistoryEnd[] = []
  const store = await openSqliteStore({
    directory,
    onUncleanStop: (_holder, found) => {
      end = found
    },
    onLoss: (found) => losses.push(found),
    onError: () => {},
  })
  opened.push(store)
  return { store, end, losses }
}

/** Reads everything as a subscriber does, page by page. */
async function readAll(store: EventStore, after = 0, topics?: ReadonlySet<string>) {
  const { head } = await store.bounds()
  const events: StoredEvent[] = []
  const damaged: number[] = []
  for (let reached = after; reached < head.position; ) {
    const page = await store.read({ after: reached, through: head.position, topics, maxEvents: 7, maxBytes: Infinity })
    if (page.damaged) damaged.push(page.damaged.position)
    events.push(...page.events)
    reached = page.through
  }
  return { events, damaged }
}

const wal = 'headwater.db-wal'
const harms: readonly [string, (directory: string) => void][] = [
  ['removed', (directory) => rmSync(join(directory, wal))],
  [
    'cut in half',
    (directory) => truncateSync(join(directory, wal), Math.floor(readFileSync(join(directory, wal)).length / 2)),
  ],
  [
    'flipped in the middle',
    (directory) => {
      const bytes = readFileSync(join(directory, wal))
      bytes[Math.floor(bytes.length / 2)]! ^= 1
      writeFileSync(join(directory, wal), bytes)
    },
  ],
]

describe('after a kill -9', () => {
  test('all that was acknowledged is there, and the start has compared it', async () => {
    const { end, losses } = await open(copyOfLeft())
    // A machine that does not tell its runs apart cannot say that the record is exact.
    expect(end).toMatchObject({ name: 'reached', position: count })
    if (process.platform === 'linux') expect(end).toMatchObject({ isExact: true })
    expect(losses).toEqual([])
  })

  describe.each(harms)('with the write-ahead log %s', (_how, harm) => {
    test('the start says what is missing, each reader is told, and no position is used again', async () => {
      const directory = copyOfLeft()
      harm(directory)
      const { store, end, losses } = await open(directory)
      const kept = (await readDatas(store)).length
      expect(kept).toBeLessThan(count)
      const lost = { name: 'lost', after: kept, through: count }
      expect(end).toEqual(lost)
      expect(losses).toEqual([lost])
      expect((await store.bounds()).head).toEqual({ position: count, tag: acknowledged.at(-1)!.tag })
      for (const topics of [undefined, new Set(['a']), new Set(['b1', 'b2'])]) {
        expect((await readAll(store, 0, topics)).damaged).toEqual([count])
        expect((await readAll(store, kept + 1, topics)).damaged).toEqual(kept + 1 < count ? [count] : [])
      }
      expect((await store.append(event('next'))).position).toBe(count + 1)
      await store.close()

      const again = await open(directory)
      expect(again.end).toBeUndefined()
      expect(again.losses).toEqual([])
      expect((await readAll(again.store)).damaged).toEqual([count])
      expect((await readAll(again.store, count)).damaged).toEqual([])
    })

    test('a subscriber that returns is told of a gap if it missed an event, and else is not', async () => {
      const directory = copyOfLeft()
      harm(directory)
      const { store } = await open(directory)
      const kept = (await readDatas(store)).length
      const hub = await createHubCore({ store })
      onTestFinished(() => hub.close())
      const resumeFrom = async (position: number) => {
        const options = { matchers: [exactTopic('a')], lastEventId: positionId(epoch, acknowledged[position - 1]!) }
        const client = await new TestClient(hub, options).connect()
        await client.readAll()
        const { gaps, datas, lastEventId } = client
        await client.disconnect()
        return { reasons: gaps.map(({ reason }) => reason), count: datas.length, lastEventId }
      }
      const end = positionId(epoch, { position: count, tag: 0 })
      if (kept > 0) {
        expect(await resumeFrom(kept)).toEqual({ reasons: ['damaged'], count: 0, lastEventId: end })
        expect(await resumeFrom(1)).toEqual({ reasons: ['damaged'], count: kept - 1, lastEventId: end })
      }
      expect((await resumeFrom(kept + 1)).reasons).toEqual(['damaged'])
      // It had everything.
      expect((await resumeFrom(count)).reasons).toEqual([])
      await hub.publish({ topic: 'a', data: 'next' })
      expect(await resumeFrom(count - 1)).toMatchObject({ reasons: ['damaged'], count: 1 })
      expect(await resumeFrom(count)).toMatchObject({ reasons: [], count: 1 })
    })
  })

  test('with the database removed it is said that the history is another one', async () => {
    const directory = copyOfLeft()
    for (const name of ['headwater.db', wal, 'headwater.db-shm']) rmSync(join(directory, name), { force: true })
    const { store, end, losses } = await open(directory)
    expect(end).toEqual({ name: 'replaced', epoch, position: count })
    expect(losses).toEqual([end])
    expect(store.epoch).not.toBe(epoch)
  })

  test('with an older backup of the database in its place, its subscribers are told, and positions go on', async () => {
    const directory = copyOfLeft()
    const first = await open(directory)
    await first.store.close()
    const backup = readFileSync(join(directory, 'headwater.db'))
    const second = await open(directory)
    for (let n = 0; n < 5; n++) await second.store.append(event('after the backup'))
    await second.store.close()
    writeFileSync(join(directory, 'headwater.db'), backup)
    const restored = await open(directory)
    expect(restored.losses).toEqual([{ name: 'lost', after: count, through: count + 5 }])
    expect((await restored.store.append(event('next'))).position).toBe(count + 6)
    expect((await readAll(restored.store, count)).damaged).toEqual([count + 5])
  })
})

describe('the record of what was acknowledged', () => {
  const head = (directory: string) => join(directory, 'headwater.head')
  const change = (directory: string, edit: (bytes: Buffer) => Buffer) =>
    writeFileSync(head(directory), edit(readFileSync(head(directory))))

  test('that is missing or damaged claims nothing', async () => {
    for (const harm of [
      (directory: string) => rmSync(head(directory)),
      (directory: string) => truncateSync(head(directory), 0),
      (directory: string) => change(directory, (bytes) => Buffer.alloc(bytes.length, 0x41)),
    ]) {
      const directory = copyOfLeft()
      harm(directory)
      const { end, losses, store } = await open(directory)
      expect(end).toEqual({ name: 'unknown' })
      expect(losses).toEqual([])
      expect((await readAll(store)).events).toHaveLength(count)
    }
  })

  test('of which a slot is damaged is not said to be exact, whichever it is', async () => {
    for (const offset of [3, 515]) {
      const directory = copyOfLeft()
      change(directory, (bytes) => {
        bytes[offset]! ^= 1
        return bytes
      })
      const { end } = await open(directory)
      expect(end).toMatchObject({ name: 'reached', isExact: false })
      expect([count - 1, count]).toContain((end as { position: number }).position)
    }
  })

  test('of another run of the machine is not said to be exact', async () => {
    const directory = copyOfLeft()
    change(directory, (bytes) => {
      const slots = [0, 512].map((offset) => {
        const [epoch = '', position, tag, time, , generation] = bytes.toString('latin1', offset).split(' ')
        const values = [epoch, Number(position), Number(tag), Number(time), 'another-run', Number(generation)]
        return `${values.join(' ')} ${checksumOfValues(values)}\n`.padEnd(512)
      })
      return Buffer.from(slots.join(''))
    })
    expect((await open(directory)).end).toEqual({ name: 'reached', position: count, isExact: false })
  })
})
