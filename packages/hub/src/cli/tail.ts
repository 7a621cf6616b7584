import { ConnectionError, events } from '@headwater/sse/client'
import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { authorizationOf, detailOf } from './hub-client.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'

interface TailOptions {
  topic: string[]
  hub: URL
  token?: string
  lastEventId?: string
  last?: string
  json?: true
}

export function tailCommand(): Command {
  const command = new Command('tail')
    .summary('print the events of a topic as they arrive')
    .description(
      'Subscribes, and prints the data of each event. If the connection breaks, it reconnects and resumes where it was. Reports gaps and connection problems on standard error. Ctrl-C ends it.',
    )
    .addOption(
      new Option('-t, --topic <topic>', 'topic; repeat it for more; * for all')
        .argParser((topic: string, before: string[]) => [...before, topic])
        .default([], '*'),
    )
    .addOption(hubOption())
    .addOption(tokenOption())
    .option(
      '--last-event-id <id>',
      'start after this event; "earliest" for the whole history; default: only new events',
    )
    .option('-n, --last <count>', 'start with the last COUNT events, at most 10,000')
    .option('--json', 'print each event as a line of JSON: {"id":…,"type":…,"data":…}')
    .addHelpText(
      'after',
      `
Examples:
  headwater tail -t log -n 10
  headwater tail --last-event-id earliest --json | jq .data`,
    )
    .action(tail)
  return usesHubConfiguration(command, ['hub'])
}

async function tail({ topic, hub, token, lastEventId, last, json }: TailOptions): Promise<void> {
  if (last !== undefined && !/^\d+$/.test(last)) {
    throw new HubError('INVALID_OPTION', `--last ${last} is not a number of events.`)
  }
  // It goes into a header.
  if (lastEventId !== undefined && /\p{Cc}/u.test(lastEventId)) {
    throw new HubError(
      'INVALID_OPTION',
      `--last-event-id ${JSON.stringify(lastEventId)} is not an event ID: it contains a control character.`,
    )
  }
  const url = new URL(hub)
  for (const each of topic.length > 0 ? topic : ['*']) url.searchParams.append('match', each)
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())

  let isAway = false
  try {
    const stream = events(url, {
      headers: authorizationOf(token),
      lastEventId: lastEventId ?? (last === undefined ? undefined : `-${last}`),
      retry: { maxBackoffMs: 5000 },
      idleTimeoutMs: 60_000,
      signal: interrupted.signal,
      onState(state) {
        if (state.name === 'open' && isAway) console.error('headwater: connected again.')
        if (state.name === 'waiting' && !isAway) {
          console.error(`headwater: ${state.failure.message.replace(/\.$/, '')}; retrying until the hub answers.`)
        }
        isAway = state.name === 'waiting' || (state.name === 'connecting' && isAway)
      },
    })
    for await (const { type, data, lastEventId: id } of stream) {
      if (type === GAP_EVENT_TYPE) console.error(`headwater: events were missed: ${describeGap(data)}`)
      else console.log(json ? JSON.stringify({ id, type, data }) : data)
    }
  } catch (error) {
    if (interrupted.signal.aborted) return
    if (!(error instanceof ConnectionError)) throw error
    const reason = error.status === undefined ? error.message : `${error.status} ${detailOf(error.body ?? '')}`
    throw new HubError('HUB_REFUSED', `The hub refused the subscription: ${reason}`, { cause: error })
  }
}

function describeGap(data: string): string {
  const { reason, requested } = JSON.parse(data) as { reason: string; requested: string }
  return `${gapReasons[reason] ?? reason} (requested events after ${requested}).`
}

const gapReasons: Record<string, string> = {
  trimmed: 'they are no longer in the history',
  epoch: 'the hub began a new history',
  unknown: 'the hub does not know the last event ID',
  ahead: 'the last event ID is beyond the end of the history, as after restoring a backup',
}
