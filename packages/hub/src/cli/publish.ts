import { Command } from 'commander'
import { HubError } from '../errors.ts'
import { type PublishOutcome, publishWithRetry } from './hub-client.ts'
import { hubOption } from './hub-option.ts'
import { readLines } from './lines.ts'

interface PublishOptions {
  topic: string[]
  hub: URL
  type?: string
  id?: string
  retry?: string
  private?: true
  wait?: number
}

export function publishCommand(): Command {
  return new Command('publish')
    .summary('publish an event, or each line of standard input as one')
    .description(
      'Publishes an event and prints its ID. Without data, each line of standard input is an event, sent in order, one after the other. While the hub is away it keeps trying, and does not read on, so that nothing is lost; an event whose answer got lost is sent again.',
    )
    .argument('[data]', 'the data of the event; without it, standard input is read')
    .requiredOption(
      '-t, --topic <topic>',
      'topic; give it again for alternates',
      (topic: string, before: string[] = []) => [...before, topic],
    )
    .addOption(hubOption())
    .option('--type <type>', 'event type; without it subscribers get a message event')
    .option('--id <id>', "event ID of one's own choosing (one event only)")
    .option('--retry <ms>', 'reconnection time for those who get it, in milliseconds')
    .option('--private', 'only for subscribers with a right to the topic')
    .option(
      '--wait <seconds>',
      'how long to keep trying while the hub is away; default: 0 with data, for ever with standard input',
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
      data === undefined ? publishLines(options) : publishData(data, options),
    )
}

async function publishData(data: string, options: PublishOptions): Promise<void> {
  const { hub, wait = 0 } = options
  const outcome = await publishWithRetry(hub, fieldsOf(data, options), { until: deadline(wait), onAway: tellOnce(hub) })
  if (outcome.name !== 'published') throw failure(outcome, hub)
  console.log(outcome.id)
}

async function publishLines(options: PublishOptions): Promise<void> {
  const { hub, wait = Infinity, id } = options
  if (id !== undefined) {
    throw new HubError(
      'INVALID_OPTION',
      '--id names one event, and standard input has many. Give the data as an argument.',
    )
  }
  if (process.stdin.isTTY) console.error('headwater: each line you type is published; Ctrl-D ends.')

  let published = 0
  let refused = 0
  for await (const line of readLines(process.stdin)) {
    const outcome = await publishWithRetry(hub, fieldsOf(line, options), {
      until: deadline(wait),
      onAway: tellOnce(hub),
    })
    if (outcome.name === 'published') published++
    else if (outcome.name === 'refused' && outcome.status === 413) {
      // The one refusal that is about this line alone.
      refused++
      console.error(`headwater: line ${published + refused} was not published: ${outcome.reason}`)
    } else {
      throw new HubError(
        outcome.name === 'away' ? 'HUB_UNREACHABLE' : 'HUB_REFUSED',
        `${failure(outcome, hub).message} ${published} events were published before.`,
      )
    }
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

/** Tells of a hub that is away, but once for each time it goes. */
function tellOnce(hub: URL): (reason: string) => void {
  let isTold = false
  return (reason) => {
    if (!isTold) console.error(`headwater: no answer from ${hub.origin} (${reason}); trying again until there is.`)
    isTold = true
  }
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
  throw new HubError('INVALID_OPTION', `--wait ${text} is no number of seconds.`)
}
