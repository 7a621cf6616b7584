// What it costs and saves to compress event streams: `npm run bench:compression --workspace bench`.
// Prints the table of docs/decisions/0012. Three servers take turns: the hub without compression,
// the hub with it (each event is deflated once, for all), and a server with a compressor for each
// connection, flushed after each event. Events arrive one at a time, so that nothing is batched.
import { type ChildProcess, fork } from 'node:child_process'
import { on, once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { constants, createGunzip, createGzip, type Gzip } from 'node:zlib'
import { listen } from '../packages/hub/src/http/server/server.ts'
import { createHubCore } from '../packages/hub/src/hub/hub-core.ts'
import { createMemoryStore } from '../packages/hub/src/store/memory.ts'

const subscribers = Number(process.env.SUBSCRIBERS ?? 300)
const events = Number(process.env.EVENTS ?? 100)
const rounds = Number(process.env.ROUNDS ?? 3)
const path = '/.well-known/mercure?match=a'
const sides = ['plain', 'shared', 'per connection'] as const
type Side = (typeof sides)[number]

if (process.send) await serve(process.argv[2] as Side)
else await compare()

async function compare(): Promise<void> {
  console.log(`Node ${process.version}, ${subscribers} subscribers, ${events} events, medians of ${rounds} rounds\n`)
  console.log(
    '| JSON event | server | bytes on the wire per event | of plain | CPU us per delivery | memory per connection |',
  )
  console.log('| --- | --- | ---: | ---: | ---: | ---: |')
  for (const size of [200, 2000, 20_000]) {
    const trials: Record<Side, Trial[]> = { plain: [], shared: [], 'per connection': [] }
    for (let round = 0; round < rounds; round++) for (const side of sides) trials[side].push(await measure(side, size))
    const figures = (side: Side, of: keyof Trial) => median(trials[side].map((trial) => trial[of]))
    for (const side of sides) {
      const bytes = figures(side, 'bytes')
      console.log(
        `| ${size} B | ${side} | ${bytes.toFixed(0)} | ${((100 * bytes) / figures('plain', 'bytes')).toFixed(0)} % | ${figures(side, 'cpuUs').toFixed(2)} | ${(figures(side, 'memoryBytes') / 1024).toFixed(0)} KiB |`,
      )
    }
  }
}

interface Trial {
  readonly bytes: number
  readonly cpuUs: number
  readonly memoryBytes: number
}

async function measure(side: Side, size: number): Promise<Trial> {
  const server = fork(new URL(import.meta.url), [side])
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  const empty = (await ask(server, 'usage')) as Usage
  const sockets = await Promise.all(Array.from({ length: subscribers }, () => subscribe(port)))
  const received = await countEvents(port)
  await publish(server, 10, size, received)
  const open = (await ask(server, 'usage')) as Usage
  const before = bytesRead(sockets)
  await publish(server, events, size, received)
  const done = (await ask(server, 'usage')) as Usage
  const bytes = bytesRead(sockets) - before
  for (const socket of sockets) socket.destroy()
  server.disconnect()
  await once(server, 'exit')
  return {
    bytes: bytes / events / subscribers,
    cpuUs: (done.cpuUs - open.cpuUs) / events / subscribers,
    memoryBytes: (open.memoryBytes - empty.memoryBytes) / subscribers,
  }
}

async function subscribe(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!head.includes(' 200 OK')) throw new Error(`Not subscribed: ${head}`)
  return socket
}

/** Adds a subscriber, which decodes what it receives as it arrives, and counts the events. */
async function countEvents(port: number): Promise<{ count: number }> {
  const request = get({ port, host: '127.0.0.1', path, headers: { 'accept-encoding': 'gzip' }, agent: false })
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const received = { count: 0 }
  const decoded = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response
  // The connection is cut off when the server ends.
  for (const stream of [response, decoded]) stream.on('error', () => {})
  decoded.on('data', (chunk: Buffer) => {
    for (let at = chunk.indexOf('data: {'); at >= 0; at = chunk.indexOf('data: {', at + 1)) received.count++
  })
  return received
}

async function publish(server: ChildProcess, count: number, size: number, received: { count: number }): Promise<void> {
  const expected = received.count + count
  for (let number = 0; number < count; number++) {
    await ask(server, eventOf(number, size))
    await wait(10)
  }
  for (let turns = 0; received.count < expected; turns++) {
    if (turns > 1000) throw new Error(`${expected - received.count} events did not come.`)
    await wait(10)
  }
  await wait(100)
}

function bytesRead(sockets: readonly Socket[]): number {
  return sockets.reduce((sum, socket) => sum + socket.bytesRead, 0)
}

interface Usage {
  readonly cpuUs: number
  readonly memoryBytes: number
}

async function ask(server: ChildProcess, question: string): Promise<unknown> {
  server.send(question)
  for await (const [answer] of on(server, 'message')) return answer
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** A list of orders: different each time, and as repetitive as such data is. */
function eventOf(number: number, size: number): string {
  const orders: object[] = []
  let text = ''
  for (let seed = number + 1; text.length < size; ) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    const state = ['placed', 'paid', 'shipped', 'returned'][seed % 4]
    const placedAt = new Date(1.7e12 + seed).toISOString()
    orders.push({ id: `ord_${seed.toString(36)}`, state, total: (seed % 100_000) / 100, currency: 'EUR', placedAt })
    text = JSON.stringify({ type: 'orders.changed', orders })
  }
  return text
}

async function serve(side: Side): Promise<void> {
  const send = side === 'per connection' ? await serveWithCompressors() : await serveHub(side === 'shared')
  process.on('message', async (message: string) => {
    if (message !== 'usage') {
      await send(message)
      process.send?.('sent')
      return
    }
    globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system, memoryBytes: process.memoryUsage.rss() } satisfies Usage)
  })
  process.on('disconnect', () => process.exit())
}

async function serveHub(compression: boolean): Promise<(data: string) => Promise<unknown>> {
  const hub = await createHubCore({ store: createMemoryStore() })
  const limits = { maxSubscribersPerAddress: subscribers + 1 }
  const server = await listen(hub, { host: '127.0.0.1', port: 0, compression, limits })
  process.send?.({ port: Number(new URL(server.url).port) })
  return (data) => hub.publish({ topic: 'a', data })
}

async function serveWithCompressors(): Promise<(data: string) => Promise<void>> {
  const streams = new Set<Gzip>()
  const server = createServer((_, res: ServerResponse) => {
    res.useChunkedEncodingByDefault = false
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip', Connection: 'close' })
    const gzip = createGzip({ level: 1, flush: constants.Z_SYNC_FLUSH })
    gzip.pipe(res)
    gzip.write(':\n\n')
    streams.add(gzip)
    res.on('close', () => streams.delete(gzip))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send?.({ port: (server.address() as AddressInfo).port })
  let number = 0
  return async (data) => {
    number++
    for (const gzip of streams) gzip.write(`id: ${number}\ndata: ${data}\n\n`)
  }
}
