// A hub with 5,000 subscribers dies: `npm run bench:node-dies --workspace bench`.
// Two hubs over one PostgreSQL, all on this machine. Events are published at the second all the time;
// the first has 5,000 subscribers and is killed. They come back to the second with the last ID they
// saw, all at once, two seconds later, as `retry` told them. A few subscribers of the second were there
// all along: what happens to them is what the storm costs others. Linux only: it reads /proc.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { initializeEngine } from '../packages/hub/src/store/postgres/administer.ts'
import { PostgresServer } from '../packages/hub/test/store/postgres/postgres-server.ts'
import { now } from './hub/clock.ts'
import { eventData } from './hub/content.ts'
import type { GroupReport } from './hub/crowd/crowd.ts'
import { CrowdThreads } from './hub/crowd/crowd-threads.ts'
import { Histogram } from './hub/crowd/histogram.ts'
import { eventStreamHeaders, httpRequest } from './hub/peers/peer.ts'
import { readCpuMs } from './hub/process-tree.ts'
import { path, type WatchedHub, WatchedHubs } from './watched-hubs.ts'

const subscribers = Number(process.env.SUBSCRIBERS ?? 5000)
const rate = Number(process.env.RATE ?? 10)
/** The reconnection time that the hub sends. */
const awayMs = 2000
const calmMs = 5000
const most = 1_000_000

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const engine = await PostgresServer.start()
const hubs = new WatchedHubs()
try {
  await initializeEngine(engine.url())
  await run(await start(1), await start(2))
} finally {
  await hubs.stop()
  await engine.dispose()
  rmSync(directory, { recursive: true })
}
process.exit()

async function run(dies: WatchedHub, stays: WatchedHub): Promise<void> {
  const shape = { streams: 1, perStream: most }
  const crowds = {
    moving: new CrowdThreads(portOf(dies), shape, 1),
    returned: new CrowdThreads(portOf(stays), shape, 1),
    staying: new CrowdThreads(portOf(stays), shape, 1),
  }
  let answers = new Histogram()
  let seq = 0
  let lastId = ''
  let isPaused = true
  let isOver = false
  const publishing = (async () => {
    for (let due = now(); !isOver; due += 1000 / rate) {
      if (now() < due) await wait(due - now())
      if (isPaused) continue
      const at = now()
      for (const crowd of Object.values(crowds)) crowd.due(0, seq, at)
      lastId = await publish(stays, seq++)
      answers.add(now() - at)
    }
  })()

  const group = (request: string, count: number, firstSeq: number) => ({
    label: 'all',
    request,
    streams: [0],
    count,
    firstSeq,
  })
  await crowds.moving.open([group(subscribe(), subscribers, 0)])
  await crowds.staying.open([group(subscribe(), 20, 0)])
  isPaused = false
  await wait(calmMs)
  await crowds.staying.report()
  answers = new Histogram()
  await wait(calmMs)
  const calm = { answers, staying: (await crowds.staying.report())[0]! }

  // What they have is known exactly, because nothing is published at the moment of the kill.
  isPaused = true
  await wait(100)
  const [left] = await crowds.moving.settle()
  const [firstSeq, lastEventId] = [seq, lastId]
  answers = new Histogram()
  const killedAt = now()
  await hubs.kill(dies)
  isPaused = false
  await wait(awayMs)
  const cpuMs = readCpuMs(stays.child.pid!)
  const returnedAt = now()
  await crowds.returned.open([group(subscribe(lastEventId), subscribers, firstSeq)])
  const openedAt = now()
  // Everything published so far, at all of them.
  isPaused = true
  const [returned] = await crowds.returned.settle()
  const caughtUpAt = now()
  const stormCpuMs = readCpuMs(stays.child.pid!) - cpuMs
  const storm = { answers, staying: (await crowds.staying.settle())[0]! }
  isOver = true
  await publishing

  console.log(
    `${subscribers} subscribers of a hub that is killed come back to another, each ${returned!.delivered / subscribers} events behind.`,
  )
  console.log('\n| | seconds |\n| --- | ---: |')
  console.log(`| killed, until all have come back and have everything | ${seconds(caughtUpAt - killedAt)} |`)
  console.log(`| of that, the reconnection time | ${seconds(returnedAt - killedAt)} |`)
  console.log(`| of that, until the last was connected | ${seconds(openedAt - returnedAt)} |`)
  console.log(`| CPU of the other hub for each that came back | ${(stormCpuMs / subscribers).toFixed(2)} ms |`)
  console.log('\n| at the other hub | publish p50 ms | p99 ms | delivery p50 ms | p99 ms |')
  console.log('| --- | ---: | ---: | ---: | ---: |')
  for (const [name, part] of Object.entries({ before: calm, 'from the kill until all were back': storm })) {
    const delivered = new Histogram(part.staying.latencies)
    const figures = [part.answers, delivered].flatMap((each) => [each.percentile(0.5), each.percentile(0.99)])
    console.log(`| ${name} | ${figures.map((each) => each.toFixed(1)).join(' | ')} |`)
  }
  console.log(`\n${faults([left!, returned!, storm.staying])}`)
  await Promise.all(Object.values(crowds).map((crowd) => crowd.close()))
}

function faults(groups: readonly GroupReport[]): string {
  const sum = (of: (group: GroupReport) => number) => groups.reduce((total, group) => total + of(group), 0)
  const counts = {
    lost: sum(({ lost }) => lost),
    doubled: sum(({ duplicated }) => duplicated),
    reordered: sum(({ reordered }) => reordered),
    gaps: sum(({ gaps }) => gaps),
  }
  return `${Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')}.`
}

function start(number: number): Promise<WatchedHub> {
  const store = engine.url({ directory: join(directory, `hub-${number}`) })
  const limits = ['--max-subscribers-per-address', '100000', '--max-publish-rate', '100000000']
  return hubs.start(`hub ${number}`, ['--dev', '--store', store, ...limits])
}

/** Publishes an event, and resolves to its ID. */
async function publish({ url }: WatchedHub, seq: number): Promise<string> {
  const body = new URLSearchParams({ topic: 'storm', data: eventData({ stream: 0, seq }, 100) })
  const response = await fetch(`${url}${path}`, { method: 'POST', body })
  if (!response.ok) throw new Error(`The hub answered ${response.status}: ${await response.text()}`)
  return await response.text()
}

function subscribe(lastEventId?: string): string {
  return httpRequest('GET', `${path}?match=storm`, eventStreamHeaders(lastEventId))
}

function portOf({ url }: WatchedHub): number {
  return Number(new URL(url).port)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
