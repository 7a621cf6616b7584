import { ConnectionError, events } from '@headwater/sse/client'
import { GAP_EVENT_TYPE, POSITION_EVENT_TYPE } from '@headwater/sse/server'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { authorizationOf, detailOf } from './hub-client.ts'
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
  return new Command('tail')
    .summary('print the events of a topic as they come')
    .description(
      'Subscribes, and prints the data of each event. When the connection breaks it comes back and goes on where it was; gaps and connection troubles are told on standard error. Ctrl-C ends it.',
    )
    .addOption(
      new Option('-t, --topic <topic>', 'topic; give it again for more; * for all')
        .argParser((topic: string, before: string[]) => [...before, topic])
        .default([], '*'),
    )
    .addOption(hubOption())
    .addOption(tokenOption())
    .option('--last-event-id <id>', 'start after this event; "earliest" for all that is kept; default: what comes next')
    .option('-n, --last <count>', 'start with the last so many events, at most 10000')
    .option('--json', 'print each event as a line of JSON: {"id":…,"type":…,"data":…}')
    .addHelpText(
      'after',
      `
Examples:
  headwater tail -t log -n 10
  headwater tail --last-event-id earliest --json | jq .data`,
    )
    .action(tail)
}

async function tail({ topic, hub, token, lastEventId, last, json }: TailOptions): Promise<void> {
  if (last !== undefined && !/^\d+$/.test(last)) {
    throw new HubError('INVALID_OPTION', `--last ${last} is no number of events.`)
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
          console.error(
            `headwater: ${state.failure.message.replace(/\.$/, '')}; trying again until there is an answer.`,
          )
        }
        isAway = state.name === 'waiting' || (state.name === 'connecting' && isAway)
      },
    })
    for await (const { event: type, data, lastEventId: id } of stream) {
      if (type === POSITION_EVENT_TYPE) continue
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
  return `${gapReasons[reason] ?? reason} (asked for what came after ${requested}).`
}

const gapReasons: Record<string, string> = {
  trimmed: 'they are no longer kept',
  epoch: 'the hub began a new history',
  unknown: 'the hub does not know the last one seen',
  ahead: 'the hub has not come that far, as after restoring a backup',
}
