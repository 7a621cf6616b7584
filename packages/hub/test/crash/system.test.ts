import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seeded } from '../store/remote-store.ts'
import { type CheckOptions, DeliveryChecker, type HistoryRow } from './delivery-checker.ts'
import { publisherKinds, publishOne, publishOverHttp } from './http-publishers.ts'
import { HubProcess, until } from './hub-process.ts'
import { ResumingSubscriber, type SubscriberKind } from './resuming-subscribers.ts'
import { authFlags, eventForAll, right, systemEvent, wish } from './system-events.ts'

/** `npm run test:crash` asks for more. */
const kills = Number(process.env.HEADWATER_CRASH_KILLS ?? 100)
/** Enough of them for somebody to be away for too long. */
const fewerKills = Math.max(10, Math.ceil(kills / 4))
const seed = Number(process.env.HEADWATER_CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Nothing here depends on the speed of the machine: what does not move at all for two minutes fails by itself. */
const timeout = 24 * 3_600_000

test(`${kills} times killed with SIGKILL, a hub with 32 publishers loses no acknowledged event, and brings each to 50 resuming subscribers once and in order`, {
  timeout,
}, async () => {
  const checker = new DeliveryChecker()
  await runSystem({
    checker,
    kills,
    seed,
    publishers: 32,
    subscribers: 50,
    eventsPerLife: 300,
    maxPauseMs: 150,
    withIds: true,
    kindOf: (index) => (['EventSource', 'EventSource', 'reloads', 'slow', 'reloads'] as const)[index % 5]!,
    flags: [],
    checkOptions: (directory) => ({ history: readHistory(directory) }),
  })
  expect(checker.gapCount).toBe(0)
})

test(`${fewerKills} times killed, a hub that keeps but the newest 300 events tells each subscriber of a gap wherever it missed one, and only there does it miss any`, {
  timeout,
}, async () => {
  const checker = new DeliveryChecker()
  await runSystem({
    checker,
    kills: fewerKills,
    seed: seed + 1,
    publishers: 12,
    subscribers: 15,
    eventsPerLife: 600,
    maxPauseMs: 50,
    // Of one that is trimmed, nobody could say what its position was.
    withIds: false,
    kindOf: (index) => (['EventSource', 'stays away', 'slow'] as const)[index % 3]!,
    flags: ['--max-events', '300'],
    checkOptions: () => ({ mayHaveGaps: true }),
  })
  // Those that stay away do so for longer than events are kept.
  expect(checker.gapCount).toBeGreaterThan(0)
})

test(`${Math.ceil(kills / 10)} times killed, a hub that serves by three threads loses and repeats no more than by one`, {
  timeout,
}, async () => {
  const checker = new DeliveryChecker()
  await runSystem({
    checker,
    kills: Math.ceil(kills / 10),
    seed: seed + 2,
    publishers: 16,
    subscribers: 25,
    eventsPerLife: 600,
    maxPauseMs: 50,
    withIds: true,
    kindOf: (index) => (['EventSource', 'EventSource', 'reloads', 'slow', 'reloads'] as const)[index % 5]!,
    flags: ['--threads', '3'],
    checkOptions: (directory) => ({ history: readHistory(directory) }),
  })
  expect(checker.gapCount).toBe(0)
})

interface SystemOptions {
  readonly checker: DeliveryChecker
  readonly kills: number
  readonly seed: number
  readonly publishers: number
  readonly subscribers: number
  /** At most so many events are acknowledged before the hub is killed once more, about. */
  readonly eventsPerLife: number
  /** The longest that a publisher waits between two events, in milliseconds. */
  readonly maxPauseMs: number
  readonly withIds: boolean
  readonly kindOf: (index: number) => SubscriberKind
  readonly flags: readonly string[]
  readonly checkOptions: (directory: string) => CheckOptions
}

async function runSystem(options: SystemOptions): Promise<void> {
  const { checker, seed, publishers, subscribers, maxPauseMs, withIds, kindOf, flags, checkOptions } = options
  const directory = mkdtempSync(join(tmpdir(), 'headwater-crash-'))
  const hub = await HubProcess.create('--store', `file:${directory}`, ...authFlags, ...flags)
  const { url } = hub
  const stopping = new AbortController()
  const hurry = new AbortController()
  const clients = Array.from(
    { length: subscribers },
    (_, index) =>
      new ResumingSubscriber({
        url,
        name: String(index),
        kind: kindOf(index),
        wish: wish(index),
        // Each kind of wish meets each right.
        right: right(index + Math.floor(index / 6)),
        fromTheBeginning: index % 8 !== 7,
        checker,
        random: seeded(seed + 1000 + index),
        awayEvents: 400,
        isHubReady: () => hub.isReady,
        hurry: hurry.signal,
      }),
  )
  const startedAt = performance.now()
  try {
    // They learn how soon to come back.
    hub.start()
    await hub.ready()
    for (const client of clients) client.start()
    await until(() => clients.every(({ connectionCount }) => connectionCount > 0), 'every subscriber was connected')
    await publishOne(url, checker, eventForAll(publishers, 0))
    await until(() => checker.deliveredCount >= clients.length, 'every subscriber had the first event')
    await hub.kill()
    const publishing = Array.from({ length: publishers }, (_, publisher) =>
      publishOverHttp(publisherKinds[publisher % publisherKinds.length]!, {
        url,
        publisher,
        checker,
        random: seeded(seed + 2000 + publisher),
        eventOf: (number) => systemEvent(publisher, number, withIds),
        maxPauseMs,
        stopping: stopping.signal,
      }),
    )
    const failed = Promise.race(publishing.map((publisher) => publisher.then(() => new Promise<never>(() => {}))))
    await Promise.race([failed, killAgainAndAgain(hub, options)])

    stopping.abort()
    hub.start()
    await Promise.all(publishing)
    await publishOne(url, checker, eventForAll(publishers, 1))
    hurry.abort()
    await until(() => clients.every(({ hasLast }) => hasLast) || checker.hasFailed, 'every subscriber had caught up', {
      moved: () => checker.deliveredCount,
    }).catch((error: unknown) => checker.fail(String(error)))
    for (const client of clients) client.close()
    await hub.kill()
    const wrong = checker.check(checkOptions(directory))
    if (wrong.length > 0) {
      throw new Error(`${wrong.length} findings:\n${wrong.slice(0, 20).join('\n')}\nThe hub said last:\n${hub.log}`)
    }
    console.log(summarize(options, clients, hub, performance.now() - startedAt))
  } catch (error) {
    console.log(`to see it again, as far as chance allows: HEADWATER_CRASH_SEED=${seed} HEADWATER_CRASH_KILLS=${kills}`)
    throw error
  } finally {
    stopping.abort()
    hurry.abort()
    for (const client of clients) client.close()
    await hub.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Each life of the hub is safe from power loss or only from its own end, by turns, which is all the same to a SIGKILL. One in eight is
 * killed while it starts; the others when they have acknowledged so many events, at any moment.
 */
async function killAgainAndAgain(
  hub: HubProcess,
  { checker, kills, seed, eventsPerLife }: SystemOptions,
): Promise<void> {
  const random = seeded(seed)
  for (let kill = 1; kill <= kills; kill++) {
    hub.start('--durability', kill % 2 === 0 ? 'fast' : 'full')
    const startMs = hub.startMs.at(-1)
    if (startMs !== undefined && random() < 0.125) await pause(random() * startMs)
    else {
      await hub.ready()
      const enough = checker.acknowledgedCount + random() * eventsPerLife
      await until(() => checker.acknowledgedCount >= enough, `kill ${kill}`, {
        moved: () => checker.acknowledgedCount,
      }).catch((error: unknown) => {
        throw new Error(`${error}\nThe hub said last:\n${hub.log}`)
      })
      await pause(random() * 20)
    }
    await hub.kill()
    checker.kills = kill
    // So that a long run shows that it goes on.
    if (kill % 100 === 0 && kill < kills) console.log(`${kill} kills, ${checker.acknowledgedCount} events acknowledged`)
  }
}

/** All that is in a history, by SQL, from a copy of the files of a hub that was killed. */
function readHistory(directory: string): HistoryRow[] {
  const copy = mkdtempSync(join(tmpdir(), 'headwater-crash-copy-'))
  try {
    cpSync(directory, copy, { recursive: true })
    const database = new DatabaseSync(join(copy, 'headwater.db'))
    const rows = database.prepare('SELECT position, tag, data FROM event ORDER BY position').all()
    database.close()
    return rows as unknown as HistoryRow[]
  } finally {
    rmSync(copy, { recursive: true })
  }
}

function summarize(
  { checker, kills, seed, publishers }: SystemOptions,
  clients: readonly ResumingSubscriber[],
  hub: HubProcess,
  elapsedMs: number,
): string {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
  const startMs = hub.startMs.toSorted((one, other) => one - other)[Math.floor(hub.startMs.length / 2)]!
  return (
    `${kills} kills in ${(elapsedMs / 1000).toFixed(0)} s, seed ${seed}: ${publishers} publishers had ${checker.acknowledgedCount} ` +
    `events acknowledged, 0 lost (${checker.unacknowledgedCount} more were stored, their answer lost with the hub); ` +
    `${clients.length} subscribers got ${checker.deliveredCount} events, each once and in order, and ${checker.gapCount} gaps, over ` +
    `${sum(clients.map(({ connectionCount }) => connectionCount))} connections, ${sum(clients.map(({ reloadCount }) => reloadCount))} of ` +
    `them after a reload; the hub was ready after ${startMs.toFixed(0)} ms (median)`
  )
}
