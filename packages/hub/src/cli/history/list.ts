import { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import type { ObservedEvent } from '../../hub/observed-event.ts'
import { columnsOf, cutColumns, fitColumns, shownText } from '../terminal/columns.ts'
import { type Paint, paintFor } from '../terminal/paint.ts'
import { timeOf } from '../terminal/time-text.ts'
import {
  addFilterFlags,
  addPlaceFlags,
  type FilterFlags,
  filterOf,
  type PlaceFlags,
  type Point,
  placeOf,
  pointOption,
  positionOf,
} from './history-flags.ts'
import { openHistory } from './kept-history.ts'
import type { Place } from './place.ts'
import { warnOfDamage } from './warn-of-damage.ts'

interface ListOptions extends PlaceFlags, FilterFlags {
  readonly since?: Point
  readonly until?: Point
  readonly count: number
  readonly json?: true
}

export function listCommand(): Command {
  const command = new Command('list')
    .summary('list the newest events, or those of a time')
    .description(
      'Lists events with position, time, type, topic and data: the newest ones, or with --since the first ones from there on. The oldest comes first.',
    )
  addPlaceFlags(command)
  addFilterFlags(command)
  return command
    .addOption(pointOption('--since <point>', 'only from here on: an ID, a position, 10m ago, or 2027-01-31T08:00'))
    .addOption(pointOption('--until <point>', 'only before that'))
    .option('-n, --count <count>', 'how many events at most', parseCount, 20)
    .option('--json', 'print each event as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  headwater history list -n 5
  headwater history list http://127.0.0.1:3000 -t log --since 10m --json
  headwater history list ./headwater-data --type stock --until 2027-01-31T08:00`,
    )
    .action(list)
}

async function list(given: Place | undefined, options: ListOptions): Promise<void> {
  const { since, until, count, json } = options
  const history = openHistory(placeOf(given, options), options.token)
  try {
    const { epoch, head, count: kept } = await history.bounds()
    const after = since && (await positionOf(since, history, epoch, '--since')) - 1
    const before = until ? await positionOf(until, history, epoch, '--until') : head + 1
    const filter = filterOf(options)
    const events: ObservedEvent[] = []
    if (after === undefined) {
      for await (const page of history.back(filter, before)) {
        events.unshift(...page.slice(-(count - events.length)))
        if (events.length >= count) break
      }
    } else {
      for await (const page of history.forwards(filter, after, before - 1)) {
        events.push(...page.slice(0, count - events.length))
        if (events.length >= count) break
      }
    }
    if (json) for (const event of events) process.stdout.write(`${JSON.stringify(event)}\n`)
    else process.stdout.write(tableOf(events, process.stdout, paintFor(process.stdout)))
    warnOfDamage(history)
    if (!json)
      console.error(
        `headwater: ${events.length} of the ${kept.toLocaleString('en')} events that are kept in ${history.text}.`,
      )
  } finally {
    history.close()
  }
}

/** Below so many columns, each event has two lines. */
const narrow = 64

/** The events as lines of a terminal, or of a pipe, where nothing is cut off. */
export function tableOf(
  events: readonly ObservedEvent[],
  { isTTY, columns = 80 }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>,
  paint: Paint,
): string {
  const width = Math.max(1, ...events.map(({ position }) => `${position}`.length))
  const typeWidth = Math.min(12, Math.max(1, ...events.map(({ type }) => columnsOf(oneLine(type)))))
  const topicWidth = Math.min(24, Math.max(1, ...events.map(({ topics }) => columnsOf(oneLine(topics[0]!)))))
  return events
    .map((event) => {
      const { position, at, topics, type, private: isPrivate } = event
      const place = paint('faint', `${position}`.padStart(width))
      const time = at === null ? '-'.padEnd(19) : timeOf(at)
      const data = `${isPrivate ? '(private) ' : ''}${dataOf(event)}`
      const [name, topic] = [oneLine(type), oneLine(topics.join(', '))]
      if (!isTTY) return `${place} ${time} ${fitColumns(name, typeWidth)} ${topic} ${data}\n`
      if (columns >= narrow) {
        const room = columns - width - 1 - 20 - typeWidth - 1 - topicWidth - 1
        return `${place} ${time} ${paint.named(type, fitColumns(name, typeWidth))} ${fitColumns(topic, topicWidth)} ${cutColumns(data, room)}\n`
      }
      const room = columns - width - 1 - 9
      const about = cutColumns(`${name} ${topic}`, room)
      const rest = about.slice(name.length)
      const head = about.startsWith(name) ? `${paint.named(type, name)}${rest}` : about
      return `${place} ${time.slice(11)} ${head}\n${' '.repeat(width + 1)}${cutColumns(data, columns - width - 1)}\n`
    })
    .join('')
}

function dataOf({ data, bytes }: ObservedEvent): string {
  return data === undefined ? `${bytes} bytes, not for this token` : oneLine(data)
}

function oneLine(text: string): string {
  return shownText(text.replace(/\s*\n\s*/g, ' '), { lines: false })
}

function parseCount(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError('INVALID_OPTION', `-n ${text} is not a number of events, 1 to 9,999,999.`)
}
