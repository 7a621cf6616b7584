// The speed of parsing event streams: `npm run bench:parser --workspace bench`. Prints the tables
// of README.md. Every figure is the median of rounds in which all parsers take turns in one
// process, so that a noisy machine affects all alike: the ratios mean more than the speeds.
import { createRequire } from 'node:module'
import { getLines, getMessages } from '@microsoft/fetch-event-source/lib/esm/parse.js'
import { createParser as createOtherParser } from 'eventsource-parser'
import { createParser } from '../packages/sse/src/protocol/parse.ts'

const rounds = Number(process.env.ROUNDS ?? 21)

/** Parses the chunks of one stream, and returns the number of events in it. */
type Run = (chunks: readonly Uint8Array[]) => number

const require = createRequire(import.meta.url)
const { EventSourceStream } = require('undici/lib/web/eventsource/eventsource-stream.js') as {
  EventSourceStream: new (
    options: object,
  ) => {
    push(event: unknown): boolean
    _transform(chunk: Uint8Array, encoding: undefined, callback: () => void): void
  }
}

const parsers: Record<string, Run> = {
  ours(chunks) {
    let count = 0
    const parser = createParser({ onEvent: () => count++ })
    for (const chunk of chunks) parser.feed(chunk)
    return count
  },
  // A parser of text: its users put a decoder in front.
  'eventsource-parser'(chunks) {
    let count = 0
    const decoder = new TextDecoder()
    const parser = createOtherParser({ onEvent: () => count++ })
    for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
    return count
  },
  undici(chunks) {
    let count = 0
    const state = { lastEventId: '', reconnectionTime: 3000, origin: null }
    const stream = new EventSourceStream({ eventSourceSettings: state, push: () => count++ })
    stream.push = () => {
      count++
      return true
    }
    for (const chunk of chunks) stream._transform(chunk, undefined, ignore)
    return count
  },
  'fetch-event-source'(chunks) {
    let count = 0
    const onChunk = getLines(getMessages(ignore, ignore, () => count++))
    for (const chunk of chunks) onChunk(chunk)
    return count
  },
}

const ignore = () => {}

interface Case {
  name: string
  event(index: number): string
  events: number
  /** How the bytes are split. */
  chunkBytes: number
}

const padded = (bytes: number, before: string, filler = 'x', after = '"}\n\n') => {
  const missing = bytes - Buffer.byteLength(before) - Buffer.byteLength(after)
  return `${before}${filler.repeat(Math.floor(missing / Buffer.byteLength(filler)))}${after}`
}

const cases: Case[] = [
  {
    name: '56 B events in 64 KiB chunks, LF',
    event: (index) => padded(56, `data: {"n":${index},"text":"`),
    events: 150_000,
    chunkBytes: 65_536,
  },
  {
    name: '56 B events in 64 KiB chunks, CRLF',
    event: (index) => padded(56, `data: {"n":${index},"text":"`, 'x', '"}\r\n\r\n'),
    events: 150_000,
    chunkBytes: 65_536,
  },
  {
    name: '56 B events with id and type in 64 KiB chunks',
    event: (index) => padded(56, `event: tick\nid: ${index}\ndata: {"t":"`),
    events: 150_000,
    chunkBytes: 65_536,
  },
  {
    name: '117 B events, one per chunk',
    event: (index) => padded(117, `data: {"n":${String(index).padStart(7, '0')},"choices":[{"delta":{"content":"`),
    events: 100_000,
    chunkBytes: 117,
  },
  {
    name: '64 KiB events, ASCII, in 64 KiB chunks',
    event: (index) => padded(65_536, `data: {"n":${index},"text":"`),
    events: 400,
    chunkBytes: 65_536,
  },
  {
    name: '64 KiB events, not ASCII, in 64 KiB chunks',
    event: (index) => padded(65_536, `data: {"n":${index},"text":"`, 'é€𝄞 naïve '),
    events: 200,
    chunkBytes: 65_536,
  },
  {
    name: '56 B events, byte by byte',
    event: (index) => padded(56, `data: {"n":${index},"text":"`),
    events: 10_000,
    chunkBytes: 1,
  },
]

console.log(`Node ${process.version}, medians of ${rounds} rounds\n`)
console.log(`| MB/s | ${Object.keys(parsers).join(' | ')} | ours / eventsource-parser |`)
console.log(`| --- |${' ---: |'.repeat(Object.keys(parsers).length + 1)}`)
for (const { name, event, events, chunkBytes } of cases) {
  const stream = Buffer.from(Array.from({ length: events }, (_, index) => event(index)).join(''))
  const chunks: Uint8Array[] = []
  // Copies: a socket's chunks do not share one buffer, nor are they a Buffer in a browser.
  for (let at = 0; at < stream.length; at += chunkBytes)
    chunks.push(new Uint8Array(stream.subarray(at, at + chunkBytes)))

  const times = new Map(Object.keys(parsers).map((parser) => [parser, [] as number[]]))
  for (let round = -3; round < rounds; round++) {
    // The first in a round pays for what the last one left in the caches, so the order rotates.
    const order = Object.entries(parsers)
    order.push(...order.splice(0, (round + rounds) % order.length))
    for (const [parser, run] of order) {
      const began = performance.now()
      const count = run(chunks)
      const microseconds = (performance.now() - began) * 1000
      if (count !== events) throw new Error(`${parser} found ${count} of ${events} events: "${name}"`)
      if (round >= 0) times.get(parser)?.push(microseconds)
    }
  }
  const speeds = [...times.values()].map((list) => stream.length / median(list))
  const ratio = (speeds[0] as number) / (speeds[1] as number)
  console.log(`| ${name} | ${speeds.map((speed) => speed.toFixed(0)).join(' | ')} | ${ratio.toFixed(2)} |`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}
