// The speed of the event store: `npm run bench:store --workspace bench`, or for a part of it
// `node bench/store.ts appends trimming history`.
// Prints the tables of README.md. Every figure is the median of rounds in which all sides take
// turns, so that a noisy machine affects all alike.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { createMemoryStore } from '../packages/hub/src/store/memory.ts'
import { openSqliteStore } from '../packages/hub/src/store/sqlite.ts'
import type { EventRecord, EventStore } from '../packages/hub/src/store/store.ts'

const rounds = Number(process.env.ROUNDS ?? 5)
const seconds = Number(process.env.SECONDS ?? 2)
const publisherCounts = (process.env.PUBLISHERS ?? '1,16,64,256').split(',').map(Number)
const historyEvents = Number(process.env.EVENTS ?? 1_000_000)
/** The longest that a round waits for the machine to be idle. */
const calmSeconds = Number(process.env.CALM ?? 0)
let disturbed = 0
const topics = 100
const data = 'x'.repeat(100)
const idEvery = 10

const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'headwater-bench-'))
let directories = 0
const newDirectory = () => join(root, String(++directories))

try {
  console.log(
    `Node ${process.version}, medians of ${rounds} rounds, ${seconds} s each; events of ${data.length} B over ${topics} topics\n`,
  )
  const parts = { appends: benchAppends, trimming: benchTrimming, history: benchHistory }
  for (const [name, part] of Object.entries(parts)) {
    if (process.argv.length === 2 || process.argv.includes(name)) await part()
  }
  if (calmSeconds > 0) console.log(`\n${disturbed} rounds began on a busy machine.`)
} finally {
  rmSync(root, { recursive: true })
}

/** Publishers that each await an append before the next. */
async function benchAppends(): Promise<void> {
  const sides: Record<string, () => Promise<Appender>> = {
    'bare file, fdatasync': openBareFile,
    full: () => openSqliteStore({ directory: newDirectory() }),
    fast: () => openSqliteStore({ directory: newDirectory(), durability: 'fast' }),
    memory: async () => createMemoryStore({ maxEvents: 10_000 }),
  }
  console.log(
    '| publishers | side | appends/s | best round | append p50 ms | append p99 ms | event loop p99 ms | main thread us/append | CPU us/append |',
  )
  console.log('| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const publishers of publisherCounts) {
    const results = new Map<string, AppendResult[]>(Object.keys(sides).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, openSide] of Object.entries(sides)) {
        const store = await openSide()
        await publish(store, publishers, 300)
        await calm()
        results.get(name)!.push(await publish(store, publishers, seconds * 1000))
        await store.close()
      }
    }
    for (const [name, list] of results) printAppends(String(publishers), name, list)
  }
}

/** The same at the bound of the retention, where each appended event trims another one. */
async function benchTrimming(): Promise<void> {
  console.log('\n| 64 publishers, full | appends/s | best round | append p50 ms | append p99 ms | longest ms |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |')
  const sides = { 'nothing to trim': Infinity, 'at the bound: one trimmed for each appended': 20_000 }
  const results = new Map<string, AppendResult[]>(Object.keys(sides).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, maxEvents] of Object.entries(sides)) {
      const store = await openSqliteStore({ directory: newDirectory(), maxEvents })
      await fill(store, 25_000)
      await calm()
      results.get(name)!.push(await publish(store, 64, seconds * 1000))
      await store.close()
    }
  }
  for (const [name, list] of results) {
    const of = (pick: (result: AppendResult) => number) => median(list.map(pick))
    console.log(
      `| ${name} | ${thousands(of((r) => r.perSecond))} | ${thousands(Math.max(...list.map((r) => r.perSecond)))} | ${of((r) => r.p50).toFixed(2)} | ${of((r) => r.p99).toFixed(2)} | ${of((r) => r.longest).toFixed(1)} |`,
    )
  }
}

interface Appender {
  append(event: EventRecord): Promise<unknown>
  close(): Promise<void>
}

interface AppendResult {
  perSecond: number
  p50: number
  p99: number
  longest: number
  loopP99: number
  mainMicroseconds: number
  /** Of all threads. It says more than the rates when the machine is busy with other things. */
  cpuMicroseconds: number
}

async function publish(store: Appender, publishers: number, ms: number): Promise<AppendResult> {
  const waits: number[] = []
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const utilization = performance.eventLoopUtilization()
  const start = performance.now()
  const end = start + ms
  const publisher = async (index: number) => {
    for (let n = index; ; n += 7) {
      const before = performance.now()
      if (before > end) return
      await store.append(event(n))
      waits.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: publishers }, (_, index) => publisher(index)))
  const took = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  waits.sort((a, b) => a - b)
  return {
    perSecond: (waits.length / took) * 1000,
    p50: waits[Math.floor(waits.length * 0.5)]!,
    p99: waits[Math.floor(waits.length * 0.99)]!,
    longest: waits.at(-1)!,
    cpuMicroseconds: (user + system) / waits.length,
    mainMicroseconds: (performance.eventLoopUtilization(utilization).active * 1000) / waits.length,
    // The monitor also counts the millisecond between its own samples.
    loopP99: Math.max(0, delay.percentile(99) / 1e6 - 1),
  }
}

function printAppends(publishers: string, name: string, results: readonly AppendResult[]): void {
  const best = Math.max(...results.map((result) => result.perSecond))
  const of = (pick: (result: AppendResult) => number) => median(results.map(pick))
  console.log(
    `| ${publishers} | ${name} | ${thousands(of((r) => r.perSecond))} | ${thousands(best)} | ${of((r) => r.p50).toFixed(2)} | ${of((r) => r.p99).toFixed(2)} | ${of((r) => r.loopP99).toFixed(1)} | ${of((r) => r.mainMicroseconds).toFixed(1)} | ${of((r) => r.cpuMicroseconds).toFixed(1)} |`,
  )
}

/** What the disk allows: a line per event; all lines that wait share one write and one sync. */
async function openBareFile(): Promise<Appender> {
  const directory = newDirectory()
  mkdirSync(directory)
  const file: FileHandle = await open(join(directory, 'log'), 'a')
  let waiting: { line: string; resolve: () => void }[] = []
  let isWriting = false
  const write = async () => {
    isWriting = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      await file.write(group.map(({ line }) => line).join(''))
      await file.datasync()
      for (const { resolve } of group) resolve()
    }
    isWriting = false
  }
  return {
    append: (event) =>
      new Promise<void>((resolve) => {
        waiting.push({ line: `${JSON.stringify(event)}\n`, resolve })
        if (!isWriting) write()
      }),
    close: () => file.close(),
  }
}

async function benchHistory(): Promise<void> {
  const store = await openSqliteStore({ directory: newDirectory(), durability: 'fast', maxBytes: Infinity })
  await fill(store, historyEvents)
  const { head } = await store.bounds()

  console.log(`\n| replay of a history of ${thousands(historyEvents)} events | events/s | best round |`)
  console.log('| --- | ---: | ---: |')
  const topic = (n: number) => new Set([topicOf(n)])
  type Reader = [topics: ReadonlySet<string> | undefined, maxEvents: number, maxBytes: number]
  const asTheHub = (n: number): Reader => [topic(n), 1000, 65_536]
  const sides: Record<string, Reader[]> = {
    'one topic, pages of 1,000 events': [[topic(7), 1000, Infinity]],
    'one topic, pages of 64 KiB, as the hub reads': [asTheHub(8)],
    'the same, eight topics at once': Array.from({ length: 8 }, (_, n) => asTheHub(10 + n)),
    'ten topics, pages of 1,000 events': [[new Set(Array.from({ length: 10 }, (_, n) => topicOf(n))), 1000, Infinity]],
    'all topics, pages of 1,000 events': [[undefined, 1000, Infinity]],
  }
  const rates = new Map<string, number[]>(Object.keys(sides).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, readers] of Object.entries(sides)) {
      await calm()
      const start = performance.now()
      let events = 0
      const replay = async ([topics, maxEvents, maxBytes]: Reader) => {
        for (let after = 0; after < head.position && events < 200_000; ) {
          const page = await store.read({ after, through: head.position, topics, maxEvents, maxBytes })
          events += page.events.length
          after = page.through
        }
      }
      await Promise.all(readers.map(replay))
      rates.get(name)!.push((events / (performance.now() - start)) * 1000)
    }
  }
  for (const [name, list] of rates)
    console.log(`| ${name} | ${thousands(median(list))} | ${thousands(Math.max(...list))} |`)

  console.log('\n| to find in it, one after another | median us | p99 us |')
  console.log('| --- | ---: | ---: |')
  const oldest = 1
  const lastId = historyEvents - (historyEvents % idEvery) - idEvery
  const lookups: Record<string, (n: number) => Promise<unknown>> = {
    'a recent position': (n) => store.inspect(head.position - n),
    'an old position': (n) => store.inspect(oldest + n),
    'any position': (n) => store.inspect(1 + ((n * 7919) % head.position)),
    "a recent publisher's id": (n) => store.find(idOf(lastId - n * idEvery)!),
    "an old publisher's id": (n) => store.find(idOf(n * idEvery)!),
    'an unknown id': (n) => store.find(`nobody's ${n}`),
    'the next page after a recent position, one topic': (n) =>
      store.read({
        after: head.position - n,
        through: head.position,
        topics: topic(n),
        maxEvents: 1000,
        maxBytes: 65_536,
      }),
  }
  for (const [name, lookup] of Object.entries(lookups)) {
    const waits: number[] = []
    for (let n = 0; n < 2000; n++) {
      const before = performance.now()
      await lookup(n)
      waits.push((performance.now() - before) * 1000)
    }
    waits.sort((a, b) => a - b)
    console.log(`| ${name} | ${waits[1000]!.toFixed(0)} | ${waits[1980]!.toFixed(0)} |`)
  }
  await store.close()
}

/** Waits until the machine is idle for a moment, but not forever. */
async function calm(): Promise<void> {
  for (const end = performance.now() + calmSeconds * 1000; performance.now() < end; ) {
    const before = cpuTimes()
    await pause(150)
    const after = cpuTimes()
    if ((after.idle - before.idle) / (after.all - before.all) > 0.85) return
  }
  disturbed += 1
}

function cpuTimes(): { idle: number; all: number } {
  let idle = 0
  let all = 0
  for (const { times } of cpus()) {
    idle += times.idle
    all += times.idle + times.user + times.sys + times.nice + times.irq
  }
  return { idle, all }
}

async function fill(store: EventStore, events: number): Promise<void> {
  const group = 1000
  for (let n = 0; n < events; n += group) {
    await Promise.all(
      Array.from({ length: Math.min(group, events - n) }, (_, index) =>
        store.append({ ...event(n + index), id: idOf(n + index) }),
      ),
    )
  }
}

function event(n: number): EventRecord {
  return { topics: [topicOf(n)], data, isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
}

function topicOf(n: number): string {
  return `https://example.com/topics/${(n * 7919) % topics}`
}

/** Only some publishers choose IDs of their own. */
function idOf(n: number): string | undefined {
  return n % idEvery === 0 ? `urn:id:${n}` : undefined
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en')
}
