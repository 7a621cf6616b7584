import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import { type PublishOutcome, publishWithRetry } from './hub-client.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'
import { publishLines } from './publish-lines.ts'

interface PublishOptions {
  topic: string[]
  hub: URL
  token?: string
  type?: string
  id?: string
  retry?: string
  private?: true
  wait?: number
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('publish an event, or each line of standard input as one')
    .description(
      'Publishes an event and prints its ID. Without data, publishes each line of standard input as an event, in order and at once. Lines that come faster than the hub answers are sent together. While the hub is away, the command keeps trying and does not read far ahead, so that nothing is lost. If a response is lost, it sends the event again, and the hub recognises it: nothing is published twice.',
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
    .addHelpText(
      'after',
      `
Examples:
  headwater publish -t log 'hello'
  headwater publish -t 'https://example.com/books/1' --type stock '{"left":3}'
  tail -f /var/log/syslog | headwater publish -t log`,
    )
    .action((data: string | undefined, options: PublishOptions) =>
      data === undefined ? publishStandardInput(options) : publishData(data, options),
    )
  return usesHubConfiguration(command, ['hub'])
}

async function publishData(data: string, options: PublishOptions): Promise<void> {
  const { hub, token, wait = 0 } = options
  const outcome = await publishWithRetry(hub, fieldsOf(data, options), {
    token,
    until: deadline(wait),
    onAway: reportOnce(hub),
  })
  if (outcome.name !== 'published') throw failure(outcome, hub)
  console.log(outcome.id)
}

async function publishStandardInput(options: PublishOptions): Promise<void> {
  const { hub, token, topic, type, retry, private: isPrivate, wait = Infinity, id } = options
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

  const { published, refused, stop } = await publishLines(process.stdin, {
    hub,
    token,
    toEvent: (data) => ({
      topic,
      data,
      type,
      retry: retry === undefined ? undefined : Number(retry),
      private: isPrivate,
    }),
    waitMs: wait * 1000,
    onAway: (reason) => console.error(`headwater: ${awayText(hub, reason)}`),
    onRefused: (line, reason) => console.error(`headwater: line ${line} was not published: ${reason}`),
  })
  if (stop) {
    // Reading ahead would keep the process waiting for more.
    process.stdin.destroy()
    throw new HubError(
      stop.name === 'away' ? 'HUB_UNREACHABLE' : 'HUB_REFUSED',
      `${failure(stop, hub).message} ${published} events were published before.`,
    )
  }
  console.error(`headwater: published ${published} events${refused > 0 ? `; ${refused} were refused` : ''}.`)
  if (refused > 0) process.exitCode = 1
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
    `No hub answers at ${hub.origin} (${outcome.reason}). Start one with headwater serve --dev, or name another with --hub.`,
  )
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0) return seconds
  throw new HubError('INVALID_OPTION', `--wait ${text} is not a number of seconds.`)
}
