import { randomUUID } from 'node:crypto'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { type Load, type LoadResult, runLoad } from './bench/load.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, parseHubUrl, tokenOption } from './options/hub-option.ts'
import { wrapColumns } from './terminal/columns.ts'
import { rateText } from './terminal/number-text.ts'
import { paintFor } from './terminal/paint.ts'
import { StatusLine } from './terminal/status-line.ts'

interface BenchOptions {
  hub: URL
  token?: string
  topic?: string
  subscribers: number
  publishers: number
  seconds: number
  rate: number
  bytes: number
  yes?: true
  json?: true
}

/** What the command does without being asked twice. */
const bounds = { subscribers: 100, publishers: 8, seconds: 30, rate: 500, bytes: 10_000 } as const

export function benchCommand(): Command {
  const command = new Command('bench')
    .summary('put your own hub under a small load, and count')
    .description(
      'Puts a hub under load for a few seconds, on a topic of its own, and says what came: deliveries a second, latency, what was lost or doubled, and whether this command was the limit. Only for a hub of your own; its events stay in the history. The token must grant publishing to the topic, and subscribing if the hub is not open to everyone.',
    )
    .argument('[url]', 'URL of the hub; default: --hub', (text) => parseHubUrl(text, 'the URL'))
    .addOption(hubOption())
    .addOption(tokenOption())
    .option('-t, --topic <topic>', 'topic; default: a new one, headwater-bench/…')
  for (const [name, about, usual] of [
    ['subscribers', 'event streams', 10],
    ['publishers', 'publishes at once', 2],
    ['seconds', 'how long', 5],
    ['rate', 'events per second, all publishers together', 100],
    ['bytes', 'size of an event', 100],
  ] as const) {
    const limit = bounds[name].toLocaleString('en')
    command.addOption(
      new Option(`--${name} <count>`, `${about}; more than ${limit} only with --yes`)
        .argParser((text) => parseCount(text, `--${name}`))
        .default(usual),
    )
  }
  command
    .option('-y, --yes', 'go beyond those bounds: I run this hub, and nobody else depends on it now')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  headwater bench --seconds 1
  headwater bench http://127.0.0.1:3000 --subscribers 50 --rate 200 --seconds 1 --json

Exit codes:
  0  every event came to every subscriber once
  1  something was lost, doubled or refused; or the hub is not there
  2  called incorrectly`,
    )
    .action(bench)
  return usesHubConfiguration(command, ['hub'])
}

async function bench(given: URL | undefined, options: BenchOptions): Promise<void> {
  const { hub, token, topic = `headwater-bench/${randomUUID().slice(0, 8)}`, yes, json, ...amounts } = options
  for (const [name, bound] of Object.entries(bounds) as [keyof typeof bounds, number][]) {
    if (yes || amounts[name] <= bound) continue
    throw new HubError(
      'INVALID_OPTION',
      `--${name} ${amounts[name]} is more than ${bound}, the most without --yes. Say --yes if you run this hub and nobody else depends on it now.`,
    )
  }
  const { subscribers, publishers, seconds, rate, bytes } = amounts
  const load: Load = { hub: given ?? hub, token, topic, subscribers, publishers, seconds, rate, bytes }
  const stopped = new AbortController()
  process.once('SIGINT', () => stopped.abort())
  const status = new StatusLine()
  let result: LoadResult
  try {
    result = await runLoad(load, stopped.signal, (text) => status.show(() => text))
  } finally {
    status.clear()
  }
  if (json)
    process.stdout.write(
      `${JSON.stringify({ hub: load.hub.origin, topic, ...amounts, result: { ...result, clientWasLimit: wasLimit(result) } })}\n`,
    )
  else process.stdout.write(report(load, result))
  if (result.lost + result.doubled + result.refused > 0 || result.published === 0) process.exitCode = 1
}

function report(load: Load, result: LoadResult): string {
  const paint = paintFor(process.stdout)
  const { subscribers, publishers, rate, bytes, hub, topic } = load
  const { seconds, published, delivered, refused, refusal, lost, doubled, latency, publishing, reconnects } = result
  // A terminal would break them anywhere.
  const columns = process.stdout.isTTY ? process.stdout.columns : Infinity
  const line = (name: string, text: string) => {
    const [head = '', ...rest] = wrapColumns(`${' '.repeat(11)}${text}`, columns, 11).split('\n')
    return `${[paint('faint', name.padEnd(10)) + head.slice(10), ...rest].join('\n')}\n`
  }
  const count = (number: number) => number.toLocaleString('en')
  const bad = (number: number, text: string) => (number > 0 ? paint('bad', text) : text)
  return [
    line('hub', `${hub.origin}, topic ${topic}`),
    line(
      'load',
      `${count(subscribers)} subscribers, ${count(publishers)} publishers, ${count(rate)} events/s of ${count(bytes)} bytes`,
    ),
    line('published', `${count(published)} in ${seconds.toFixed(1)} s, ${rateText(published / seconds)}/s`),
    line('delivered', `${count(delivered)}, ${rateText(delivered / seconds)}/s`),
    line(
      'lost',
      `${bad(lost, count(lost))}, doubled ${bad(doubled, count(doubled))}, refused ${bad(refused, count(refused))}${refusal === undefined ? '' : ` (${refusal})`}`,
    ),
    line(
      'latency',
      `p50 ${msText(latency.p50)}, p99 ${msText(latency.p99)}, most ${msText(latency.max)}: from a publish until a subscriber has it`,
    ),
    line('publish', `p50 ${msText(publishing.p50)}, p99 ${msText(publishing.p99)}: until it is acknowledged`),
    ...(reconnects > 0 ? [line('broken', `${count(reconnects)} connections broke off and came back`)] : []),
    line('client', clientText(load, result)),
    line('', `The ${count(published)} events stay in the hub's history until it trims them.`),
  ].join('')
}

/** Whether this command could not do more, so that the figures say nothing of what the hub could. */
function wasLimit({ cpu, lateMs }: LoadResult): boolean {
  return cpu > 0.8 || lateMs > 50
}

function clientText({ rate }: Load, result: LoadResult): string {
  const { cpu, lateMs, published, seconds } = result
  const used = `${Math.round(cpu * 100)} % of a core, its timers late by ${msText(lateMs)} (p99)`
  if (wasLimit(result)) return `${used}. This command was the limit: the hub may do more, and latency is overstated.`
  if (published / seconds < rate * 0.9)
    return `${used}. It was not the limit: the hub, or the way to it, did not take ${rate}/s.`
  return `${used}. It was not the limit; the load was as asked for, which is not the most that the hub can do.`
}

function msText(ms: number | null): string {
  if (ms === null) return '-'
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString('en')} ms`
}

function parseCount(text: string, flag: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError('INVALID_OPTION', `${flag} ${text} is not a number. Write a whole number, 1 or more.`)
}
