import { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import { shownText } from '../terminal/columns.ts'
import { paintFor } from '../terminal/paint.ts'
import { timeOf } from '../terminal/time-text.ts'
import { addPlaceFlags, type PlaceFlags, placeOf } from './history-flags.ts'
import { openHistory } from './kept-history.ts'
import type { Place } from './place.ts'

interface ShowOptions extends PlaceFlags {
  readonly json?: true
}

export function showCommand(): Command {
  const command = new Command('show')
    .summary('show one event in full, with the bytes that subscribers get')
    .description('Shows one event in full: its topics, its time, its data, and the bytes that subscribers get.')
    .argument('<id>', 'ID of the event, or its position')
  addPlaceFlags(command)
  return command
    .option('--json', 'print the event as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  headwater history show 1
  headwater history show 1 ./headwater-data --json`,
    )
    .action(show)
}

async function show(id: string, given: Place | undefined, options: ShowOptions): Promise<void> {
  const history = openHistory(placeOf(given, options), options.token)
  try {
    const found = await history.find(id)
    if (!found) {
      const shown = shownText(id, { lines: false })
      throw new HubError(
        'NOT_FOUND',
        `No event with the ID or position ${shown} is kept in ${history.text}. It may have been trimmed.`,
      )
    }
    const { event, frame } = found
    if (options.json) {
      process.stdout.write(`${JSON.stringify(event)}\n`)
      return
    }
    const paint = paintFor(process.stdout)
    const isTerminal = process.stdout.isTTY
    const line = (name: string, value: string) => `${paint('faint', name.padEnd(9))} ${value}\n`
    const shown = (text: string) => (isTerminal ? shownText(text) : text)
    const { position, at, topics, type, private: isPrivate, retry, bytes, data, traceparent, tracestate = '' } = event
    process.stdout.write(
      [
        line('id', shown(event.id)),
        line('position', `${position}`),
        line('stored', at === null ? 'the hub does not say when' : `${timeOf(at)} (${new Date(at).toISOString()})`),
        ...topics.map((topic, index) => line(index === 0 ? 'topic' : '', shown(topic))),
        line('type', paint.named(type, shown(type))),
        ...(isPrivate ? [line('private', 'yes')] : []),
        ...(retry === null ? [] : [line('retry', `${retry} ms`)]),
        ...(traceparent === undefined ? [] : [line('trace', shown(`${traceparent} ${tracestate}`.trimEnd()))]),
        line('data', `${bytes.toLocaleString('en')} bytes`),
        data === undefined
          ? 'The event is private, and the token does not grant one of its topics.\n'
          : `\n${shown(laidOut(data))}\n`,
        ...(frame === null ? [] : [`\n${paint('faint', 'On the wire:')}\n${shown(frame)}`]),
      ].join(''),
    )
  } finally {
    history.close()
  }
}

function laidOut(data: string): string {
  try {
    return JSON.stringify(JSON.parse(data), null, 2)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return data
  }
}
