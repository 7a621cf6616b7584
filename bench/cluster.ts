// What several hubs over PostgreSQL cost: `npm run bench:cluster --workspace bench`.
// Hubs over one PostgreSQL of their own, all on this machine. Every event is published at the first hub; a subscriber of each
// measures how long it took. Then: what a transaction that stays open does to others, and how long a new hub takes to be ready.
// Linux only: it reads /proc.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { events } from '@headwater/sse/client'
import { initializeEngine } from '../packages/hub/src/store/postgres/administer.ts'
import { PostgresServer } from '../packages/hub/test/store/postgres/postgres-server.ts'
import { readCpuMs } from './hub/process-tree.ts'

const main = fileURLToPath(new URL('../packages/hub/dist/cli/main.js', import.meta.url))
const seconds = Number(process.env.SECONDS ?? 8)
const history = Number(process.env.HISTORY ?? 1_000_000)
const path = '/.well-known/mercure'

interface Hub {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
  readonly received: Map<number, number>
}

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const engine = await PostgresServer.start()
const hubs: Hub[] = []
let next = 0
try {
  await initializeEngine(engine.url())
  console.log('| hubs | events/s | subscriber at | p50 ms | p99 ms | CPU µs per event |')
  console.log('| ---: | ---: | --- | ---: | ---: | ---: |')
  for (const count of [1, 2, 3]) {
    const hub = await start(count)
    hubs.push(hub)
    void subscribe(hub)
    await wait(1000)
    await publish(20, 50, 1)
    for (const each of [1, 100]) await measure(each)
  }
  await measureOpenTransaction()
  await measureNewHub()
} finally {
  for (const { child } of hubs) {
    child.kill()
    await once(child, 'exit')
  }
  await engine.dispose()
  rmSync(directory, { recursive: true })
}
process.exit()

async function start(number: number): Promise<Hub> {
  const store = engine.url({ directory: join(directory, `hub-${number}`) })
  const limits = ['--max-body-bytes', '64MiB', '--max-publish-rate', '100000000', '--max-bytes', '4GiB']
  const child = spawn(
    process.execPath,
    [main, 'serve', '--dev', '--listen', '127.0.0.1:0', '--threads', '1', '--store', store, ...limits],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { name: `hub ${number}`, url: line.split(' ').at(-1)!, child, received: new Map() }
}

async function subscribe({ url, received }: Hub): Promise<void> {
  for await (const { data } of events(`${url}${path}?match=*`))
    received.set(Number(data.split(' ')[0]), performance.now())
}

/** Publishes arrays of events at the first hub, and returns when each event was sent. */
async function publish(rate: number, count: number, each: number): Promise<Map<number, number>> {
  const sent = new Map<number, number>()
  const answers: Promise<unknown>[] = []
  const startedAt = performance.now()
  for (let n = 0; n < count; n++) {
    const waitMs = startedAt + (n * 1000) / rate - performance.now()
    if (waitMs > 0) await wait(waitMs)
    const keys = Array.from({ length: each }, () => next++)
    const body = JSON.stringify(keys.map((key) => ({ topic: `t/${key % 100}`, data: `${key} ${'x'.repeat(100)}` })))
    for (const key of keys) sent.set(key, performance.now())
    answers.push(post(body))
  }
  await Promise.all(answers)
  while (hubs.some(({ received }) => !received.has(next - 1))) await wait(5)
  await wait(100)
  return sent
}

async function post(body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${hubs[0]!.url}${path}`, { method: 'POST', body, headers })
  if (!response.ok) throw new Error(`The hub answered ${response.status}: ${await response.text()}`)
  await response.text()
}

async function measure(each: number): Promise<void> {
  const before = hubs.map(({ child }) => readCpuMs(child.pid!))
  const rate = 50
  const sent = await publish(rate, rate * seconds, each)
  for (const [index, { name, received, child }] of hubs.entries()) {
    const latencies = [...sent].map(([key, ms]) => received.get(key)! - ms)
    const cpu = ((readCpuMs(child.pid!) - before[index]!) * 1000) / sent.size
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(latencies, share).toFixed(1))
    console.log(`| ${hubs.length} | ${rate * each} | ${name} | ${p50} | ${p99} | ${cpu.toFixed(0)} |`)
  }
}

/** Publishes one event after the other, with a transaction open that has published, and without; in turns. */
async function measureOpenTransaction(): Promise<void> {
  const latencies = { 'no transaction open': [] as number[], 'one open that has published': [] as number[] }
  const client = await engine.connect()
  for (let turn = 0; turn < 6; turn++) {
    const isOpen = turn % 2 === 1
    if (isOpen) await client.query("BEGIN; SELECT headwater.publish('late', 'late')")
    const into = latencies[isOpen ? 'one open that has published' : 'no transaction open']
    const end = performance.now() + (seconds / 2) * 1000
    while (performance.now() < end) {
      const at = performance.now()
      await post(JSON.stringify({ topic: 'alone', data: 'x' }))
      into.push(performance.now() - at)
    }
    if (isOpen) await client.query('COMMIT')
  }
  await client.end()
  console.log('\n| one publisher, beside it | p50 ms | p99 ms |\n| --- | ---: | ---: |')
  for (const [name, each] of Object.entries(latencies)) {
    console.log(`| ${name} | ${quantile(each, 0.5).toFixed(2)} | ${quantile(each, 0.99).toFixed(2)} |`)
  }
}

async function measureNewHub(): Promise<void> {
  await engine.query(
    `SELECT headwater.publish('t/' || n % 100, n || repeat(' x', 50)) FROM generate_series(1, ${history}) AS n`,
  )
  const all = async () => Number((await engine.query('SELECT count(*) FROM headwater.outbox'))[0]!.count) === 0
  while (!(await all())) await wait(500)
  const at = performance.now()
  hubs.push(await start(4))
  const took = (performance.now() - at) / 1000
  console.log(`\nA new hub on ${history.toLocaleString('en')} events is ready after ${took.toFixed(1)} s.`)
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * share)]!
}
