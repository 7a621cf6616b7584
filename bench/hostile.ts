// How parsers handle hostile streams: `npm run bench:hostile --workspace bench`. Each parser and
// stream has a process of its own, whose peak of memory is measured relative to before. A stream is
// fed until it ends or 60 seconds are over.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getLines, getMessages } from '@microsoft/fetch-event-source/lib/esm/parse.js'
import { createParser as createOtherParser } from 'eventsource-parser'
import { createParser } from '../packages/sse/src/protocol/parse.ts'

const mebibyte = 2 ** 20
const deadlineMs = 60_000

type Feed = (chunk: Uint8Array) => void

const parsers: Record<string, (onEvent: (data: string) => void) => Feed> = {
  ours(onEvent) {
    const parser = createParser({ maxEventBytes: 512 * mebibyte, onEvent: ({ data }) => onEvent(data) })
    return (chunk) => parser.feed(chunk)
  },
  'eventsource-parser'(onEvent) {
    const parser = createOtherParser({ onEvent: ({ data }) => onEvent(data) })
    const decoder = new TextDecoder()
    return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }))
  },
  'fetch-event-source'(onEvent) {
    const ignore = () => {}
    return getLines(getMessages(ignore, ignore, ({ data }) => onEvent(data)))
  },
}

const streams: Record<string, { text: string; times: number }> = {
  'one line of 256 MiB in chunks of 1 KiB': { text: 'x'.repeat(1024), times: 256 * 1024 },
  'one event of 256 MiB in data lines of 8 bytes': { text: 'data: x\n'.repeat(128), times: 256 * 1024 },
}

const [parserName, streamName] = process.argv.slice(2)
if (parserName && streamName) measure(parserName, streamName)
else runAll()

function runAll(): void {
  console.log(
    `Node ${process.version}\n\n| stream | parser | seconds | peak memory above before, MiB |\n| --- | --- | ---: | ---: |`,
  )
  for (const stream of Object.keys(streams)) {
    for (const parser of Object.keys(parsers)) {
      const { stdout, signal, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), parser, stream], {
        encoding: 'utf8',
        timeout: 2 * deadlineMs,
      })
      console.log(`| ${stream} | ${parser} | ${stdout.trim() || `gave up: ${signal ?? `exit code ${status}`} |`} |`)
    }
  }
}

function measure(parser: string, stream: string): void {
  const { text, times } = streams[stream] as { text: string; times: number }
  let length = 0
  const feed = parsers[parser]?.((data) => {
    length += data.length
  }) as Feed
  const encoder = new TextEncoder()
  feed(encoder.encode('data: warm up\n\n'))
  length = 0
  const chunk = encoder.encode(text)
  const before = peakBytes()
  const began = performance.now()
  feed(encoder.encode('data: x\ndata: '))
  let count = 0
  while (count < times && performance.now() - began < deadlineMs) {
    feed(chunk)
    count++
  }
  feed(encoder.encode('\n\n'))
  const seconds = (performance.now() - began) / 1000
  const all = count === times ? '' : ` (stopped after ${((count * chunk.length) / mebibyte).toFixed(1)} MiB)`
  if (length === 0) throw new Error('The event did not arrive.')
  console.log(`${seconds.toFixed(1)}${all} | ${((peakBytes() - before) / mebibyte).toFixed(0)}`)
}

function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}
