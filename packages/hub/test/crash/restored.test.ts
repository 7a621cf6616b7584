import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EventSource } from '@headwater/sse/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../temporary-directory.ts'
import { HubProcess, until } from './hub-process.ts'

// What happens to a history behind the back of a hub, as operators do it and accidents: by files, between two lives of the
// real process. Subscribers stay what they are, and come back with what they were told before.

/** Of a machine that is very busy. */
const timeout = 300_000

describe('subscribers who come back to a restored backup', { timeout }, () => {
  test.each([
    ['the files of a hub that was killed', copyFiles],
    ['a backup made while the hub runs', vacuumInto],
  ])('are told of the gap before another event takes the place of one they had: %s', async (_what, backUp) => {
    const { directory, backup, hub } = await startHub()
    await publish(hub, '1', '2')
    const source = await subscribe(hub)
    await source.got('1', '2')
    await backUp(hub, directory, backup)
    const ids = await publish(hub, 'lost 3', 'lost 4', 'lost 5')
    await source.got('1', '2', 'lost 3', 'lost 4', 'lost 5')

    await hub.kill()
    restore(backup, directory)
    await start(hub)
    // It is back before there is anything else: what it had is after all that there is.
    await until(() => source.gaps.length === 1, 'the subscriber was told')
    expect(source.gaps).toEqual([{ reason: 'ahead', requested: ids[2], earliest: expect.any(String) }])
    const others = await publish(hub, 'other 3', 'other 4', 'other 5', 'other 6')
    expect(others.slice(0, 3).map(positionIn)).toEqual(ids.map(positionIn))
    expect(others.slice(0, 3)).not.toEqual(ids)
    const all = ['1', '2', 'other 3', 'other 4', 'other 5', 'other 6']
    await source.got('1', '2', 'lost 3', 'lost 4', 'lost 5', 'gap', ...all)

    // This one is back only when its event's place has been given to another.
    const late = await subscribe(hub, ids[2])
    await late.got('gap', ...all)
    expect(late.gaps).toEqual([{ reason: 'unknown', requested: ids[2], earliest: expect.any(String) }])
    // What both of the histories have is no gap.
    const early = await subscribe(hub, source.idOf('2'))
    await early.got('other 3', 'other 4', 'other 5', 'other 6')
  })
})

describe('subscribers who come back to a history that was cut short', { timeout }, () => {
  test('by a power loss, with --durability fast, are told that what they had is gone', async () => {
    const { directory, hub } = await startHub('--durability', 'fast')
    const log = join(directory, 'headwater.db-wal')
    const head = join(directory, 'headwater.head')
    const { size } = statSync(log)
    const written = readFileSync(head)
    const [id] = await publish(hub, '1')
    const source = await subscribe(hub)
    await source.got('1')
    await hub.kill()
    // What the system had not yet written: SQLite's log, from that event on, and what was acknowledged since.
    truncateSync(log, size)
    writeFileSync(head, written)
    await start(hub, '--durability', 'fast')
    await until(() => source.gaps.length === 1, 'the subscriber was told')
    expect(source.gaps).toEqual([{ reason: 'ahead', requested: id, earliest: null }])
    await publish(hub, 'other 1')
    await source.got('1', 'gap', 'other 1')
  })

  test('although it had been acknowledged are told if they missed something, and only then', async () => {
    const { directory, hub } = await startHub()
    const first = await publish(hub, '1')
    const log = join(directory, 'headwater.db-wal')
    const { size } = statSync(log)
    const source = await subscribe(hub)
    await publish(hub, '2', '3')
    await source.got('1', '2', '3')
    await hub.kill()
    truncateSync(log, size)
    await start(hub)
    const [other] = await publish(hub, 'other')
    expect(positionIn(other!)).toBe('4')
    // This one had all of it.
    await source.got('1', '2', '3', 'other')
    expect(source.gaps).toEqual([])
    const late = await subscribe(hub, first[0])
    await late.got('gap', 'other')
    expect(late.gaps).toMatchObject([{ reason: 'damaged' }])
  })

  test('and replaced by an empty one are told so, and get everything of the new one', async () => {
    const { directory, hub } = await startHub()
    const [, id] = await publish(hub, '1', '2')
    const source = await subscribe(hub)
    await source.got('1', '2')
    await hub.kill()
    for (const name of readdirSync(directory)) rmSync(join(directory, name))
    await start(hub)
    await publish(hub, 'new 1', 'new 2')
    await source.got('1', '2', 'gap', 'new 1', 'new 2')
    expect(source.gaps).toMatchObject([{ reason: 'epoch', requested: id }])
  })
})

test('a hub with --durability fast that is killed has every event that it acknowledged, and brings it to those who come back', {
  timeout,
}, async () => {
  const { hub } = await startHub('--durability', 'fast')
  const source = await subscribe(hub)
  const datas: string[] = []
  for (let life = 0; life < 5; life++) {
    const more = Array.from({ length: 20 }, (_, n) => `${life} ${n}`)
    await publish(hub, ...more)
    datas.push(...more)
    await hub.kill()
    await start(hub, '--durability', 'fast')
  }
  await source.got(...datas)
  const all = await subscribe(hub, 'earliest')
  await all.got(...datas)
  expect([...source.gaps, ...all.gaps]).toEqual([])
})

interface Started {
  readonly directory: string
  readonly backup: string
  readonly hub: HubProcess
}

async function startHub(...flags: string[]): Promise<Started> {
  const directory = join(temporaryDirectory(), 'data')
  const backup = join(temporaryDirectory(), 'backup')
  const hub = await HubProcess.create('--dev', '--store', `file:${directory}`)
  onTestFinished(() => hub.end())
  await start(hub, ...flags)
  return { directory, backup, hub }
}

async function start(hub: HubProcess, ...flags: string[]): Promise<void> {
  hub.start(...flags)
  await hub.ready()
}

/** Publishes on topic `a`, with a reconnection time that brings subscribers back soon; gives the IDs. */
async function publish({ url }: HubProcess, ...datas: string[]): Promise<string[]> {
  const ids: string[] = []
  for (const data of datas) {
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ topic: 'a', data, retry: '20' }) })
    ids.push(await response.text())
    expect(response.status, ids.at(-1)).toBe(200)
  }
  return ids
}

/** Subscribes to topic `a` with an `EventSource`, from everything on or from an ID. */
async function subscribe({ url }: HubProcess, lastEventId = 'earliest') {
  const got: string[] = []
  const gaps: unknown[] = []
  const ids = new Map<string, string>()
  const source = new EventSource(`${url}?match=a&last_event_id=${lastEventId}`, {
    onEvent: ({ type, data, lastEventId }) => {
      if (type === 'headwater-gap') gaps.push(JSON.parse(data))
      else ids.set(data, lastEventId)
      got.push(type === 'headwater-gap' ? 'gap' : data)
    },
  })
  onTestFinished(() => source.close())
  return {
    gaps,
    idOf: (data: string) => ids.get(data)!,
    async got(...datas: string[]) {
      await until(() => got.length >= datas.length, `${datas.length} events had come`, { moved: () => got.length })
      expect(got).toEqual(datas)
    },
  }
}

async function copyFiles(hub: HubProcess, directory: string, backup: string): Promise<void> {
  await hub.kill()
  cpSync(directory, backup, { recursive: true })
  await start(hub)
}

async function vacuumInto(_hub: HubProcess, directory: string, backup: string): Promise<void> {
  mkdirSync(backup)
  const database = new DatabaseSync(join(directory, 'headwater.db'))
  database.prepare('VACUUM INTO ?').run(join(backup, 'headwater.db'))
  database.close()
}

/** Puts a backup in the place of a history: all of it, or the log of the one would be taken for that of the other. */
function restore(backup: string, directory: string): void {
  rmSync(directory, { recursive: true })
  cpSync(backup, directory, { recursive: true })
}

function positionIn(id: string): string | undefined {
  return id.split('.')[1]
}
