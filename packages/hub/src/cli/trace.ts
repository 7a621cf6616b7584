import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import type { TracedEvent } from '../hub/traced-event.ts'
import { authorizationOf, causeOf, detailOf } from './hub-client.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'

interface TraceOptions {
  hub: URL
  token?: string
  json?: true
}

export function traceCommand(): Command {
  const command = new Command('trace')
    .summary('print what a hub knows of an event')
    .description(
      "Prints what a hub knows of the event with an ID: whether it is kept, its position, topics, when it was stored, the trace in which it was published, and how many of the hub's subscribers of now are past it. Needs a token that grants observe, except with --dev. Exits with 1 if the event is not kept.",
    )
    .argument('<id>', 'the ID with which subscribers got it, or which publish printed')
    .addOption(hubOption())
    .addOption(tokenOption())
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Example:
  headwater trace "$(headwater publish -t log hello)"`,
    )
    .action(async (id: string, options: TraceOptions) => {
      const traced = await ask(id, options)
      console.log(options.json ? JSON.stringify(traced) : describe(traced))
      if (traced.state !== 'kept') process.exitCode = 1
    })
  return usesHubConfiguration(command, ['hub'])
}

async function ask(id: string, { hub, token }: TraceOptions): Promise<TracedEvent> {
  const url = `${hub.href.replace(/\/$/, '')}/headwater/v1/history/trace?id=${encodeURIComponent(id)}`
  let response: Response
  try {
    response = await fetch(url, { headers: authorizationOf(token), redirect: 'error' })
  } catch (error) {
    throw new HubError('HUB_UNREACHABLE', `There is no hub at ${hub.origin}: ${causeOf(error)}.`)
  }
  const text = await response.text()
  if (response.status === 200) return JSON.parse(text) as TracedEvent
  const hint =
    response.status === 401 || response.status === 403 ? ' Pass a token that grants it: headwater token --observe.' : ''
  throw new HubError('HUB_REFUSED', `The hub refused to say: ${response.status} ${detailOf(text)}${hint}`)
}

function describe({ state, event, trace, subscribers, ...traced }: TracedEvent): string {
  const { id, position, positionId, epoch, node, head, earliest } = traced
  const lines: [string, string | undefined][] = [
    ['id', id],
    ['state', wordsFor(state, position, earliest)],
    ['position', position === null ? undefined : `${position} of ${head}`],
    ['resume from', positionId !== null && positionId !== id ? positionId : undefined],
    ['stored', event?.at ? new Date(event.at).toISOString() : undefined],
    ['topics', event?.topics.map((topic) => JSON.stringify(topic)).join(', ')],
    ['type', event?.type],
    ['private', event ? String(event.private) : undefined],
    ['data', event ? `${event.bytes} bytes` : undefined],
    ['trace', trace ? `${trace.traceId}${trace.isSampled ? '' : ' (not sampled)'}` : event ? 'none' : undefined],
    ['traceparent', trace?.traceparent],
    ['tracestate', trace?.tracestate],
    ['subscribers', subscribers ? `${subscribers.past} past it, ${subscribers.behind} not yet` : undefined],
    ['history', node === null ? epoch : `${epoch}, by hub ${node}`],
  ]
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(12)} ${value}`)
    .join('\n')
}

function wordsFor(state: TracedEvent['state'], position: number | null, earliest: number | null): string {
  switch (state) {
    case 'kept':
      return 'kept'
    case 'trimmed':
      return `trimmed: ${earliest === null ? 'nothing is kept' : `the oldest kept event is at ${earliest}`}`
    case 'other history':
      return 'of another history: another hub, or one that was made anew'
    case 'replaced':
      return `gone: another event is at ${position} since a backup was restored, or a failover lost the end`
    case 'ahead':
      return 'not here yet, or lost: its position is after the newest event'
    case 'damaged':
      return 'damaged: headwater doctor says more'
    case 'unknown':
      return 'unknown: no event that is kept has this ID'
  }
}
