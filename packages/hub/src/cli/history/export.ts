import { closeSync, openSync, writeSync } from 'node:fs'
import { encodeEvent } from '@headwater/sse'
import { Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import type { ObservedEvent } from '../../hub/observed-event.ts'
import { StatusLine } from '../terminal/status-line.ts'
import { type ExportHeader, toExported } from './export-file.ts'
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
import { type HistoryBounds, isEverything, type KeptHistory, openHistory } from './kept-history.ts'
import type { Place } from './place.ts'
import { warnOfDamage } from './warn-of-damage.ts'

interface ExportOptions extends PlaceFlags, FilterFlags {
  readonly since?: Point
  readonly until?: Point
  readonly output?: string
  readonly format: 'jsonl' | 'stream'
  readonly publicOnly?: true
  readonly skipDamaged?: true
}

export function exportCommand(): Command {
  const command = new Command('export')
    .summary('write events to a file, to keep them or to import them elsewhere')
    .description(
      'Writes the events that are kept, the oldest first: as lines of JSON that headwater history import reads, or as an event stream. All of a history, imported into an empty directory, is the same history again. The file contains private events as well, so it is readable for its owner only.',
    )
  addPlaceFlags(command)
  addFilterFlags(command)
  return command
    .addOption(pointOption('--since <point>', 'only from here on: an ID, a position, 10m ago, or 2027-01-31T08:00'))
    .addOption(pointOption('--until <point>', 'only before that'))
    .option('-o, --output <file>', 'file to write, which must not exist; default: standard output')
    .addOption(
      new Option('--format <format>', 'lines of JSON, or the event stream that a subscriber gets')
        .choices(['jsonl', 'stream'])
        .default('jsonl'),
    )
    .option('--public-only', 'leave private events out')
    .option('--skip-damaged', 'leave out what is damaged in the files of a directory, instead of refusing')
    .addHelpText(
      'after',
      `
Examples:
  headwater history export -o events.jsonl
  headwater history export ./headwater-data -t log --since 7d --format stream`,
    )
    .action(exportHistory)
}

async function exportHistory(given: Place | undefined, options: ExportOptions): Promise<void> {
  const history = openHistory(placeOf(given, options), options.token)
  try {
    const bounds = await history.bounds()
    const output = new Output(options.output)
    try {
      const events = await write(history, bounds, output, options)
      output.close()
      await assertUntrimmed(history, bounds, events)
      warnOfDamage(history)
    } catch (error) {
      output.close()
      throw error
    }
  } finally {
    history.close()
  }
}

/** Returns the position before the first event, and how many there are. */
async function write(history: KeptHistory, bounds: HistoryBounds, output: Output, options: ExportOptions) {
  const { since, until, format, publicOnly, skipDamaged } = options
  const { epoch, head, trimmed } = bounds
  const filter = filterOf(options)
  const after = since ? (await positionOf(since, history, epoch, '--since')) - 1 : trimmed.position
  const through = until ? (await positionOf(until, history, epoch, '--until')) - 1 : head
  // What came before or after is not left out: an import says where it begins and ends.
  const isPart = !isEverything(filter) || publicOnly === true || skipDamaged === true || after > trimmed.position
  const header: ExportHeader = { headwater: 'history', version: 1, epoch, after: trimmed, isPart }
  if (format === 'jsonl') output.write(`${JSON.stringify(header)}\n`)
  const status = new StatusLine()
  let count = 0
  for await (const page of history.forwards(filter, after, through)) {
    const written = publicOnly ? page.filter(({ private: isPrivate }) => !isPrivate) : page
    output.write(written.map((event) => textOf(event, format)).join(''))
    count += written.length
    if (!skipDamaged && history.damaged > 0) throw damagedEvents(history)
    status.show(() => `${count.toLocaleString('en')} events`)
  }
  if (!skipDamaged && history.damaged > 0) throw damagedEvents(history)
  if (format === 'jsonl') output.write(`${JSON.stringify({ headwater: 'end', events: count })}\n`)
  status.print(`headwater: exported ${count.toLocaleString('en')} events of ${history.text}.`)
  return { after, count }
}

/** A history with holes that nobody knows of would be one in which subscribers miss something silently. */
function damagedEvents({ text }: KeptHistory): HubError {
  return new HubError(
    'STORE_FAILED',
    `There are damaged events in ${text} (headwater doctor says which). --skip-damaged leaves them out; the export is then a part of the history.`,
  )
}

function textOf(event: ObservedEvent, format: ExportOptions['format']): string {
  const { position, type, data, id, retry } = event
  if (data === undefined) {
    throw new HubError(
      'FORBIDDEN',
      `The event at position ${position} is private, and the token does not grant one of its topics. Use a token with --observe --subscribe '*', or --public-only.`,
    )
  }
  if (format === 'jsonl') return `${JSON.stringify(toExported(event))}\n`
  return encodeEvent({ data, type: type === 'message' ? undefined : type, id, retry: retry ?? undefined })
}

/** A hub may have trimmed what was still to be read. */
async function assertUntrimmed(history: KeptHistory, { epoch }: HistoryBounds, { after }: { readonly after: number }) {
  const now = await history.bounds()
  if (now.epoch === epoch && now.trimmed.position <= after) return
  throw new HubError(
    'HUB_REFUSED',
    `${history.text} dropped its oldest events meanwhile, so that some may be missing in the export. Run the command again.`,
  )
}

/** Where an export goes. */
class Output {
  #file: number
  readonly #isOwn: boolean

  constructor(path: string | undefined) {
    this.#isOwn = path !== undefined
    if (path === undefined) {
      this.#file = 1
      return
    }
    try {
      this.#file = openSync(path, 'wx', 0o600)
    } catch (error) {
      const why =
        (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it exists. Name another file' : (error as Error).message
      throw new HubError('INVALID_OPTION', `--output ${path} cannot be written: ${why}.`, { cause: error })
    }
  }

  write(text: string): void {
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) {
      try {
        written += writeSync(this.#file, bytes, written)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        // A pipe whose reader is slow.
        if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
        // One whose reader has gone.
        else if (code === 'EPIPE') process.exit(0)
        else
          throw new HubError('STORE_FAILED', `The export cannot be written: ${(error as Error).message}`, {
            cause: error,
          })
      }
    }
  }

  close(): void {
    if (this.#isOwn && this.#file >= 0) closeSync(this.#file)
    this.#file = -1
  }
}
