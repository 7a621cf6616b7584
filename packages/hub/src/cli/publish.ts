import { fstatSync } from 'node:fs'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { type PublishOutcome, publishWithRetry } from './hub-client.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'
import { type LineCounts, publishLines } from './publish-lines.ts'
import { StatusLine } from './terminal/status-line.ts'

interface PublishOptions {
  topic: string[]
  hub: URL
  token?: string
  type?: string
  id?: string
  retry?: string
  private?: true
  wait?: number
  key?: string
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('publish an event, or each line of standard input as one')
    .description(
      'Publishes an event and prints its ID. Without data, publishes each line of standard input as an event, in order and at once. Lines that come faster than the hub answers are sent together. While the hub is away, the command keeps trying and does not read far ahead, so that nothing is lost. If a response is lost, it sends the event again, and the hub recognises it: nothing is published twice. With --key, that holds for the whole command: run it again within an hour, and only what is missing is published.',
    )
    .argument('[data]', 'data of the event; without it, the command reads standard input')
    .requiredOption(
      '-t, --topic <topic>',
      'topic; repeat it for alternates',
      (topic: string, before: string[] = []) => [...before, topic],
    )
    .addOption(hubOption())
    .addOption(tokenOption())
    .option('--type <type>', 'event type; default: message')
    .option('--id <id>', 'event ID, if the hub should not make one (one event only)')
    .option('--retry <ms>', 'reconnection time for the subscribers that receive it, in milliseconds')
    .option('--private', 'only for subscribers whose token grants the topic')
    .option(
      '--wait <seconds>',
      'how long to keep trying while the hub is away; default: 0 with data, no limit with standard input',
      parseSeconds,
    )
    .addOption(
      new Option(
        '--key <key>',
        'name of this publication, the same when it is run again: what the hub has under it for less than an hour is not published again',
      ).argParser(parseKey),
    )
    .addHelpText(
      'after',
      `
Examples:
  headwater publish -t log 'hello'
  headwater publish -t 'https://example.com/books/1' --type stock '{"left":3}'
  tail -f /var/log/syslog | headwater publish -t log
  headwater publish -t import --key import-7 < lines.txt

Exit codes:
  0  published, or already there
  1  refused by the hub, which says why, some lines of standard input included; or no hub answered in time
  2  called incorrectly`,
    )
    .action((data: string | undefined, options: PublishOptions) =>
      data === undefined ? publishStandardInput(options) : publishData(data, options),
    )
  return usesHubConfiguration(command, ['hub'])
}

async function publishData(data: string, options: PublishOptions): Promise<void> {
  const { hub, token, wait = 0, key } = options
  const outcome = await publishWithRetry(hub, fieldsOf(data, options), {
    token,
    until: deadline(wait),
    onAway: reportOnce(hub),
    idempotencyKey: key,
  })
  if (outcome.name !== 'published') throw failure(outcome, hub)
  console.log(outcome.id)
}

async function publishStandardInput(options: PublishOptions): Promise<void> {
  const { hub, token, topic, type, retry, private: isPrivate, wait = Infinity, id, key } = options
  if (id !== undefined) {
    throw new HubError(
      'INVALID_OPTION',
      '--id names one event, and standard input has many. Pass the data as an argument.',
    )
  }
  if (retry !== undefined && !/^\d+$/.test(retry)) {
    throw new HubError('INVALID_OPTION', `--retry ${retry} is not a whole number of milliseconds.`)
  }
  if (process.stdin.isTTY) console.error('headwater: each line you type is published; Ctrl-D ends.')

  const status = new StatusLine()
  const progress = new Progress(process.stdin)
  const { published, already, refused, stop } = await publishLines(progress.read(), {
    hub,
    token,
    key,
    toEvent: (data) => ({
      topic,
      data,
      type,
      retry: retry === undefined ? undefined : Number(retry),
      private: isPrivate,
    }),
    waitMs: wait * 1000,
    onAway: (reason) => status.print(`headwater: ${awayText(hub, reason)}`),
    onRefused: (line, reason) => status.print(`headwater: line ${line} was not published: ${reason}`),
    onProgress: (counts) => status.show(() => progress.textOf(counts)),
  })
  status.clear()
  if (stop) {
    // Reading ahead would keep the process waiting for more.
    process.stdin.destroy()
    throw new HubError(
      stop.name === 'away' ? 'HUB_UNREACHABLE' : 'HUB_REFUSED',
      `${failure(stop, hub).message} ${published} events were published before.${key === undefined ? '' : ' To go on, run the same command again within the hour.'}`,
    )
  }
  const known = key === undefined ? '' : `; ${already} were there already`
  console.error(`headwater: published ${published} events${known}${refused > 0 ? `; ${refused} were refused` : ''}.`)
  if (refused > 0) process.exitCode = 1
}

/** How far the lines of an input are. Of a file also how much of it that is. */
class Progress {
  readonly #input: NodeJS.ReadStream
  readonly #startedAt = performance.now()
  readonly #totalBytes: number | undefined
  #readBytes = 0

  constructor(input: NodeJS.ReadStream) {
    this.#input = input
    const stat = input.isTTY ? undefined : fstatSync(0)
    this.#totalBytes = stat?.isFile() ? stat.size : undefined
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#input as AsyncIterable<Uint8Array>) {
      this.#readBytes += chunk.length
      yield chunk
    }
  }

  textOf({ published, already, refused }: LineCounts): string {
    const count = published + already + refused
    const perSecond = Math.round((count / (performance.now() - this.#startedAt)) * 1000)
    const parts = [`${count.toLocaleString('en')} lines`, `${perSecond.toLocaleString('en')}/s`]
    if (this.#totalBytes) parts.unshift(`${Math.floor((100 * this.#readBytes) / this.#totalBytes)} %`)
    if (already > 0) parts.push(`${already.toLocaleString('en')} were there already`)
    if (refused > 0) parts.push(`${refused.toLocaleString('en')} refused`)
    return parts.join(', ')
  }
}

function fieldsOf(data: string, { topic, type, id, retry, private: isPrivate }: PublishOptions): URLSearchParams {
  const fields = new URLSearchParams()
  for (const each of topic) fields.append('topic', each)
  fields.append('data', data)
  if (type !== undefined) fields.append('type', type)
  if (id !== undefined) fields.append('id', id)
  if (retry !== undefined) fields.append('retry', retry)
  if (isPrivate) fields.append('private', 'on')
  return fields
}

function deadline(seconds: number): number {
  return performance.now() + seconds * 1000
}

/** Returns a function that prints once that the hub is away. */
function reportOnce(hub: URL): (reason: string) => void {
  let isReported = false
  return (reason) => {
    if (!isReported) console.error(`headwater: ${awayText(hub, reason)}`)
    isReported = true
  }
}

function awayText(hub: URL, reason: string): string {
  return `no answer from ${hub.origin} (${reason}); retrying until there is one.`
}

function failure(outcome: Exclude<PublishOutcome, { name: 'published' }>, hub: URL): HubError {
  if (outcome.name === 'refused') return new HubError('HUB_REFUSED', `The hub refused the event: ${outcome.reason}`)
  return new HubError(
    'HUB_UNREACHABLE',
    `No hub answers at ${hub.origin} (${outcome.reason.replace(/[.?]$/, '')}). Start one with headwater serve --dev, or name another with --hub.`,
  )
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0) return seconds
  throw new HubError('INVALID_OPTION', `--wait ${text} is not a number of seconds.`)
}

/** The line's number comes after it, and a hub takes keys of at most 255 bytes. */
const maxKeyBytes = 200

function parseKey(text: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes > 0 && bytes <= maxKeyBytes && !/\p{Cc}/u.test(text)) return text
  throw new HubError(
    'INVALID_OPTION',
    `--key ${JSON.stringify(text.slice(0, 50))} is not a key: it must have 1 to ${maxKeyBytes} bytes and no control characters.`,
  )
}
