// What one client that requests much of the history does to others:
// `npm run bench:history-readers --workspace bench`.
// A hub keeps 20 MB on disk. A connection sends 3,000 requests, without waiting for the answers,
// for the last event by another pattern that selects nothing. Rounds with and without it alternate.
// `HUB=/path/to/dist/cli/main.js` measures another version. Linux only: it reads /proc.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readCpuMs } from './hub/process-tree.ts'
import { Publisher } from './hub/publisher.ts'
import { median } from './median.ts'

const main = process.env.HUB ?? fileURLToPath(new URL('../packages/hub/dist/cli/main.js', import.meta.url))
const rounds = Number(process.env.ROUNDS ?? 5)
const secondsOfEach = Number(process.env.SECONDS ?? 2)
const requests = 3000
const path = '/.well-known/mercure'
const missed = 200

const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'))
const hub = spawn(
  process.execPath,
  [main, 'serve', '--dev', '--listen', '127.0.0.1:0', '--store', `file:${join(directory, 'store')}`],
  { stdio: ['ignore', 'pipe', 'ignore'] },
)
try {
  const [line] = (await once(createInterface(hub.stdout), 'line')) as [string]
  const port = Number(/:(\d+)$/.exec(line)?.[1])
  const lastEventId = await fill(port)
  await measure(port, lastEventId, 0.5)
  const quiet: Measured[] = []
  const beside: (Measured & After)[] = []
  for (let round = 0; round < rounds; round++) {
    quiet.push(await measure(port, lastEventId, secondsOfEach))
    const socket = await askMuch(port, round)
    await wait(300)
    const measured = await measure(port, lastEventId, secondsOfEach)
    const peakMib = statusOf('VmHWM')
    socket.destroy()
    beside.push({ ...measured, peakMib, ...(await cpuAfter()) })
  }
  report(quiet, beside)
} finally {
  hub.kill()
  await once(hub, 'exit')
  rmSync(directory, { recursive: true })
}

interface Measured {
  readonly publishMs: number
  readonly resumeMs: number
}

interface After {
  readonly peakMib: number
  /** The figures of the second that begins a second after the client left. */
  readonly cpuMs: number
}

/**
 * Publishes 20,000 events of 1 KB; the last ones are of the topic that is resumed. Returns the ID
 * before those.
 */
async function fill(port: number): Promise<string> {
  const data = 'x'.repeat(1000)
  const publish = async (topics: readonly string[]) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(topics.map((topic) => ({ topic, data }))),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
  }
  for (let n = 0; n < 20_000; n += 500) {
    await publish(Array.from({ length: 500 }, (_, index) => `https://example.com/books/${n + index}`))
  }
  const response = await fetch(`http://127.0.0.1:${port}${path}/last?match=*`)
  const { last_event_id } = (await response.json()) as { last_event_id: string }
  await publish(Array.from({ length: missed }, () => 'https://example.com/shelf'))
  return last_event_id
}

async function measure(port: number, lastEventId: string, seconds: number): Promise<Measured> {
  const publisher = await Publisher.open(port)
  const body = 'topic=https%3A%2F%2Fexample.com%2Fnew&data=x'
  const form = 'Content-Type: application/x-www-form-urlencoded'
  const post = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${form}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const publishMs = await medianTime(seconds, () => publisher.publish(post))
  publisher.close()
  const resumeMs = await medianTime(seconds, () => resume(port, lastEventId))
  return { publishMs, resumeMs }
}

async function medianTime(seconds: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
    await wait(2)
  }
  return median(times)
}

/** Resolves when all missed events have arrived. */
async function resume(port: number, lastEventId: string): Promise<void> {
  const socket = await open(port)
  const url = `${path}?match=${encodeURIComponent('https://example.com/shelf')}&last_event_id=${lastEventId}`
  let received = 0
  const all = new Promise<void>((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length
      if (received >= missed * 1000) resolve()
    })
    socket.on('close', () => reject(new Error('The hub closed a stream.')))
  })
  socket.write(`GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await all
  socket.destroy()
}

async function askMuch(port: number, round: number): Promise<Socket> {
  const socket = await open(port)
  socket.resume()
  const request = (n: number) => {
    const pattern = encodeURIComponent(`https://example.com/none/${round}/${n}/:id`)
    return `GET ${path}/last?match_urlpattern=${pattern} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  }
  socket.write(Array.from({ length: requests }, (_, n) => request(n)).join(''))
  return socket
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function cpuAfter(): Promise<{ cpuMs: number }> {
  await wait(1000)
  const before = readCpuMs(hub.pid!)
  await wait(1000)
  return { cpuMs: readCpuMs(hub.pid!) - before }
}

/** In MiB. */
function statusOf(name: 'VmHWM' | 'VmRSS'): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${hub.pid}/status`, 'latin1'))?.[1]
  return Number(kib) / 1024
}

function report(quiet: readonly Measured[], beside: readonly (Measured & After)[]): void {
  const of = <T>(all: readonly T[], value: (each: T) => number) => median(all.map(value))
  const row = (name: string, without: number, with_: number, digits: number) => {
    const ratio = (with_ / without).toFixed(1)
    console.log(`| ${name} | ${without.toFixed(digits)} | ${with_.toFixed(digits)} | ${ratio} |`)
  }
  console.log(`Node ${process.version}, ${rounds} rounds, medians\n\n| | without | beside | ratio |`)
  console.log('| --- | ---: | ---: | ---: |')
  const publish = (each: Measured) => each.publishMs
  const resumed = (each: Measured) => each.resumeMs
  row('publish p50, ms', of(quiet, publish), of(beside, publish), 2)
  row(`resume (${missed} events) p50, ms`, of(quiet, resumed), of(beside, resumed), 2)
  console.log(`\npeak memory, MiB: ${of(beside, (each) => each.peakMib).toFixed(0)}`)
  console.log(`CPU in the second after the first one after the client left, ms: ${of(beside, (each) => each.cpuMs)}`)
}
