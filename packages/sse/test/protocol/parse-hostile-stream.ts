/**
 * Run as a process of its own by parse.memory.test.ts, so that nobody else's memory is measured: feeds a parser the hostile stream
 * that is named on the command line, and prints what came of it and how far the memory of the process rose meanwhile.
 */
import { readFileSync } from 'node:fs'
import { createParser } from '../../src/protocol/parse.ts'

export interface Outcome {
  events: { length: number; lines: number; last: string }[]
  errors: string[]
  /** How far the peak of the process's memory rose above the peak from before. */
  risenBytes: number
}

const mebibyte = 2 ** 20
const encoder = new TextEncoder()

/** What is fed: each chunk so many times. */
const streams: Record<string, [chunk: string, times: number][]> = {
  'warm-up': [['data: x\n\n', 10_000]],
  line: [
    ['data: ', 1],
    ['x'.repeat(1024), 256 * 1024],
    ['\n\n', 1],
  ],
  lines: [
    ['data: x\n'.repeat(128), 256 * 1024],
    ['\n', 1],
  ],
  'empty lines': [
    ['data:\n', 150_000],
    ['\n', 1],
  ],
  'endless line': [
    ['data: ', 1],
    ['x'.repeat(1024), 256 * 1024],
  ],
  'endless field name': [['x'.repeat(1024), 256 * 1024]],
  'endless comment': [[':'.repeat(1024), 256 * 1024]],
  'endless event': [[`data: ${'x'.repeat(57)}\n`.repeat(16), 256 * 1024]],
  heartbeats: [[': heartbeat\n'.repeat(93), 64 * 1024]],
}

parse('warm-up')
const before = peakBytes()
const { events, errors } = parse(process.argv[2] ?? '')
const outcome: Outcome = { events, errors, risenBytes: peakBytes() - before }
console.log(JSON.stringify(outcome))

function parse(name: string): Pick<Outcome, 'events' | 'errors'> {
  const stream = streams[name]
  if (!stream) throw new Error(`There is no stream ${JSON.stringify(name)}, only ${Object.keys(streams).join(', ')}.`)
  const events: Outcome['events'] = []
  const errors: string[] = []
  const parser = createParser({
    maxEventBytes: name.startsWith('endless') ? 100 * mebibyte : 300 * mebibyte,
    onEvent: ({ data }) => events.push({ length: data.length, lines: countLines(data), last: data.slice(-1) }),
    onError: ({ code }) => {
      if (code === 'EVENT_TOO_LARGE') errors.push(code)
    },
  })
  for (const [text, times] of stream) {
    const chunk = encoder.encode(text)
    for (let count = 0; count < times; count++) parser.feed(chunk)
  }
  return { events, errors }
}

/** Reads every character, as a user would, so that a string which only promises to be joined has to keep its word. */
function countLines(data: string): number {
  let lines = 1
  for (let at = data.indexOf('\n'); at >= 0; at = data.indexOf('\n', at + 1)) lines++
  return lines
}

/** Linux lets the `maxRSS` of a new process begin with its parent's, so there it is asked elsewhere. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}
