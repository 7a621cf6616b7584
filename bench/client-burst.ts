// What an EventSource costs: `npm run bench:client`. Prints the table of README.md. A server sends a
// burst of events in one response; each side receives it in a process of its own, which reports its
// CPU time from the construction of the EventSource to the last event. The sides take turns, so
// that a noisy machine affects all alike.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { median } from './median.ts'

const rounds = Number(process.env.ROUNDS ?? 11)
const burst = Number(process.env.EVENTS ?? 100_000)

interface Source {
  onmessage: ((event: MessageEvent) => unknown) | null
  close(): void
}
type SourceClass = new (url: string) => Source

const sides: Record<string, () => Promise<SourceClass>> = {
  ours: async () => (await import('@headwater/sse/client')).EventSource,
  'eventsource 5': async () => (await import('eventsource')).EventSource as SourceClass,
  'undici (behind Node’s own)': async () => (await import('undici')).EventSource as unknown as SourceClass,
  'fetch alone': async () => BytesOnly,
}

/** The floor: reads the response and counts its events by their known length. */
class BytesOnly implements Source {
  onmessage: ((event: MessageEvent) => unknown) | null = null
  constructor(url: string) {
    void this.#read(url)
  }
  close(): void {}
  async #read(url: string): Promise<void> {
    let bytes = 0
    for await (const chunk of (await fetch(url)).body!) bytes += chunk.length
    for (let index = 0; index < bytes / event(0).length; index++) this.onmessage!({ data: '' } as MessageEvent)
  }
}

const [, , side, url] = process.argv
if (side && url) await receive(side, url)
else await compare()

/** 117 bytes, as a token of a language model. */
function event(index: number): string {
  const before = `id: ${String(index).padStart(7, '0')}\ndata: {"choices":[{"delta":{"content":"`
  return `${before}${'x'.repeat(117 - before.length - 7)}"}}]}\n\n`
}

async function receive(side: string, url: string): Promise<void> {
  const EventSource = await sides[side]!()
  const before = process.cpuUsage()
  const began = performance.now()
  const source = new EventSource(url)
  let count = 0
  source.onmessage = () => {
    if (++count < burst) return
    const { user, system } = process.cpuUsage(before)
    source.close()
    process.send!({ cpu: (user + system) / burst, time: ((performance.now() - began) * 1000) / burst }, () =>
      process.exit(),
    )
  }
}

async function compare(): Promise<void> {
  const body = Buffer.from(Array.from({ length: burst }, (_, index) => event(index)).join(''))
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  const results = new Map(Object.keys(sides).map((name) => [name, [] as { cpu: number; time: number }[]]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, list] of results) {
      const child = fork(import.meta.filename, [name, url])
      const [result] = await once(child, 'message')
      await once(child, 'exit')
      if (round >= 0) list.push(result)
    }
  }
  server.close()

  const reference = results.get('eventsource 5')!
  console.log(`Node ${process.version}, medians of ${rounds} rounds of ${burst} events of ${event(0).length} bytes\n`)
  console.log('| | CPU µs per event | time µs per event | CPU / eventsource 5, median of the pairs |')
  console.log('| --- | ---: | ---: | ---: |')
  for (const [name, list] of results) {
    const cpu = median(list.map((each) => each.cpu))
    const time = median(list.map((each) => each.time))
    const ratio = median(list.map((each, round) => each.cpu / reference[round]!.cpu))
    console.log(`| ${name} | ${cpu.toFixed(2)} | ${time.toFixed(2)} | ${ratio.toFixed(2)} |`)
  }
}
