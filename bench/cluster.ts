// What several hubs over PostgreSQL cost: `npm run bench:cluster --workspace bench`.
// Hubs over one PostgreSQL of their own, all on this machine. Every event is published at the first hub; a subscriber of each
// measures how long it took. Then: what a transaction that stays open does to others, and how long a new hub takes to be ready.
// Linux only: it reads /proc.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { initializeEngine } from '../packages/hub/src/store/postgres/administer.ts'
import { PostgresServer } from '../packages/hub/test/store/postgres/postgres-server.ts'
import { path, quantile, WatchedHubs } from './watched-hubs.ts'

const seconds = Number(process.env.SECONDS ?? 8)
const history = Number(process.env.HISTORY ?? 1_000_000)
/** Arrays of events in a second. */
const rate = 50

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const engine = await PostgresServer.start()
const hubs = new WatchedHubs()
try {
  await initializeEngine(engine.url())
  console.log('| hubs | events/s | subscriber at | p50 ms | p99 ms | CPU µs per event |')
  console.log('| ---: | ---: | --- | ---: | ---: | ---: |')
  for (const count of [1, 2, 3]) {
    void hubs.subscribe(await start(count))
    await wait(1000)
    await hubs.publish(post, 20, 50, 1)
    for (const each of [1, 100]) {
      for (const { name, p50, p99, cpuUs } of await hubs.measure(post, rate, rate * seconds, each)) {
        console.log(`| ${count} | ${rate * each} | ${name} | ${p50} | ${p99} | ${cpuUs} |`)
      }
    }
  }
  await measureOpenTransaction()
  await measureNewHub()
} finally {
  await hubs.stop()
  await engine.dispose()
  rmSync(directory, { recursive: true })
}
process.exit()

function start(number: number) {
  const store = engine.url({ directory: join(directory, `hub-${number}`) })
  const limits = ['--max-body-bytes', '64MiB', '--max-publish-rate', '100000000', '--max-bytes', '4GiB']
  return hubs.start(`hub ${number}`, ['--dev', '--store', store, ...limits])
}

/** Publishes at the first hub. */
async function post(body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${hubs.all[0]!.url}${path}`, { method: 'POST', body, headers })
  if (!response.ok) throw new Error(`The hub answered ${response.status}: ${await response.text()}`)
  await response.text()
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
  await start(4)
  const took = (performance.now() - at) / 1000
  console.log(`\nA new hub on ${history.toLocaleString('en')} events is ready after ${took.toFixed(1)} s.`)
}
