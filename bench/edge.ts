// What a hub at the edge adds: `npm run bench:edge --workspace bench`.
// A hub, one at its edge, and one at the edge of that one. Every event is published at the first, or
// through the last; a subscriber of each measures how long it took. The same events are measured at
// all three, so that what else the machine does counts for each. Linux only: it reads /proc.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { events } from '@headwater/sse/client'
import { readCpuMs } from './hub/process-tree.ts'

const main = fileURLToPath(new URL('../packages/hub/dist/cli/main.js', import.meta.url))
const seconds = Number(process.env.SECONDS ?? 10)
const path = '/.well-known/mercure'
let next = 0
const secret = 'a secret of 32 bytes or more, for a benchmark'
const keys = [
  ...['--publisher-key', secret, '--subscriber-key', secret, '--key-alg', 'HS256'],
  ...['--issuer', 'https://example.com', '--audience', 'https://hub.example.com', '--anonymous'],
]

interface Hub {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
  readonly received: Map<number, number>
}

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const hubs: Hub[] = []
try {
  const token = await mint()
  const edgeOf = ({ url }: Hub) => ['--upstream', url, '--upstream-token', token]
  hubs.push(await start('hub', []))
  hubs.push(await start('edge', edgeOf(hubs[0]!)))
  hubs.push(await start('edge of the edge', edgeOf(hubs[1]!)))
  for (const hub of hubs) void subscribe(hub)
  await wait(1000)
  await publish(hubs[0]!, token, 20, 50)
  console.log('| published at | events/s | subscriber at | p50 ms | p99 ms | CPU µs per event |')
  console.log('| --- | ---: | --- | ---: | ---: | ---: |')
  for (const rate of [20, 200]) await measure(hubs[0]!, token, rate)
  await measure(hubs[0]!, token, 20, 100)
  await measure(hubs[2]!, token, 20)
  await measure(hubs[2]!, token, 20, 100)
} finally {
  for (const { child } of hubs.toReversed()) {
    child.kill()
    await once(child, 'exit')
  }
  rmSync(directory, { recursive: true })
}
process.exit()

async function mint(): Promise<string> {
  const parameters = [
    'token',
    '--key',
    secret,
    ...keys.slice(6, 10),
    '--replicate',
    '--publish',
    '*',
    '--expires',
    '1d',
  ]
  const child = spawn(process.execPath, [main, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return line
}

async function start(name: string, flags: readonly string[]): Promise<Hub> {
  const store = `file:${join(directory, name.replaceAll(' ', '-'))}`
  const child = spawn(
    process.execPath,
    [main, 'serve', ...keys, '--listen', '127.0.0.1:0', '--threads', '1', '--store', store, ...flags],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { name, url: line.split(' ').at(-1)!, child, received: new Map() }
}

async function subscribe({ url, received }: Hub): Promise<void> {
  for await (const { data } of events(`${url}${path}?match=*`))
    received.set(Number(data.split(' ')[0]), performance.now())
}

/** Publishes arrays of events at a rate of arrays, and returns when each event was sent. */
async function publish(
  { url }: Hub,
  token: string,
  rate: number,
  count: number,
  each = 1,
): Promise<Map<number, number>> {
  const sent = new Map<number, number>()
  const answers: Promise<unknown>[] = []
  const startedAt = performance.now()
  for (let n = 0; n < count; n++) {
    const waitMs = startedAt + (n * 1000) / rate - performance.now()
    if (waitMs > 0) await wait(waitMs)
    const keys = Array.from({ length: each }, () => next++)
    const body = JSON.stringify(keys.map((key) => ({ topic: `t/${key % 100}`, data: `${key} ${'x'.repeat(100)}` })))
    for (const key of keys) sent.set(key, performance.now())
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    answers.push(fetch(`${url}${path}`, { method: 'POST', body, headers }).then((response) => response.text()))
  }
  await Promise.all(answers)
  while (hubs.some(({ received }) => !received.has(next - 1))) await wait(5)
  await wait(100)
  return sent
}

async function measure(at: Hub, token: string, rate: number, each = 1): Promise<void> {
  const before = hubs.map(({ child }) => readCpuMs(child.pid!))
  const sent = await publish(at, token, rate, rate * seconds, each)
  for (const [index, { name, received, child }] of hubs.entries()) {
    const latencies = [...sent].map(([key, ms]) => received.get(key)! - ms).sort((a, b) => a - b)
    const at99 = latencies[Math.floor(latencies.length * 0.99)]!
    const at50 = latencies[Math.floor(latencies.length / 2)]!
    const cpu = ((readCpuMs(child.pid!) - before[index]!) * 1000) / sent.size
    console.log(
      `| ${at.name} | ${rate * each} | ${name} | ${at50.toFixed(1)} | ${at99.toFixed(1)} | ${cpu.toFixed(0)} |`,
    )
  }
}
