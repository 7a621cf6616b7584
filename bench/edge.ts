// What a hub at the edge adds: `npm run bench:edge --workspace bench`.
// A hub, one at its edge, and one at the edge of that one. Every event is published at the first, or
// through the last; a subscriber of each measures how long it took. The same events are measured at
// all three, so that what else the machine does counts for each. Linux only: it reads /proc.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { main, path, type WatchedHub, WatchedHubs } from './watched-hubs.ts'

const seconds = Number(process.env.SECONDS ?? 10)
const secret = 'a secret of 32 bytes or more, for a benchmark'
const keys = [
  ...['--publisher-key', secret, '--subscriber-key', secret, '--key-alg', 'HS256'],
  ...['--issuer', 'https://example.com', '--audience', 'https://hub.example.com', '--anonymous'],
]

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const hubs = new WatchedHubs()
try {
  const token = await mint()
  const edgeOf = ({ url }: WatchedHub) => ['--upstream', url, '--upstream-token', token]
  const hub = await start('hub', [])
  const edge = await start('edge', edgeOf(hub))
  const last = await start('edge of the edge', edgeOf(edge))
  for (const each of hubs.all) void hubs.subscribe(each)
  await wait(1000)
  await hubs.publish(postAt(hub, token), 20, 50, 1)
  console.log('| published at | events/s | subscriber at | p50 ms | p99 ms | CPU µs per event |')
  console.log('| --- | ---: | --- | ---: | ---: | ---: |')
  for (const rate of [20, 200]) await measure(hub, token, rate)
  await measure(hub, token, 20, 100)
  await measure(last, token, 20)
  await measure(last, token, 20, 100)
} finally {
  await hubs.stop()
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

function start(name: string, flags: readonly string[]): Promise<WatchedHub> {
  return hubs.start(name, [...keys, '--store', `file:${join(directory, name.replaceAll(' ', '-'))}`, ...flags])
}

function postAt({ url }: WatchedHub, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return async (body: string) => (await fetch(`${url}${path}`, { method: 'POST', body, headers })).text()
}

async function measure(at: WatchedHub, token: string, rate: number, each = 1): Promise<void> {
  for (const { name, p50, p99, cpuUs } of await hubs.measure(postAt(at, token), rate, rate * seconds, each)) {
    console.log(`| ${at.name} | ${rate * each} | ${name} | ${p50} | ${p99} | ${cpuUs} |`)
  }
}
