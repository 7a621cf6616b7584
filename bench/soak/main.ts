// Tests whether the hub's memory stays flat, for as long as desired: `npm run test:soak`. README.md
// of the benchmarks describes the method.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { plotOf } from './plot.ts'
import type { Sample } from './sampler.ts'
import { type SoakResult, soak } from './soak.ts'
import { failuresOf, summaryOf, tableOf } from './verdict.ts'

const help = `npm run test:soak -- [options]

Starts a hub with a store on disk, keeps it under a steady load, verifies every
event that is delivered, and judges whether its memory stays where it is. Needs Linux.

  --minutes <number>      how long; default 30. What is less than 5 after the warm-up is not judged,
                          but for what is delivered
  --warm-up <number>      how many of those minutes do not count, while the history and what feeds keep of it
                          fill up; default a quarter, and no less than that takes: 7 at 50 events/s
  --rate <number>         events published each second; default 50
  --subscribers <number>  that stay from the beginning to the end; a quarter of them comes and goes besides; default 200
  --threads <number>      of the hub; default 1. With more, only what the first one has on its heap is seen, and RSS of all
  --max-events <number>   that the hub keeps; default: those of two minutes, so that trimming is soon part of it
  --out <directory>       where last-run.json and plot.svg go; default .cache/soak
  --snapshots             also write begin.heapsnapshot after the warm-up and end.heapsnapshot at the end, to compare in
                          Chromium's developer tools what is there more; taking one takes memory itself
  --plot <file>           only draw the plot of a last-run.json again, and judge it, with another --warm-up if one is given

Exit codes: 0 memory is flat and nothing was lost, 1 it is not or the hub failed, 2 called wrongly
`

class WrongCall extends Error {}

/**
 * After this many events of this load, the feeds of a hub hold as much as they may (32 MiB), and
 * the mix of what they hold has settled.
 */
const eventsUntilFull = 20_000

/**
 * npm runs this in the folder of the benchmarks, but a path is relative to the folder in which it
 * is typed.
 */
const here = process.env.INIT_CWD ?? process.cwd()
const root = fileURLToPath(new URL('../..', import.meta.url))

// The hub is stopped when the process exits, which an unhandled signal would skip.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  await main()
} catch (error) {
  console.error(error instanceof WrongCall ? `${error.message} npm run test:soak -- --help has all options.` : error)
  process.exit(error instanceof WrongCall ? 2 : 1)
}

async function main(): Promise<void> {
  const values = readArgs()
  if (values.help) return console.log(help)
  const out = resolve(here, values.out ?? join(root, '.cache/soak'))
  const result =
    values.plot === undefined ? await run(values, out) : readResult(resolve(here, values.plot), values['warm-up'])
  mkdirSync(out, { recursive: true })
  if (values.plot === undefined) writeFileSync(join(out, 'last-run.json'), `${JSON.stringify(result, undefined, 1)}\n`)
  writeFileSync(join(out, 'plot.svg'), await plotOf(result))

  console.log(`\n${tableOf(result)}\n${summaryOf(result)}`)
  console.log(`plot.svg${values.plot === undefined ? ' and last-run.json are' : ' is'} in ${out}`)
  const failures = failuresOf(result)
  console.log(failures.length === 0 ? 'soak: ok' : `soak: FAILED: ${failures.join('; ')}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

function readArgs() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '30' },
        'warm-up': { type: 'string' },
        rate: { type: 'string', default: '50' },
        subscribers: { type: 'string', default: '200' },
        threads: { type: 'string', default: '1' },
        'max-events': { type: 'string' },
        out: { type: 'string' },
        plot: { type: 'string' },
        snapshots: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new WrongCall(`${(error as Error).message}.`)
  }
}

async function run(values: ReturnType<typeof readArgs>, out: string): Promise<SoakResult> {
  if (!existsSync('/proc/self/fd'))
    throw new WrongCall('This machine has no /proc, where a process tells its open files: run it on Linux.')
  if (!existsSync(join(root, 'packages/hub/dist/cli/main.js')))
    throw new WrongCall('The hub is not built. Run: npm run build.')
  const seconds = numberOf('minutes', values.minutes) * 60
  const eventsPerSecond = numberOf('rate', values.rate)
  const warmUpSeconds =
    values['warm-up'] === undefined
      ? Math.max(seconds / 4, Math.min(seconds, eventsUntilFull / eventsPerSecond))
      : numberOf('warm-up', values['warm-up']) * 60
  if (values['warm-up'] !== undefined && warmUpSeconds >= seconds)
    throw new WrongCall('--warm-up is not less than --minutes: nothing would count. Give it less.')
  const lookAt = Math.max(1, Math.round(60 / sampleSecondsOf(seconds)))
  if (values.snapshots) mkdirSync(out, { recursive: true })
  let samples = 0
  return await soak({
    seconds,
    warmUpSeconds,
    eventsPerSecond,
    subscribers: wholeNumberOf('subscribers', values.subscribers),
    threads: wholeNumberOf('threads', values.threads),
    maxEvents: wholeNumberOf('max-events', values['max-events'] ?? String(Math.ceil(eventsPerSecond * 120))),
    sampleSeconds: sampleSecondsOf(seconds),
    collectSeconds: seconds / 15,
    snapshotDirectory: values.snapshots ? out : undefined,
    onSample: (sample) => {
      if (sample.isCollected || samples++ % lookAt === 0) console.log(lineOf(sample))
    },
  })
}

/** Few enough that all pairs of them can be compared. */
function sampleSecondsOf(seconds: number): number {
  return Math.max(Math.min(5, seconds / 10), seconds / 1000)
}

function lineOf(sample: Sample): string {
  const [rss, heap, external, store] = [sample.rss, sample.heapUsed, sample.external, sample.storeBytes].map((bytes) =>
    (bytes / 1e6).toFixed(1),
  )
  const time = `${(sample.at / 60).toFixed(1)} min`
  const kind = sample.isCollected ? ', garbage collected' : ''
  return `${time}: RSS ${rss} MB, heap ${heap} MB, external ${external} MB, store ${store} MB, ${sample.connections} connections, ${sample.openFiles} files, ${sample.feeds} feeds${kind}`
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new WrongCall(`--${name} is ${JSON.stringify(text)}. Give a number above 0, such as --${name} 10.`)
}

function wholeNumberOf(name: string, text: string): number {
  const value = numberOf(name, text)
  if (Number.isInteger(value)) return value
  throw new WrongCall(`--${name} is ${JSON.stringify(text)}. Give a whole number, such as --${name} 10.`)
}

function readResult(file: string, warmUp: string | undefined): SoakResult {
  if (!existsSync(file)) throw new WrongCall(`There is no ${file}. Give the last-run.json of a soak.`)
  const result = JSON.parse(readFileSync(file, 'utf8')) as SoakResult
  if (warmUp === undefined) return result
  return { ...result, options: { ...result.options, warmUpSeconds: numberOf('warm-up', warmUp) * 60 } }
}
