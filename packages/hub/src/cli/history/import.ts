import { createReadStream, existsSync } from 'node:fs'
import { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import { StatusLine } from '../terminal/status-line.ts'
import { type ExportedEvent, type ExportPart, readExport } from './export-file.ts'
import { addPlaceFlags, type PlaceFlags, placeOf } from './history-flags.ts'
import { importIntoDirectory } from './import-into-directory.ts'
import { importIntoHub } from './import-into-hub.ts'
import type { ImportCounts, Importing } from './importing.ts'
import type { Place } from './place.ts'

export function importCommand(): Command {
  const command = new Command('import')
    .summary('read events from a file of export into a hub or a directory')
    .description(
      'Imports the file of an export, in its order; run it again and nothing is doubled. All of a history, imported into an empty directory, is that history again: IDs, positions and times are the same, and its subscribers resume. Anywhere else the events come after those that are there, stored now, and keep their IDs as ones that a publisher chose. A hub needs a token that may publish to their topics.',
    )
    .argument('<file>', 'file of headwater history export; - for standard input')
  addPlaceFlags(command)
  return command
    .addHelpText(
      'after',
      `
Examples:
  headwater history import events.jsonl
  headwater history import events.jsonl ./restored-data`,
    )
    .action(importHistory)
}

async function importHistory(file: string, given: Place | undefined, options: PlaceFlags): Promise<void> {
  if (file !== '-' && !existsSync(file)) throw new HubError('INVALID_OPTION', `There is no file ${file}.`)
  const place = placeOf(given, options)
  const parts = readExport(file === '-' ? process.stdin : createReadStream(file))
  const first = await parts.next()
  // The first part is the header, or reading it throws.
  const { header } = first.value as Extract<ExportPart, { name: 'header' }>
  const counts: ImportCounts = { imported: 0, already: 0, trimmed: 0, reports: 0, streamRecords: 0, refused: 0 }
  const status = new StatusLine()
  const input = new EventsOf(parts)
  const importing: Importing = {
    header,
    events: input.read(),
    counts,
    onProgress: () =>
      status.show(
        () => `${input.count.toLocaleString('en')} events read, ${counts.imported.toLocaleString('en')} imported`,
      ),
    say: (text) => status.print(`headwater: ${text}`),
  }
  try {
    if (place.name === 'hub') await importIntoHub({ url: place.url, token: options.token }, importing)
    else await importIntoDirectory(place.directory, importing)
  } finally {
    status.clear()
  }
  console.error(`headwater: ${textOf(counts)}.`)
  if (counts.refused > 0) process.exitCode = 1
  if (input.end === undefined || input.end !== input.count) {
    throw new HubError(
      'INVALID_DATA',
      'The file has no end: it was cut off. What it has is imported; the rest is missing.',
    )
  }
}

/** The events of a file, and what its last line says. */
class EventsOf {
  count = 0
  end: number | undefined
  readonly #parts: AsyncIterable<ExportPart>

  constructor(parts: AsyncIterable<ExportPart>) {
    this.#parts = parts
  }

  async *read(): AsyncGenerator<{ readonly event: ExportedEvent; readonly line: number }> {
    for await (const part of this.#parts) {
      if (part.name === 'end') this.end = part.end.events
      if (part.name !== 'event') continue
      this.count++
      yield part
    }
  }
}

function textOf({ imported, already, trimmed, reports, streamRecords, refused }: ImportCounts): string {
  const parts = [
    `imported ${imported.toLocaleString('en')} events`,
    `${already.toLocaleString('en')} were there already`,
  ]
  if (trimmed > 0) parts.push(`${trimmed.toLocaleString('en')} are of this history, which has them or has dropped them`)
  if (reports > 0) parts.push(`${reports.toLocaleString('en')} about subscriptions were left out`)
  if (streamRecords > 0) {
    const records = `${streamRecords.toLocaleString('en')} records of streams were left out`
    parts.push(`${records}: they go with a whole history, into an empty directory`)
  }
  if (refused > 0) parts.push(`${refused.toLocaleString('en')} were refused`)
  return parts.join('; ')
}
